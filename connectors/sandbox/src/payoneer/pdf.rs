//! A small PDF of some lines of text. Source: ISO 32000-1, sections 7.5 and 9.

/// Writes one page.
pub(super) fn of(lines: &[String]) -> Vec<u8> {
    let shown: String = lines.iter().map(|line| format!("({}) Tj T*\n", escaped(line))).collect();
    let stream = format!("BT /F1 12 Tf 16 TL 72 760 Td\n{shown}ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 4 0 R >> >> /Contents 5 0 R >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
        format!("<< /Length {} >>\nstream\n{stream}\nendstream", stream.len()),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut offsets = Vec::new();
    for (index, object) in objects.iter().enumerate() {
        offsets.push(file.len());
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", index + 1));
    }
    let start = file.len();
    file.push_str(&format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1));
    offsets.iter().for_each(|offset| file.push_str(&format!("{offset:010} 00000 n \n")));
    file.push_str(&format!("trailer\n<< /Size {} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n", objects.len() + 1));
    file.into_bytes()
}

/// Only what its font has.
fn escaped(text: &str) -> String {
    let plain = text.chars().map(|sign| if sign.is_ascii() && !sign.is_ascii_control() { sign } else { '?' });
    plain.collect::<String>().replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_object_is_where_the_table_says() {
        let file = String::from_utf8(of(&["50 (of 100) \\ x".to_owned()])).expect("it is ASCII");
        let table = file.split("xref\n").nth(1).expect("it has a table");
        let offsets: Vec<usize> =
            table.lines().skip(2).take(5).map(|line| line[..10].parse().expect("a number")).collect();
        for (index, offset) in offsets.into_iter().enumerate() {
            assert!(file[offset..].starts_with(&format!("{} 0 obj\n", index + 1)), "object {index}");
        }
        assert!(file.contains(r"(50 \(of 100\) \\ x) Tj"), "{file}");
        let start: usize = file.lines().rev().nth(1).and_then(|line| line.parse().ok()).expect("a number");
        assert!(file[start..].starts_with("xref"), "{start}");
    }
}

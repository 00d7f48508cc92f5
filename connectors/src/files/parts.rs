//! A table that is too large for one upload, cut between its records.

use std::io::{self, BufRead};

use serde::{Deserialize, Serialize};

use super::Range;

/// A part of a table, which is a table itself: the head of the whole, and some of its records.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Part {
    /// Which one it is, from 1 on.
    pub number: usize,
    /// How many there are.
    pub count: usize,
    /// Its records.
    pub records: u64,
    /// How its lines end: `LF` or `CRLF`, as its head does.
    pub line_ending: String,
    /// Where it is in the file.
    pub ranges: Vec<Range>,
    /// The length of the file that was cut.
    pub file_bytes: u64,
    /// When that was changed last, in Unix nanoseconds.
    pub file_modified_ns: u64,
}

/// How far a table is read: what is within quotes ends no record. Source: RFC 4180.
#[derive(Default)]
struct Scan {
    at: u64,
    is_quoted: bool,
    /// The byte before.
    last: u8,
    /// Whether the record before ends with `\r\n`.
    ends_with_return: bool,
    /// Whether a line ended with `\r` alone.
    has_bare_return: bool,
}

impl Scan {
    /// Goes behind the next record; whether there is one. A line without anything is none.
    fn record(&mut self, table: &mut impl BufRead) -> io::Result<bool> {
        let mut is_begun = false;
        loop {
            let buffer = table.fill_buf()?;
            if buffer.is_empty() {
                return Ok(is_begun);
            }
            let (mut used, mut is_over) = (0, false);
            for byte in buffer {
                used += 1;
                let before = std::mem::replace(&mut self.last, *byte);
                self.has_bare_return |= !self.is_quoted && before == b'\r' && *byte != b'\n';
                match byte {
                    b'"' => {
                        self.is_quoted = !self.is_quoted;
                        is_begun = true;
                    }
                    b'\n' if !self.is_quoted => {
                        if is_begun {
                            self.ends_with_return = before == b'\r';
                            is_over = true;
                            break;
                        }
                    }
                    b'\r' if !self.is_quoted => {}
                    _ => is_begun = true,
                }
            }
            table.consume(used);
            self.at += used as u64;
            if is_over {
                return Ok(true);
            }
        }
    }
}

/// Cuts a table into parts of at most `max_bytes`, each with the head of the whole. One with a head alone has none.
///
/// # Errors
/// In words, what is no table, or cannot be cut.
pub fn parts_of(
    mut table: impl BufRead,
    (file_bytes, file_modified_ns): (u64, u64),
    max_bytes: u64,
) -> Result<Vec<Part>, String> {
    let mut scan = Scan::default();
    let unread = |error: io::Error| format!("it cannot be read: {error}");
    if table.fill_buf().map_err(unread)?.starts_with(b"\xef\xbb\xbf") {
        table.consume(3);
        scan.at = 3;
    }
    let mut head = Range { from: scan.at, to: scan.at };
    if !scan.record(&mut table).map_err(unread)? {
        return Err("it is empty; its first line has the names of the columns".to_owned());
    }
    head.to = scan.at;
    let line_ending = if scan.ends_with_return { "CRLF" } else { "LF" };
    let head_bytes = head.to - head.from;
    let mut found: Vec<(Range, u64)> = Vec::new();
    let mut current = (Range { from: head.to, to: head.to }, 0);
    loop {
        let begin = scan.at;
        if !scan.record(&mut table).map_err(unread)? {
            break;
        }
        if scan.at - begin + head_bytes > max_bytes {
            return Err(format!("the record at byte {begin} is longer than a part of {max_bytes} bytes"));
        }
        if scan.at - current.0.from + head_bytes > max_bytes {
            found.push(current);
            current = (Range { from: begin, to: begin }, 0);
        }
        current = (Range { to: scan.at, ..current.0 }, current.1 + 1);
    }
    if scan.has_bare_return {
        return Err("a line of it ends with a carriage return alone; lines end with LF, or with CR and LF".to_owned());
    }
    if scan.is_quoted {
        return Err("it ends within quotes; a quote is missing, or the file was cut".to_owned());
    }
    found.extend(Some(current).filter(|(_, records)| *records > 0));
    let count = found.len();
    let part = |(index, (range, records)): (usize, (Range, u64))| Part {
        number: index + 1,
        count,
        records,
        line_ending: line_ending.to_owned(),
        ranges: vec![head, range],
        file_bytes,
        file_modified_ns,
    };
    Ok(found.into_iter().enumerate().map(part).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The parts as texts, and how many records each has.
    fn cut(table: &str, max_bytes: u64) -> Result<Vec<(String, u64)>, String> {
        let parts = parts_of(io::BufReader::with_capacity(3, table.as_bytes()), (table.len() as u64, 0), max_bytes)?;
        let text = |part: &Part| -> String {
            let place = |bytes: u64| usize::try_from(bytes).unwrap();
            part.ranges.iter().map(|range| &table[place(range.from)..place(range.to)]).collect()
        };
        Ok(parts.iter().map(|part| (text(part), part.records)).collect())
    }

    #[test]
    fn a_table_is_cut_between_records_and_each_part_has_the_head() {
        let table = "a,b\n1,2\n3,\"x\ny\"\n\n5,6";
        let whole = |text: &str, records| Ok(vec![(text.to_owned(), records)]);
        assert_eq!(cut(table, 100), whole(table, 3));
        let parts = [("a,b\n1,2\n", 1), ("a,b\n3,\"x\ny\"\n", 1), ("a,b\n\n5,6", 1)];
        assert_eq!(cut(table, 14), Ok(parts.map(|(text, records)| (text.to_owned(), records)).to_vec()));
        assert_eq!(cut("\u{feff}a\n1\n", 9), whole("a\n1\n", 1), "what says the order of bytes is left out");
        assert_eq!(cut("a,b\n", 100), Ok(vec![]), "a head alone has nothing to send");
        assert_eq!(cut("", 100).unwrap_err(), "it is empty; its first line has the names of the columns");
        assert!(cut("a\n\"1\n2\n", 100).unwrap_err().contains("within quotes"));
        assert!(cut("a\r1\r2\r", 100).unwrap_err().contains("a carriage return alone"));
        assert_eq!(cut("a\r\n\"1\r2\"\r\n", 100), whole("a\r\n\"1\r2\"\r\n", 1), "within quotes it is a letter");
        assert!(cut("a\n1\n1234567890\n", 6).unwrap_err().contains("the record at byte 4"));
    }

    #[test]
    fn a_part_says_how_its_lines_end() {
        let ending = |table: &str| parts_of(table.as_bytes(), (0, 0), 100).unwrap()[0].line_ending.clone();
        assert_eq!((ending("a\r\n1\r\n"), ending("a\n1\n")), ("CRLF".to_owned(), "LF".to_owned()));
    }

    /// All records are in one part each, in their order, wherever it is cut.
    #[test]
    fn no_record_is_lost_between_parts() {
        let records: Vec<String> = (0..300).map(|n| format!("{n},\"{}\"\n", "q\n".repeat(n % 7))).collect();
        let table = format!("n,text\n{}", records.concat());
        for max_bytes in [40, 41, 57, 100, 1_000] {
            let parts = cut(&table, max_bytes).unwrap();
            let joined: String = parts.iter().map(|(text, _)| text.strip_prefix("n,text\n").unwrap()).collect();
            assert_eq!((joined, parts.iter().map(|(_, records)| records).sum::<u64>()), (records.concat(), 300));
            assert!(parts.iter().all(|(text, _)| text.len() as u64 <= max_bytes), "{max_bytes}");
        }
    }
}

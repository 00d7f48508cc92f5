//! Record ids: 15 characters that tell upper from lower case, and 3 that check them.

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const CHECKS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Makes the 18 characters of the id with this prefix and number. Ids sort as their numbers do.
pub(super) fn make(prefix: &str, number: u64) -> String {
    let mut rest = number;
    let mut digits = [b'0'; 5];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[usize::try_from(rest % 62).expect("it is below 62")];
        rest /= 62;
    }
    let id = format!("{prefix}5e00000{}", String::from_utf8_lossy(&digits));
    with_check(&id)
}

/// Says the number of an id that `make` has made; nothing where it has not.
pub(super) fn number(prefix: &str, id: &str) -> Option<u64> {
    let digits = id.strip_prefix(prefix)?.strip_prefix("5e00000")?.get(..5)?;
    digits.bytes().try_fold(0, |number, digit| {
        let value = DIGITS.iter().position(|one| *one == digit)?;
        Some(number * 62 + value as u64)
    })
}

/// Reads an id of 15 or 18 characters into 18; `None` where it is no id with this prefix.
pub(super) fn read(prefix: &str, text: &str) -> Option<String> {
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric()) && text.starts_with(prefix);
    match text.len() {
        15 if plain => Some(with_check(text)),
        18 if plain => Some(with_check(&text[..15])).filter(|id| id == text),
        _ => None,
    }
}

/// Each check character says which of five characters are upper case, the first in the lowest bit.
fn with_check(id: &str) -> String {
    let check = id.as_bytes().chunks(5).map(|five| {
        let upper = five.iter().enumerate().filter(|(_, byte)| byte.is_ascii_uppercase());
        let bits: usize = upper.map(|(bit, _)| 1 << bit).sum();
        char::from(CHECKS[bits])
    });
    id.chars().chain(check).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_15_characters_gets_the_check_of_18() {
        // The pair that public id converters show.
        assert_eq!(with_check("001A0000006Vm9r"), "001A0000006Vm9rIAC");
        assert_eq!(read("001", "001A0000006Vm9r").as_deref(), Some("001A0000006Vm9rIAC"));
        assert_eq!(read("001", "001A0000006Vm9rIAA"), None);
        assert_eq!(read("003", "001A0000006Vm9rIAC"), None);
    }

    #[test]
    fn the_number_of_an_id_is_the_one_it_was_made_of() {
        for number in [1, 61, 62, 1_000_000] {
            assert_eq!(super::number("a0P", &make("a0P", number)), Some(number));
        }
        assert_eq!(super::number("a0P", "001A0000006Vm9rIAC"), None);
    }

    #[test]
    fn ids_sort_as_their_numbers() {
        let ids: Vec<String> = (1..5_000).map(|number| make("a0P", number)).collect();
        assert!(ids.is_sorted(), "a later record has a larger id");
    }
}

//! What a cell of a row says: amounts and dates, as numbers.

/// Why a cell is no amount.
pub(super) enum Wrong {
    Number,
    TooFine,
}

/// `12.5` as 1250 for two digits behind the point.
pub(super) fn minor(text: &str, exponent: u32) -> Result<i64, Wrong> {
    let (sign, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        all => (1, all),
    };
    let (mut amount, mut behind, mut seen) = (0_i64, None, false);
    for byte in digits {
        match (byte, behind) {
            (b'0'..=b'9', Some(places)) if places == exponent => {
                if *byte != b'0' {
                    return Err(Wrong::TooFine);
                }
            }
            (b'0'..=b'9', _) => {
                let more = amount.checked_mul(10).and_then(|amount| amount.checked_add(i64::from(byte - b'0')));
                amount = more.ok_or(Wrong::Number)?;
                behind = behind.map(|places: u32| places + 1);
                seen = true;
            }
            (b'.', None) => behind = Some(0),
            _ => return Err(Wrong::Number),
        }
    }
    if !seen {
        return Err(Wrong::Number);
    }
    let scale = 10_i64.pow(exponent - behind.unwrap_or(0));
    amount
        .checked_mul(scale)
        .map(|amount| amount * sign)
        .filter(|amount| amount.abs() <= AMOUNT_MAX)
        .ok_or(Wrong::Number)
}

/// Sums of all rows of a side stay within an `i64`.
const AMOUNT_MAX: i64 = 1_000_000_000_000;

/// Days since 1970-01-01 of a date at the start of a text. Source: Howard Hinnant, days from civil.
pub(super) fn day(text: &str) -> Option<i32> {
    let bytes = text.as_bytes();
    let number = |range: std::ops::Range<usize>| -> Option<i32> {
        bytes
            .get(range)?
            .iter()
            .try_fold(0, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i32::from(byte - b'0')))
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let ends = matches!(bytes.get(10), None | Some(b'T' | b't' | b' '));
    if bytes[4] != b'-'
        || bytes[7] != b'-'
        || !ends
        || !(1..=12).contains(&month)
        || day < 1
        || day > days_of(year, month)
    {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn days_of(year: i32, month: i32) -> i32 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

//! Days since 1970 as dates that people write.

/// The year, the month and the day of a day since 1970-01-01, in the Gregorian calendar.
///
/// Source: Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
pub(super) fn civil(days: i32) -> (i32, i32, i32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    (year, month, day)
}

/// Writes a day as `YYYY-MM-DD`.
pub(super) fn iso(days: i32) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    #[test]
    fn known_days_are_written_as_they_are_known() {
        for (days, text) in [
            (0, "1970-01-01"),
            (19_723, "2024-01-01"),
            (19_782, "2024-02-29"),
            (20_088, "2024-12-31"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(super::iso(days), text);
        }
    }
}

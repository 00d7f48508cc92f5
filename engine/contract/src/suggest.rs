//! “Did you mean …?”

use crate::limits::{NAMES_LISTED_MAX, NAMES_SHOWN, SLIP_LETTERS_MIN};

/// The name of `known` nearest to `wrong`, when it is near enough to be a slip of the hand.
///
/// ```
/// use ferry_contract::suggest::nearest;
/// assert_eq!(nearest("recipeint", ["recipient", "payout"]), Some("recipient"));
/// assert_eq!(nearest("x", ["recipient", "y"]), None);
/// ```
pub fn nearest<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = wrong.chars().count();
    let allowed = (length / 3).max(1).min(length.saturating_sub(1));
    known
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(distance, name)| *distance <= allowed || shares_a_word(wrong, name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// Whether two names of some length are one but for a slip of the hand: a letter more or less, another one, or two of them
/// swapped. Digits tell names apart.
///
/// ```
/// use ferry_contract::suggest::is_slip;
/// assert!(is_slip("order.dnoe", "order.done"));
/// assert!(!is_slip("order.sent", "order.done"));
/// assert!(!is_slip("order.v1", "order.v2"));
/// ```
pub fn is_slip(wrong: &str, right: &str) -> bool {
    let (one, other) = (wrong.chars().count(), right.chars().count());
    if one.abs_diff(other) > 1 || one.min(other) < SLIP_LETTERS_MIN {
        return false;
    }
    let letters = |name: &str| name.chars().filter(|letter| !letter.is_ascii_digit()).collect::<String>();
    strsim::damerau_levenshtein(wrong, right) == 1 && letters(wrong) != letters(right)
}

/// `masspayouts` and `create_mass_payout` share no letters in order, but `payout_status` and
/// `get_payout_status` share all words of the shorter one.
fn shares_a_word(wrong: &str, name: &str) -> bool {
    let longest = wrong.len().min(name.len());
    longest >= 6 && (name.contains(wrong) || wrong.contains(name))
}

/// A help line that names the nearest of `known`, or lists them all.
pub fn help(wrong: &str, known: &[&str]) -> String {
    match (nearest(wrong, known.iter().copied()), known) {
        (Some(name), _) => format!("did you mean `{name}`?"),
        (None, []) => "there is none to choose from".to_owned(),
        (None, _) if known.len() > NAMES_LISTED_MAX => {
            format!("write one of the {} that there are, such as {}", known.len(), list(&known[..NAMES_SHOWN]))
        }
        (None, _) => format!("write one of {}", list(known)),
    }
}

/// Names in backticks, separated by commas.
pub fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

//! How a payee gets his money, and which fields a bank account has in which country.
//!
//! Shapes: vendors.md, section 1.5. Which fields a country wants is ours, after how its banks are addressed.

use serde_json::{Value, json};

use super::fields::Fields;

const IBAN: [&str; 2] = ["IBAN", "Swift"];

/// How a payee gets his money.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Method {
    /// On a bank account.
    #[default]
    Bank,
    /// On a card, or on his account with the vendor.
    Card,
}

impl Method {
    /// Reads the vendor's word, in whatever case.
    pub(super) fn named(word: &str) -> Option<Self> {
        match word.to_ascii_uppercase().as_str() {
            "BANK" | "BANK_TRANSFER" => Some(Self::Bank),
            "CARD" | "PREPAID_CARD" | "ACCOUNT" | "PAYONEER_ACCOUNT" => Some(Self::Card),
            _ => None,
        }
    }

    /// Says the vendor's word.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Bank => "BANK",
            Self::Card => "PREPAID_CARD",
        }
    }
}

/// Says the fields of a bank account in a country.
pub(super) fn fields((account_type, country, currency): (&str, &str, &str)) -> Value {
    let country = country.to_ascii_uppercase();
    let item = |name: &&str| json!({ "field_name": name, "required": true });
    json!({
        "payout_method": {
            "type": Method::Bank.name(),
            "bank_account_type": account_type.to_ascii_uppercase(),
            "country": country,
            "currency": currency.to_ascii_uppercase(),
            "fields": { "items": required(&country).iter().map(item).collect::<Vec<_>>() },
        }
    })
}

/// Checks the fields of a bank account, which are a list of names and values.
pub(super) fn check(body: &Value, fields: &mut Fields<'_>) {
    let Some(country) = fields.text("payout_method.country") else { return };
    let given = body["payout_method"]["bank_field_details"].as_array();
    let is_given = |wanted: &str| {
        given.into_iter().flatten().any(|one| {
            let name = one["name"].as_str().or(one["key"].as_str());
            name.is_some_and(|name| name.eq_ignore_ascii_case(wanted))
                && one["value"].as_str().is_some_and(|text| !text.is_empty())
        })
    };
    for name in required(&country.to_ascii_uppercase()).iter().filter(|name| !is_given(name)) {
        let message = format!("{name} is required for a bank in {country}");
        fields.wrong("payout_method.bank_field_details", 1001, &message);
    }
}

fn required(country: &str) -> &'static [&'static str] {
    match country {
        "GB" => &["SortCode", "AccountNumber"],
        "AU" => &["BSB", "AccountNumber"],
        "US" | "IN" => &["AccountNumber", "BankCode"],
        "CA" | "JP" | "BR" => &["AccountNumber", "BankCode", "BranchCode"],
        "AT" | "BE" | "BG" | "CH" | "CY" | "CZ" | "DE" | "DK" | "EE" | "ES" | "FI" | "FR" | "GR" | "HR" | "HU"
        | "IE" | "IT" | "LT" | "LU" | "LV" | "MT" | "NL" | "NO" | "PL" | "PT" | "RO" | "SE" | "SI" | "SK" => &IBAN,
        _ => &["AccountNumber", "Swift"],
    }
}

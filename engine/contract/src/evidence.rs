//! How well what a manifest says of an action is known.

use serde::Serialize;

/// Where the facts of an action come from, from the best grade to the weakest.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// The vendor's own page or repository was read.
    Vendor,
    /// It was read in a public client, in a test of one, or in a recorded payload.
    Client,
    /// It was measured against the real system.
    Measured,
    /// Well-known documentation of the vendor, which was not read again.
    Known,
    /// Our inference, which is to be changed in one place where it is wrong.
    Assumed,
    /// Only the customer's brief says it.
    Brief,
}

impl Evidence {
    /// All grades, as a manifest writes them.
    pub const ALL: [(&'static str, Self); 6] = [
        ("vendor", Self::Vendor),
        ("client", Self::Client),
        ("measured", Self::Measured),
        ("known", Self::Known),
        ("assumed", Self::Assumed),
        ("brief", Self::Brief),
    ];

    /// The grade as a manifest writes it.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, grade)| *grade == self).map_or("", |(name, _)| name)
    }

    /// What the grade means, for people.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Vendor => "the vendor's own page or repository was read",
            Self::Client => "it was read in a public client, a test or a recorded payload",
            Self::Measured => "it was measured against the real system",
            Self::Known => "it is well-known documentation of the vendor, which was not read again",
            Self::Assumed => "it is our inference; where it is wrong, it is changed in the manifest alone",
            Self::Brief => "only the customer's brief says it",
        }
    }
}

//! The classes of noise, one entry each. A new class is one function and one line of this table.

mod amount;
mod batch;
mod combined;
mod payer;
mod plain;
mod reference;
mod refund;

use super::case::Desk;

/// One class of noise.
pub(super) struct Class {
    /// Its name in tables.
    pub(super) name: &'static str,
    /// How many of a thousand cases are of it.
    pub(super) share_per_mille: u64,
    /// Makes one case.
    pub(super) make: fn(&mut Desk<'_>),
}

const fn class(name: &'static str, share_per_mille: u64, make: fn(&mut Desk<'_>)) -> Class {
    Class { name, share_per_mille, make }
}

/// Each class. The shares add up to a thousand.
pub(super) const ALL: [Class; 46] = [
    class("clean", 166, plain::clean),
    class("net_of_fee", 110, plain::net_of_fee),
    class("late_with_reference", 12, plain::late_with_reference),
    class("third_party_with_reference", 14, plain::third_party_with_reference),
    class("lookalikes_with_reference", 14, plain::lookalikes_with_reference),
    class("unpaid", 28, plain::unpaid),
    class("unknown_payment", 22, plain::unknown_payment),
    class("reference_in_words", 90, reference::in_words),
    class("reference_restyled", 60, reference::restyled),
    class("reference_zeros_dropped", 20, reference::zeros_dropped),
    class("reference_digit_substituted", 18, reference::digit_substituted),
    class("reference_digits_transposed", 18, reference::digits_transposed),
    class("reference_digit_lost_or_doubled", 18, reference::digit_lost_or_doubled),
    class("reference_letters_for_digits", 12, reference::letters_for_digits),
    class("reference_broken", 14, reference::broken),
    class("reference_cut", 10, reference::cut),
    class("reference_among_numbers", 16, reference::among_numbers),
    class("reference_beside_paid_one", 6, reference::beside_paid_one),
    class("dense_numbers", 10, reference::dense_numbers),
    class("unknown_reference", 12, reference::unknown),
    class("payer_as_is", 42, payer::as_is),
    class("payer_mangled", 40, payer::mangled),
    class("payer_third_party", 15, payer::third_party),
    class("outside_window", 10, payer::outside_window),
    class("ambiguous_single", 10, payer::ambiguous_single),
    class("subscription", 8, payer::subscription),
    class("ambiguous_combined", 4, combined::ambiguous),
    class("instalments_complete", 20, amount::instalments_complete),
    class("instalments_incomplete", 12, amount::instalments_incomplete),
    class("short_paid", 20, amount::short_paid),
    class("slightly_off", 12, amount::slightly_off),
    class("overpaid", 10, amount::overpaid),
    class("extra_payment", 6, amount::extra_payment),
    class("wrong_currency", 10, amount::wrong_currency),
    class("fee_difference", 8, amount::fee_difference),
    class("duplicate_same_day", 10, amount::duplicate_same_day),
    class("duplicate_later", 10, amount::duplicate_later),
    class("combined_with_references", 22, combined::with_references),
    class("combined_shorthand", 5, combined::shorthand),
    class("combined_without_references", 12, combined::without_references),
    class("batch_itemised", 10, batch::itemised),
    class("batch_with_other_lines", 6, batch::with_other_lines),
    class("batch_wrong_sum", 4, batch::wrong_sum),
    class("batch_unknown_line", 4, batch::unknown_line),
    class("refund", 14, refund::refund),
    class("chargeback", 6, refund::chargeback),
];

//! The states of an order, and which may follow which.
//!
//! Source: vendors.md, section 4. `Payout Completed` and `Reconciled` are custom statuses. The books set the latter last: no order
//! comes back from it, nor from `Void`.

/// Where an order is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Status {
    /// Placed, and not paid.
    Pending,
    /// Taken by the shop.
    Confirmed,
    /// Waits for somebody.
    OnHold,
    /// Waits for goods.
    Backordered,
    /// Paid in part.
    PartlyPaid,
    /// Paid.
    Paid,
    /// Being packed.
    Processing,
    /// On its way.
    Shipped,
    /// At the customer's.
    Completed,
    /// Its vendors and affiliates have got their shares.
    PaidOut,
    /// All of its money went back.
    Refunded,
    /// In the books.
    Reconciled,
    /// Will not be.
    Void,
}

impl Status {
    const ALL: [Self; 13] = [
        Self::Pending,
        Self::Confirmed,
        Self::OnHold,
        Self::Backordered,
        Self::PartlyPaid,
        Self::Paid,
        Self::Processing,
        Self::Shipped,
        Self::Completed,
        Self::PaidOut,
        Self::Refunded,
        Self::Reconciled,
        Self::Void,
    ];

    /// Says the vendor's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Pending => "Pending",
            Self::Confirmed => "Confirmed",
            Self::OnHold => "On Hold",
            Self::Backordered => "Backordered",
            Self::PartlyPaid => "Partial Payment Received",
            Self::Paid => "Full Payment Received",
            Self::Processing => "Processing",
            Self::Shipped => "Shipped",
            Self::Completed => "Completed",
            Self::PaidOut => "Payout Completed",
            Self::Refunded => "Refunded",
            Self::Reconciled => "Reconciled",
            Self::Void => "Void",
        }
    }

    /// Finds one by the vendor's name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Says whether no other may follow.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Reconciled | Self::Void)
    }
}

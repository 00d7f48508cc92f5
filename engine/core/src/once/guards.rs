//! The guards by name, so that a test can forget one and show that it is missed.

/// One thing that stops a write from happening twice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Guard {
    /// 1. One run for a business key, for ever.
    Inbox,
    /// 2. One run for a call key, for ever.
    Claim,
    /// 3. An unknown outcome is never answered with a blind repeat.
    Unknown,
    /// 4. A call is durable before its first byte leaves.
    Intent,
    /// 5. Only the engine that has a run may write to it, and send for it.
    Fence,
    /// 6. A run remembers the calls it made, through replays.
    Memory,
    /// 7. A key that the target may have forgotten is not relied on.
    KeyWindow,
    /// 8. A look-up waits until a write must be visible.
    VisibleAfter,
    /// 9. A store that may have forgotten calls is not believed that a call is the first.
    Trust,
    /// 10. An unknown bundle is settled item by item, never sent again whole.
    Items,
    /// The time of all engines is the store's, and never goes back: 7 and 8 count on it.
    Clock,
    /// What a look-up finds must agree with what was to be sent.
    Agreement,
    /// 11. Nothing takes the place of a write that was done or may have been: no other call, no arm, in no life.
    Place,
    /// 12. What is in doubt is settled before its run is cancelled.
    Doubt,
    /// 12. A run that is to be cancelled begins nothing more, and what is gathered goes before it ends.
    Ending,
}

/// The guards that are in force: all of them, except in a test that shows what one is for.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Guards {
    forgotten: Option<Guard>,
}

impl Guards {
    /// All guards.
    pub const ALL: Self = Self { forgotten: None };

    /// A mutant: all guards but one. For tests.
    pub const fn without(guard: Guard) -> Self {
        Self { forgotten: Some(guard) }
    }

    /// Whether a guard is in force.
    pub fn has(self, guard: Guard) -> bool {
        self.forgotten != Some(guard)
    }
}

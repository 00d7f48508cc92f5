//! Pairs of cross-references: compare and set, so that nobody overwrites what it has not seen.

use super::Decision;
use crate::store::{PairName, StoreError, change::Pairing, printable, rows::PairRecord};

impl Decision<'_> {
    /// One pair more, another value, or one less; refused where the pair is not as it was read.
    pub(super) fn pair(&mut self, name: &PairName, pairing: &Pairing) -> Result<(), StoreError> {
        if let Some((run, fence)) = &pairing.run {
            self.owned(run, *fence)?;
        }
        if self.draft.pair(name) != pairing.was.as_deref().map(printable).as_deref() {
            return Err(StoreError::Stale(format!("{} {}", name.table, name.key)));
        }
        let at_ms = pairing.at.as_millisecond();
        let record = |to: &String| PairRecord { to: printable(to), by: printable(&pairing.by), at_ms };
        self.draft.writes.pairs.insert(name.clone(), pairing.to.as_ref().map(record));
        Ok(())
    }
}

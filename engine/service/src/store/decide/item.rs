//! Items of reconciliations: compare and set, each change with the next number of all items.

use super::Decision;
use crate::store::{ItemName, Itemizing, StoreError, rows::ItemRecord};

impl Decision<'_> {
    /// One item more, or another content; refused where the item is not as it was read. What says the same again
    /// changes nothing.
    pub(super) fn item(&mut self, name: &ItemName, itemizing: &Itemizing) -> Result<(), StoreError> {
        if let Some((run, fence)) = &itemizing.run {
            self.owned(run, *fence)?;
        }
        let known = self.draft.item(name);
        if known.map(|record| record.number.unsigned_abs()) != itemizing.was {
            return Err(StoreError::Stale(format!("{} {}", name.book, name.key)));
        }
        let (is_same, before) = match known {
            Some(record) => (record.says(&itemizing.to)?, record.findings(name)?),
            None => Default::default(),
        };
        if is_same {
            return Ok(());
        }
        let number = self.draft.items_last() + 1;
        let record = ItemRecord::of(&itemizing.to, number)?;
        let after = record.findings(name)?;
        let writes = &mut self.draft.writes;
        writes.findings.extend(before.difference(&after).map(|gone| (gone.clone(), false)));
        writes.findings.extend(after.difference(&before).map(|new| (new.clone(), true)));
        writes.items.insert(name.clone(), record);
        writes.items_last = Some(number);
        Ok(())
    }
}

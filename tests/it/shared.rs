//! Rows that processes share, on every store.

use ferry::store::{Change, Shared, StoreError};

use crate::store::{Tested, stores};

#[tokio::test]
async fn a_shared_row_is_changed_only_by_who_has_read_it() {
    for Tested { store, .. } in stores().await {
        let mut changed = Vec::new();
        // Two read version 1; the second one that writes must read again.
        for (expected, value) in [(1, 1), (0, 2), (0, 3), (1, 4), (1, 5), (2, 6), (7, 7)] {
            let name = "circuit".into();
            let answer = store.commit(vec![Change::Share { name, expected, value: value.into() }]).await;
            assert!(matches!(answer, Ok(_) | Err(StoreError::Stale(_))), "{answer:?}");
            changed.extend(answer.is_ok().then_some(value));
        }
        assert_eq!(changed, [2, 4, 6]);
        assert_eq!(store.shared("circuit").await.unwrap(), Some(Shared { version: 3, value: 6.into() }));
        assert_eq!(store.shared("other").await.unwrap(), None);
    }
}

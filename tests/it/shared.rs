//! Rows and the time that processes share, on every store.

use ferry::store::{Change, Shared, StoreError};
use jiff::Timestamp;

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

/// Whoever knows a later time, and whichever clock is set back.
#[tokio::test]
async fn the_time_of_a_store_never_goes_back() {
    for tested in stores().await {
        let store = &tested.store;
        let first = store.time(Timestamp::UNIX_EPOCH).await.unwrap();
        assert!(first > Timestamp::UNIX_EPOCH, "the machine says that it is {first}");
        let later = first + jiff::SignedDuration::from_hours(9);
        assert!(store.time(later).await.unwrap() < later, "it was not known before");
        assert_eq!(store.time(Timestamp::UNIX_EPOCH).await.unwrap(), later);
    }
}

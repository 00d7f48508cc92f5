//! The same work on many files, on all cores, with the results in the order of the files.

use std::{num::NonZero, thread};

/// Fewer files than this are not worth a thread.
const FILES_A_THREAD_MIN: usize = 16;

/// What `work` gives for each item, in their order.
pub(super) fn each<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let threads = cores.min(items.len() / FILES_A_THREAD_MIN);
    if threads < 2 {
        return items.into_iter().map(work).collect();
    }
    let share = items.len().div_ceil(threads);
    let work = &work;
    let mut items = items.into_iter();
    thread::scope(|scope| {
        let shares: Vec<Vec<T>> = (0..threads).map(|_| items.by_ref().take(share).collect()).collect();
        let begun: Vec<_> = shares
            .into_iter()
            .map(|share| scope.spawn(move || share.into_iter().map(work).collect::<Vec<R>>()))
            .collect();
        begun.into_iter().flat_map(|thread| thread.join().expect("a check does not panic")).collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items() {
        for count in [0, 1, 31, 32, 1_000, 1_001] {
            let doubled: Vec<usize> = (0..count).map(|number| number * 2).collect();
            assert_eq!(each((0..count).collect(), |number| number * 2), doubled, "{count}");
        }
    }
}

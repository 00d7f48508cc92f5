//! A queue that is fair: each name has its turn, however many wait under another one.

use std::collections::{BTreeMap, VecDeque};

/// What waits, by name; within a name, the earlier first.
#[derive(Debug)]
pub struct Turns<T> {
    waiting: BTreeMap<String, VecDeque<T>>,
    /// The name whose turn was last.
    last: String,
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), last: String::new() }
    }
}

impl<T> Turns<T> {
    /// Takes one more at the end of its name.
    pub fn push(&mut self, name: &str, item: T) {
        self.waiting.entry(name.to_owned()).or_default().push_back(item);
    }

    /// Gives the first of the next name.
    pub fn pop(&mut self) -> Option<T> {
        let after = (std::ops::Bound::Excluded(self.last.as_str()), std::ops::Bound::Unbounded);
        let next = self.waiting.range::<str, _>(after).next().or_else(|| self.waiting.iter().next());
        let name = next?.0.clone();
        let queue = self.waiting.get_mut(&name)?;
        let item = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&name);
        }
        self.last = name;
        item
    }

    /// Forgets those of whom that does not hold.
    pub fn retain(&mut self, mut holds: impl FnMut(&T) -> bool) {
        self.waiting.retain(|_, queue| {
            queue.retain(&mut holds);
            !queue.is_empty()
        });
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.values().map(VecDeque::len).sum()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order in which they come out, as words.
    fn order(pushed: &[&'static str]) -> String {
        let mut turns = Turns::default();
        pushed.iter().for_each(|item| turns.push(&item[..1], *item));
        std::iter::from_fn(|| turns.pop()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_bulk_of_one_name_starves_no_other() {
        assert_eq!(order(&["a1", "a2", "a3", "a4", "b1", "c1", "c2"]), "a1 b1 c1 a2 c2 a3 a4");
        assert_eq!(order(&["b1", "a1"]), "a1 b1");
        assert_eq!(order(&[]), "");
    }

    #[test]
    fn who_comes_later_has_the_next_turn() {
        let mut turns = Turns::default();
        ["a1", "a2", "a3"].into_iter().for_each(|item| turns.push("a", item));
        let first = turns.pop();
        turns.push("b", "b1");
        assert_eq!((first, turns.pop(), turns.pop(), turns.len()), (Some("a1"), Some("b1"), Some("a2"), 1));
    }
}

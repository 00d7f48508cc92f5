//! What changes in a text, as a unified diff that `patch` takes. Source: GNU diffutils, "Unified Format".

use std::{collections::BTreeMap, ops::Range};

/// Lines that are shown around a change.
const CONTEXT_LINES: usize = 3;

/// A line that stays, goes or comes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Change<'a> {
    Keep(&'a str),
    Remove(&'a str),
    Add(&'a str),
}

/// The difference of two texts of one name; nothing where there is none.
pub fn diff(name: &str, before: &str, after: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) =
        (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
    let mut changes = Vec::new();
    compare(&old, &new, &mut changes);
    let hunks: String = hunks(&changes).into_iter().map(|hunk| shown(&changes, hunk)).collect();
    if hunks.is_empty() { hunks } else { format!("--- {name}\n+++ {name}\n{hunks}") }
}

/// Lines that both have once, in the same order, stay; between them it is compared again. Source: patience diff.
fn compare<'a>(old: &[&'a str], new: &[&'a str], changes: &mut Vec<Change<'a>>) {
    let same = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    changes.extend(old[..same].iter().map(|line| Change::Keep(line)));
    let (old, new) = (&old[same..], &new[same..]);
    let tail = old.iter().rev().zip(new.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old, kept) = old.split_at(old.len() - tail);
    let new = &new[..new.len() - tail];
    let anchors = anchors(old, new);
    if anchors.is_empty() {
        changes.extend(old.iter().map(|line| Change::Remove(line)));
        changes.extend(new.iter().map(|line| Change::Add(line)));
    } else {
        let mut from = (0, 0);
        for (old_line, new_line) in anchors.into_iter().chain([(old.len(), new.len())]) {
            compare(&old[from.0..old_line], &new[from.1..new_line], changes);
            changes.extend(old.get(old_line).map(|line| Change::Keep(line)));
            from = (old_line + 1, new_line + 1);
        }
    }
    changes.extend(kept.iter().map(|line| Change::Keep(line)));
}

/// The longest row of lines that both have once, by their numbers.
fn anchors(old: &[&str], new: &[&str]) -> Vec<(usize, usize)> {
    let (in_old, in_new) = (once(old), once(new));
    let mut pairs: Vec<(usize, usize)> =
        in_old.iter().filter_map(|(line, old)| Some((*old, *in_new.get(line)?))).collect();
    pairs.sort_unstable();
    // For each length, the row of that length that ends first: its last pair, and the pair before that.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::new();
    for (index, (_, new_line)) in pairs.iter().enumerate() {
        let length = ends.partition_point(|end| pairs[*end].1 < *new_line);
        before.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() { ends.push(index) } else { ends[length] = index }
    }
    let row = std::iter::successors(ends.last().copied(), |index| before[*index]);
    let mut row: Vec<_> = row.map(|index| pairs[index]).collect();
    row.reverse();
    row
}

/// Lines that are there once, with their number.
fn once<'a>(lines: &[&'a str]) -> BTreeMap<&'a str, usize> {
    let mut found: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for (number, line) in lines.iter().enumerate() {
        found.entry(line).and_modify(|known| *known = None).or_insert(Some(number));
    }
    found.into_iter().filter_map(|(line, number)| Some((line, number?))).collect()
}

/// Changes with their context; those that are near to each other are one.
fn hunks(changes: &[Change<'_>]) -> Vec<Range<usize>> {
    let mut hunks: Vec<Range<usize>> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        if matches!(change, Change::Keep(_)) {
            continue;
        }
        let (start, end) = (index.saturating_sub(CONTEXT_LINES), (index + 1 + CONTEXT_LINES).min(changes.len()));
        match hunks.last_mut() {
            Some(last) if start <= last.end => last.end = end,
            _ => hunks.push(start..end),
        }
    }
    hunks
}

fn shown(changes: &[Change<'_>], hunk: Range<usize>) -> String {
    let is_old = |change: &&Change<'_>| !matches!(change, Change::Add(_));
    let is_new = |change: &&Change<'_>| !matches!(change, Change::Remove(_));
    let (before, inside) = (&changes[..hunk.start], &changes[hunk]);
    let (old_before, new_before) = (before.iter().filter(is_old).count(), before.iter().filter(is_new).count());
    let (old, new) = (inside.iter().filter(is_old).count(), inside.iter().filter(is_new).count());
    let place = |before: usize, count: usize| format!("{},{count}", before + usize::from(count > 0));
    let lines: String = inside.iter().map(|change| line(*change)).collect();
    format!("@@ -{} +{} @@\n{lines}", place(old_before, old), place(new_before, new))
}

fn line(change: Change<'_>) -> String {
    let (sign, text) = match change {
        Change::Keep(text) => (' ', text),
        Change::Remove(text) => ('-', text),
        Change::Add(text) => ('+', text),
    };
    let end = if text.ends_with('\n') { "" } else { "\n\\ No newline at end of file\n" };
    format!("{sign}{text}{end}")
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn near_changes_are_one_hunk() {
        let before = "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\nk\nl\nm\nn\no";
        let after = "a\nB\nc\nd\nf\ng\nh\ni\nj\nk\nl\nm\nn\no\np\n";
        expect![[r#"
            --- a.yaml
            +++ a.yaml
            @@ -1,8 +1,7 @@
             a
            -b
            +B
             c
             d
            -e
             f
             g
             h
            @@ -12,4 +11,5 @@
             l
             m
             n
            -o
            \ No newline at end of file
            +o
            +p
        "#]]
        .assert_eq(&diff("a.yaml", before, after));
        assert_eq!(diff("a.yaml", before, before), "");
        assert_eq!(diff("a", "", "x\n"), "--- a\n+++ a\n@@ -0,0 +1,1 @@\n+x\n");
    }

    /// Lines of few letters, so that many are there twice and in another order.
    #[test]
    fn what_stays_and_goes_is_the_old_text_and_what_stays_and_comes_the_new_one() {
        let mut state = 7_u32;
        let mut next = |below: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) % below
        };
        for _ in 0..300 {
            let mut text = || (0..next(12)).map(|_| format!("{}\n", next(6))).collect::<String>();
            let (before, after) = (text(), text());
            let (old, new): (Vec<&str>, Vec<&str>) =
                (before.split_inclusive('\n').collect(), after.split_inclusive('\n').collect());
            let mut changes = Vec::new();
            compare(&old, &new, &mut changes);
            let of = |kept: &dyn Fn(&Change<'_>) -> bool| -> String {
                let kept = changes.iter().filter(|change| kept(change));
                kept.map(|change| match change {
                    Change::Keep(text) | Change::Remove(text) | Change::Add(text) => *text,
                })
                .collect()
            };
            assert_eq!(of(&|change| !matches!(change, Change::Add(_))), before);
            assert_eq!(of(&|change| !matches!(change, Change::Remove(_))), after);
        }
    }
}

//! `docs/reference/checks.md` lists all checks as they are.

use expect_test::expect_file;
use ferry_core::lint::checks;

use crate::{example, findings_on, world::World};

const HEAD: &str = "\
# Checks

What `ferry lint` looks for. `ferry explain NAME` prints the page of a check, with an example of what it finds and of what to
write instead. A file with an error does not load; a warning can be allowed where it is wrong, with a comment and its reason:
`# ferry: allow(NAME) why it is right here`.

| check | level | finds |
|---|---|---|
";

/// The first paragraph of a page, on one line.
fn finds(page: &str) -> String {
    let paragraph = page.split("\n\n").nth(1).unwrap_or_default();
    paragraph.replace('\n', " ").replace('|', "\\|")
}

/// An error, a warning or either, as the page's own example has it.
fn level(world: &World, page: &str) -> &'static str {
    let found = findings_on(world, example(page, "```yaml bad"));
    if found.iter().any(|finding| finding.text.contains(": error[")) { "error" } else { "warning" }
}

#[test]
fn the_list_of_checks_is_current() {
    let world = World::new();
    let mut all: Vec<_> = checks::all().collect();
    all.sort_by_key(|check| check.name);
    let row = |name: &str, page: &str| format!("| `{name}` | {} | {} |\n", level(&world, page), finds(page));
    let rows: String = all.iter().map(|check| row(check.name, check.page)).collect();
    expect_file!["../../../../docs/reference/checks.md"].assert_eq(&format!("{HEAD}{rows}"));
}

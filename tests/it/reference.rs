//! The reference pages that are made from the code; `UPDATE_EXPECT=1 cargo test` rewrites them.

use expect_test::expect_file;
use ferry_core::eval::operators::PAGES;

const MAPPING: &str = "\
# Mapping operators

A map is an operator if it has `from`, or if its one key names a builder below; `object: { … }` writes a map that only looks
like one. Each line of a table runs as a test; `ferry explain NAME` prints one section.

";

#[test]
fn the_page_of_mapping_operators_is_up_to_date() {
    let pages: Vec<String> = PAGES.iter().map(|page| page.in_markdown("##")).collect();
    expect_file!["../../docs/reference/mapping.md"].assert_eq(&format!("{MAPPING}{}", pages.join("\n")));
}

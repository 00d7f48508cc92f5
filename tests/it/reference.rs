//! The reference pages that are made from the code; `UPDATE_EXPECT=1 cargo test` rewrites them.

use std::{path::Path, sync::Arc};

use expect_test::expect_file;
use ferry::manual;
use ferry_connectors::library::Library;
use ferry_contract::script::NoWatch;
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

/// Each shipped connector has its page, which the list of documents links, and no other page is left over.
#[test]
fn the_pages_of_connectors_are_up_to_date() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let contents = std::fs::read_to_string(docs.join("README.md")).unwrap();
    let (library, _) = Library::load(&[], Arc::new(NoWatch));
    for name in library.manifests.keys() {
        let page = manual::reference(&manual::connector(&library, name).unwrap()).markdown();
        expect_file![docs.join(format!("reference/connectors/{name}.md"))].assert_eq(&page);
        assert!(contents.contains(&format!("(reference/connectors/{name}.md)")), "{name}");
    }
    let pages = std::fs::read_dir(docs.join("reference/connectors")).unwrap().count();
    assert_eq!(pages, library.manifests.len());
}

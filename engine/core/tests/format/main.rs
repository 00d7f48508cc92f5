//! The one layout of YAML files: what it changes, what it keeps, and that it changes nothing twice.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod any;

use expect_test::{Expect, expect};
use ferry_contract::report::Source;
use ferry_core::format::{FormatError, format};

#[track_caller]
fn check(text: &str, expected: Expect) {
    let formatted = format(&Source::new("a.yaml", text)).unwrap();
    expected.assert_eq(&formatted);
    assert_eq!(format(&Source::new("a.yaml", formatted.as_str())).unwrap(), formatted, "it is changed twice");
}

#[track_caller]
fn keeps(text: &str) {
    assert_eq!(format(&Source::new("a.yaml", text)).unwrap(), text);
}

#[test]
fn blanks_between_tokens() {
    check(
        "a :   1\nb: {c:  1,d: [ 1,2 ,3 ], e: {} , f: [ ], \"g\":1, h: , i}   \nl: [{a: 1},{b: 2}]\nm: [[1,2],[ 3 ]]\n",
        expect![[r#"
            a: 1
            b: { c: 1, d: [1, 2, 3], e: {}, f: [], "g": 1, h: , i }
            l: [ { a: 1 }, { b: 2 } ]
            m: [[1, 2], [3]]
        "#]],
    );
}

#[test]
fn indentation() {
    check(
        "a:\n    b:\n       c: 1\nlist:\n-   x: 1\n    y:\n    - 1\n    -\n       - 2\n-  - 3\n   - 4\nmore:\n   -  5\n",
        expect![[r#"
            a:
              b:
                c: 1
            list:
              - x: 1
                y:
                  - 1
                  -
                    - 2
              - - 3
                - 4
            more:
              - 5
        "#]],
    );
}

#[test]
fn empty_lines_and_ends() {
    check(
        "\n\n\na: 1\r\n\r\n\r\n\r\nb: 2  \r\n\n\n",
        expect![[r#"
        a: 1

        b: 2
    "#]],
    );
    check(
        "\u{feff}a: 1",
        expect![[r#"
        a: 1
    "#]],
    );
}

#[test]
fn comments_stay_with_their_neighbours() {
    check(
        "# head\n\na: 1      # one\nbb: 2     # two\n          # goes on\n   # inside\nlist:\n# of x\n- x\n  # of z\n- z:\n    # deep\n    y: 1\n    # end of z\n# end\n",
        expect![[r#"
            # head

            a: 1      # one
            bb: 2     # two
                      # goes on
            # inside
            list:
              # of x
              - x
              # of z
              - z:
                  # deep
                  y: 1
                  # end of z
            # end
        "#]],
    );
    check(
        "a:     {b: 1}   # far\nc:    1 # near\nd:1: # last\n  e: 1\n",
        expect![[r#"
        a: { b: 1 }     # far
        c: 1    # near
        d:1: # last
          e: 1
    "#]],
    );
}

#[test]
fn brackets_over_several_lines() {
    check(
        "a: [\n 1,   # one\n\n\n# two\n     2\n]\nb:\n   - {x: 1,\n      y: [\n    2]}\nc:\n { d: 1,\n e: 2 }\n",
        expect![[r#"
            a: [
              1,  # one

              # two
              2
            ]
            b:
              - { x: 1,
                  y: [
                    2] }
            c:
              { d: 1,
                e: 2 }
        "#]],
    );
}

#[test]
fn texts_are_kept() {
    check(
        "a:  |   # why\n     one\n       two\n\n\n     three   \n\n\n\nb:\n    - >-\n     folded\n     text\n    - |+\n     kept\n\n\nc: \"x  # no   comment: {a}\"\nd: 'it''s, ok'\ne: plain text,\n    that goes\n\n    on\nf: \"quoted  \n   \\\n   more\"\ng: http://x.y/#z\n",
        expect![[r#"
            a: |    # why
              one
                two


              three   

            b:
              - >-
                folded
                text
              - |+
                kept


            c: "x  # no   comment: {a}"
            d: 'it''s, ok'
            e: plain text,
              that goes

              on
            f: "quoted
              \
              more"
            g: http://x.y/#z
        "#]],
    );
    check(
        "a:\n    b: |2\n        x\n      y\n    c: 1\n",
        expect![[r#"
        a:
          b: |2
              x
            y
          c: 1
    "#]],
    );
    check(
        "a: |\n  text",
        expect![[r#"
        a: |
          text
    "#]],
    );
}

#[test]
fn keys_have_an_order_where_the_language_has_one() {
    check(
        "# yaml-language-server: x\n\nsteps:\n  - map: { x: 1 } # the value\n    # why it is called so\n    id: a\n    on_error:\n      - class: rejected\n        do: [ {map: 1, id: b }, { id: c, map: 1 } ]\n        then: continue\n  - { needs: [a], when: 'x, y', id: d, map: {a: 1} }\n# what starts it\ntrigger: manual\npipeline: p\n\nferry: 1\nother: 1\n\n# the end\n",
        expect![[r#"
            # yaml-language-server: x

            ferry: 1
            pipeline: p

            # what starts it
            trigger: manual
            steps:
              # why it is called so
              - id: a
                map: { x: 1 } # the value
                on_error:
                  - class: rejected
                    do: [ { id: b, map: 1 }, { id: c, map: 1 } ]
                    then: continue
              - { id: d, needs: [a], when: 'x, y', map: { a: 1 } }
            other: 1

            # the end
        "#]],
    );
    check(
        "# about the file\nproject: p\n# why 1\nferry: 1\n",
        expect![[r#"
        # about the file
        # why 1
        ferry: 1
        project: p
    "#]],
    );
    check(
        "ferry: 1\npipeline: p\nsteps:\n-\n    map: 1\n    # why\n    id: a\n",
        expect![[r#"
        ferry: 1
        pipeline: p
        steps:
          -
            # why
            id: a
            map: 1
    "#]],
    );
    keeps("b: 1\na: 1\nsteps:\n  - map: 1\n    id: a\n");
}

#[test]
fn markers_stay() {
    keeps("%YAML 1.2\n---\na: 1\n...\n");
    check(
        "---\n\n\na:   1\n",
        expect![[r#"
        ---

        a: 1
    "#]],
    );
}

#[test]
fn what_cannot_be_read_is_left_alone() {
    for text in ["a: [1\n", "a: 1\na: 2\n", "", "a: &x 1\n", "a: \u{FFFD}\n"] {
        assert!(matches!(format(&Source::new("a.yaml", text)), Err(FormatError::Broken(_))), "{text:?}");
    }
    assert!(matches!(format(&Source::new("a.yaml", "? a\n: 1\n")), Err(FormatError::Unsure)));
}

/// Every file that is shipped is laid out: what is shipped is what the layout is taken from.
#[test]
fn what_is_shipped_is_laid_out() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for folder in ["pipelines", "connectors", "engine/core/tests/world"] {
        walk(&root.join(folder), &mut files);
    }
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let formatted = format(&Source::new(file.display().to_string(), text.as_str()));
        let formatted = formatted.unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        expect_test::expect_file![file].assert_eq(&formatted);
    }
}

fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.push(path);
        }
    }
}

/// What is long in one place, or has many places: tokens are found again behind wide letters, in one line and over lines.
#[test]
fn a_large_file_is_laid_out_and_then_left_alone() {
    let flow = format!("a: [{}]\n", vec!["{ b: 1, c: 'é' }"; 20_000].join(", "));
    let lines = format!("a:\n{}", "  - b: \"x\n\n      y\"   # why\n".repeat(10_000));
    let text = format!("a: \"{}\"\n", "x\n  ".repeat(50_000));
    for text in [flow, lines, text] {
        let once = format(&Source::new("a.yaml", text)).unwrap();
        let again = format(&Source::new("a.yaml", once.as_str())).unwrap();
        assert!(once == again, "it is changed twice");
    }
}

/// A comment that allows something is about the line below it.
#[test]
fn an_allowance_stays_above_its_line() {
    let text =
        "steps:\n  # ferry: allow(constant-condition) off for now\n  - when: \"true\"\n    id: a\n    map: { x: 1 }\n";
    assert_eq!(format(&Source::new("a.yaml", text)).unwrap(), text);
}

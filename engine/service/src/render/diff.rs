//! What changes in a text, as a unified diff that `patch` takes. Source: GNU diffutils, "Unified Format".

use similar::{Algorithm, TextDiff};

/// Lines that are shown around a change.
const CONTEXT_LINES: usize = 3;

/// The difference of two texts of one name; nothing where there is none.
pub fn diff(name: &str, before: &str, after: &str) -> String {
    let lines = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(before, after);
    lines.unified_diff().context_radius(CONTEXT_LINES).header(name, name).to_string()
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
        assert_eq!(diff("a", "", "x\n"), "--- a\n+++ a\n@@ -0,0 +1 @@\n+x\n");
    }
}

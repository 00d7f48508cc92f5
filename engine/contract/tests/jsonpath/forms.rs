//! Every form of a path, and those that are refused: the tables of `docs/reference/jsonpath.md`.

/// A form with an example.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) written: &'static str,
    pub(crate) gives: &'static str,
}

const fn form(name: &'static str, written: &'static str, gives: &'static str) -> Form {
    Form { name, written, gives }
}

/// What the examples read.
pub(crate) const DOCUMENT: &str = r#"{"id": "P-7", "fee types": ["card"], "lines": [{"sku": "A", "n": 1}, {"sku": "BB", "n": 2, "tags": ["x", "y"]}, {"sku": "C", "n": 3}]}"#;

pub(crate) const ACCEPTED: &[Form] = &[
    form("a name", "$.id", r#"["P-7"]"#),
    form("a name in quotes", "$['fee types']", r#"[["card"]]"#),
    form("a name in double quotes", r#"$["id"]"#, r#"["P-7"]"#),
    form("a name with an escape", r"$['i\u0064']", r#"["P-7"]"#),
    form("an index, from 0", "$.lines[0].sku", r#"["A"]"#),
    form("an index from the end", "$.lines[-1].sku", r#"["C"]"#),
    form("what is not there", "$.nothing", "[]"),
    form("all of a list or a map", "$.lines[*].n", "[1,2,3]"),
    form("the same", "$.lines.*.n", "[1,2,3]"),
    form("a slice: from, and before", "$.lines[0:2].n", "[1,2]"),
    form("a slice with a step", "$.lines[::2].n", "[1,3]"),
    form("a slice backwards", "$.lines[::-1].n", "[3,2,1]"),
    form("several selectors", "$.lines[0, 2].n", "[1,3]"),
    form("at any depth", "$..n", "[1,2,3]"),
    form("all at any depth", "$.lines..[0]", r#"[{"sku":"A","n":1},"x"]"#),
    form("a filter: equal", "$.lines[?@.sku == 'A'].n", "[1]"),
    form("a filter: other than", "$.lines[?@.sku != 'A'].n", "[2,3]"),
    form("a filter: order", "$.lines[?@.n > 1].n", "[2,3]"),
    form("a filter: order, or equal", "$.lines[?@.n <= 2.0].n", "[1,2]"),
    form("a filter: and, before or", "$.lines[?@.n == 1 || @.n > 1 && @.sku == 'C'].n", "[1,3]"),
    form("a filter: not", "$.lines[?!(@.n == 2)].n", "[1,3]"),
    form("a filter: is there", "$.lines[?@.tags].n", "[2]"),
    form("a filter: is not there", "$.lines[?!@.tags].n", "[1,3]"),
    form("a filter: nothing equals nothing", "$.lines[?@.gone == @.away].n", "[1,2,3]"),
    form("`length` of a text, a list or a map", "$.lines[?length(@.sku) == 2].n", "[2]"),
    form("`count` of what a path gives", "$.lines[?count(@.tags[*]) == 2].n", "[2]"),
    form("`value` of a path that gives one", "$.lines[?value(@..tags[0]) == 'x'].n", "[2]"),
    form("`match` of the whole text", "$.lines[?match(@.sku, '[AB]')].n", "[1]"),
    form("`search` in the text", "$.lines[?search(@.sku, 'B')].n", "[2]"),
];

/// What is refused, and what the finding says.
pub(crate) const REFUSED: &[(&str, &str)] = &[
    ("$.lines[?@.n == $.id]", "a filter reads `@` only, and `$` is not known in it: use Rhai's `filter`"),
    ("$.lines[?$.id]", "a filter reads `@` only, and `$` is not known in it: use Rhai's `filter`"),
    ("$.lines[?@.tags[?@ == 'x']]", "a filter inside a filter finds nothing: use Rhai's `filter` and `some`"),
    ("$..['n', 'sku']", "several selectors after `..` give another order: write one path for each"),
    ("$.lines[?length(@.sku)]", "`length` gives a value and no condition: compare it, as in `length(@.a) == 1`"),
    ("$.lines[?count(@.*)]", "`count` gives a value and no condition: compare it, as in `count(@.a) == 1`"),
    ("$.lines[?value(@.n)]", "`value` gives a value and no condition: compare it, as in `value(@.a) == 1`"),
    (
        "$.lines[?length(@.*) < 3]",
        "`length` takes the length of one value: write a path of names and indices in it, or use `count`",
    ),
    ("$[?(((((((((@.a)))))))))]", "it has more than 8 brackets inside each other: use Rhai"),
    (
        "$.lines[?@.n == 0.1000000000000001]",
        "it has a number of more than 15 digits, which a filter compares inexactly: compare it in Rhai",
    ),
];

/// `docs/reference/jsonpath.md`.
pub(crate) fn page() -> String {
    let cell = |text: &str| format!("`{}`", text.replace('|', "\\|"));
    let mut page = String::from(
        "# JSONPath\n\n\
         Paths are those of RFC 9535. The tables are checked by tests, and so is the compliance test suite of the standard.\n\
         A path gives its one value where one is needed; none or several is an error there, unless an operator says otherwise.\n\n\
         ## What can be written\n\n",
    );
    page += &format!("The examples read `{DOCUMENT}`.\n\n| form | written | gives |\n|---|---|---|\n");
    for form in ACCEPTED {
        page += &format!("| {} | {} | {} |\n", form.name, cell(form.written), cell(form.gives));
    }
    page += "\n## What is refused\n\n\
             Of these, the library would make something else than the standard says, or `$` has no one meaning; `ferry lint` refuses\n\
             them as `invalid-jsonpath`, and says what to write instead.\n\n| written | the finding says |\n|---|---|\n";
    for (written, says) in REFUSED {
        page += &format!("| {} | {} |\n", cell(written), says.replace('|', "\\|"));
    }
    page + "\n## Numbers in filters\n\n\
            A filter compares numbers as binary fractions of 64 bits, which tell decimals of up to 15 digits apart. Amounts are compared\n\
            exactly in Rhai: `event.lines.filter(|line| line.amount > 0.1)`.\n"
}

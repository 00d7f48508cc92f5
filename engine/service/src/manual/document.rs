//! A document of few forms, as text for a terminal and as Markdown.

/// A title, and what is below it.
#[derive(Debug, Default)]
pub struct Document {
    blocks: Vec<Block>,
}

#[derive(Debug)]
enum Block {
    /// From 1, the title.
    Heading(usize, String),
    /// Sentences.
    Text(String),
    /// What has a name: the name, what is said of it in brackets, and the rest.
    List(Vec<Item>),
}

/// A line of a list.
#[derive(Debug)]
pub(super) struct Item {
    /// Its name; empty for a sentence.
    pub(super) name: String,
    /// Behind the name, in brackets.
    pub(super) note: String,
    /// The rest.
    pub(super) text: String,
}

impl Item {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), note: String::new(), text: text.into() }
    }

    /// A sentence without a name.
    pub(super) fn said(text: impl Into<String>) -> Self {
        Self::new("", text)
    }

    pub(super) fn noted(self, notes: &[&str]) -> Self {
        Self { note: notes.join(", "), ..self }
    }
}

impl Document {
    pub(super) fn heading(&mut self, level: usize, title: impl Into<String>) {
        self.blocks.push(Block::Heading(level, title.into()));
    }

    pub(super) fn text(&mut self, text: impl Into<String>) {
        self.blocks.push(Block::Text(text.into()));
    }

    /// A list; nothing where there is nothing in it.
    pub(super) fn list(&mut self, items: Vec<Item>) {
        if !items.is_empty() {
            self.blocks.push(Block::List(items));
        }
    }

    /// As Markdown.
    pub fn markdown(&self) -> String {
        let blocks = self.blocks.iter().map(|block| match block {
            Block::Heading(level, title) => format!("{} {title}\n", "#".repeat(*level)),
            Block::Text(text) => format!("{text}\n"),
            Block::List(items) => items.iter().map(Item::markdown).collect(),
        });
        blocks.collect::<Vec<_>>().join("\n")
    }

    /// For a terminal: names in a column.
    pub fn plain(&self) -> String {
        let mut out = String::new();
        for block in &self.blocks {
            match block {
                Block::Heading(1, title) => out.push_str(&format!("{title}\n")),
                Block::Heading(_, title) => out.push_str(&format!("\n{}\n", title.to_uppercase())),
                Block::Text(text) => out.push_str(&format!("{text}\n")),
                Block::List(items) => {
                    let widest = items.iter().map(|item| item.name.chars().count()).max().unwrap_or_default();
                    items.iter().for_each(|item| out.push_str(&item.plain(widest)));
                }
            }
        }
        out
    }
}

impl Item {
    fn noted_text(&self) -> String {
        if self.note.is_empty() { self.text.clone() } else { format!("({}) {}", self.note, self.text) }
    }

    fn markdown(&self) -> String {
        let note = if self.note.is_empty() { String::new() } else { format!(" ({})", self.note) };
        match (self.name.as_str(), self.text.as_str()) {
            ("", text) => format!("- {text}\n"),
            (name, "") => format!("- `{name}`{note}\n"),
            (name, text) => format!("- `{name}`{note}: {text}\n"),
        }
    }

    fn plain(&self, widest: usize) -> String {
        let text = self.noted_text();
        let line = match self.name.as_str() {
            "" => format!("  {text}"),
            name => format!("  {name:widest$}  {text}"),
        };
        format!("{}\n", line.trim_end())
    }
}

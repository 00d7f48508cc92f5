//! Texts with values in braces, and texts that only look like them.

use crate::{
    path::Path,
    report::At,
    template::{Template, TemplateError},
    yaml::{Node, read},
};

use super::{Compiler, is_reference, wrong_reference};

impl Compiler<'_> {
    /// Compiles a text of which each part in braces is a path: nothing gives a bare name its value.
    pub fn text(&mut self, node: &Node) -> Option<Template> {
        let template = self.template(node)?;
        let Some(name) = template.names().next() else { return Some(template) };
        let written = format!("{{{name}}}");
        let at = node.at_offset(&self.report.source, template.text().find(&written).unwrap_or(0));
        let path = match self.roots {
            Some(roots) if !roots.contains(&name) => format!("$.{}.{name}", self.example_root()),
            Some(_) | None => format!("$.{name}"),
        };
        let message = format!("nothing gives `{written}` a value");
        let help = format!("write `{{{path}}}`, or `{{{written}}}` for the braces themselves");
        self.report.error("invalid-text", at, message, help);
        Some(template)
    }

    /// A root that a name may have been meant to be read from.
    fn example_root(&self) -> &str {
        let roots = self.roots.unwrap_or_default();
        roots.iter().find(|root| **root == "event").or(roots.first()).copied().unwrap_or("event")
    }

    /// A text that is sent as it is, and has a path in braces.
    pub(super) fn unread_braces(&mut self, node: &Node, text: &str) {
        let Some(offset) = text.find("{$.") else { return };
        if Template::parse(text).is_ok_and(|template| template.paths().next().is_some()) {
            let at = node.at_offset(&self.report.source, offset);
            let message = "this text is sent as it is, with its braces";
            let help = "write `{ text: … }` around it, so that the values are put into it";
            self.report.warning("invalid-text", at, message, help);
        }
    }

    /// Compiles a text with values in braces.
    pub fn template(&mut self, node: &Node) -> Option<Template> {
        self.parsed(node, Template::parse)
    }

    /// A template of a URL's path, into which whole paths may be put.
    pub fn path_template(&mut self, node: &Node) -> Option<Template> {
        self.parsed(node, Template::parse_path)
    }

    fn parsed(&mut self, node: &Node, parse: fn(&str) -> Result<Template, TemplateError>) -> Option<Template> {
        let text = read::text(node, "a text", self.report)?.value;
        let template = match parse(&text) {
            Ok(template) => template,
            Err(_) if is_reference(&text) => {
                wrong_reference(&text, node.at, self.report);
                return None;
            }
            Err(error) => {
                let at = node.at_offset(&self.report.source, error.offset);
                self.report.error("invalid-text", at, error.message, "write values as `{$.event.Name}`");
                return None;
            }
        };
        let template = template.placed(|path| {
            let at = node.at_offset(&self.report.source, text.find(path.text()).unwrap_or(0));
            let length = u32::try_from(path.text().len()).unwrap_or(0);
            At { end: at.start + length, ..at }
        });
        let paths: Vec<Path> = template.paths().cloned().collect();
        let known = paths.into_iter().filter(|path| self.known_root(path.clone(), path.at()).is_none()).count() == 0;
        known.then_some(template)
    }
}

//! The page that says what each connector holds, and what it lacks.

/// What a connector holds in one profile.
#[derive(Debug)]
pub(super) struct Held {
    title: String,
    profile: Option<String>,
    /// Of each way to say who we are.
    pub(super) access: Vec<String>,
    pub(super) writes: Vec<Written>,
    pub(super) reads: Vec<String>,
    /// Lists with pages, and why one page holds all of some.
    pub(super) lists: Vec<(String, Option<String>)>,
    pub(super) refusals: Vec<String>,
    /// Reads that are walked in another way, and why.
    pub(super) special: Vec<(String, String)>,
    /// Actions that are not walked, and why.
    pub(super) named: Vec<(String, String)>,
    pub(super) lacks: Vec<String>,
    pub(super) native: Option<String>,
}

/// A write that is walked.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) action: String,
    pub(super) repeat: &'static str,
    /// What is special about it.
    pub(super) says: Option<String>,
}

const HEAD: &str = "\
# What each connector holds

`tests/it/conformance.rs` walks every action of every shipped connector through the faults of its
[sandbox](faults.md) and counts at the target what was done; this page is what came of it. Each call is made as the engine makes it, and after each
failure goes on as the engine would. A connector that lacks something says so in a sentence.

- **A write** is walked under `throttled`, `server_error`, `cut_before`, `cut_after`, `error_after`, `truncated`,
  `truncated_chunked`, `slow` and `slow_before`; the first one of each kind also with an answer that comes after the time-out. A throttled call did
  nothing and waits as long as `Retry-After` says. No other lost answer is taken for a success or a refusal: it is `unknown`.
- **upsert, keyed**: sent again, and there is one effect. **lookup**: found with fields that agree, or proven absent and sent again;
  one effect. **never**: never sent again; a person looks.
- **A read** fails under each of these faults, and the same call gives the same afterwards. **A list** is read to its last page, and is what the
  sandbox has; a fault on its second page is never a shorter list.
- **Credentials** that are wrong are `auth`. A token that has ended is renewed once; whoever is refused with the new one, too, is `auth` after two calls.

| connector | profile | writes | reads | lists | ways to log in | refusals that look like a success | not walked |
|---|---|---|---|---|---|---|---|
";

impl Held {
    pub(super) fn of(title: &str, profile: Option<&str>) -> Self {
        Self {
            title: title.to_owned(),
            profile: profile.map(str::to_owned),
            access: Vec::new(),
            writes: Vec::new(),
            reads: Vec::new(),
            lists: Vec::new(),
            refusals: Vec::new(),
            special: Vec::new(),
            named: Vec::new(),
            lacks: Vec::new(),
            native: None,
        }
    }

    fn row(&self) -> String {
        let profile = self.profile.as_ref().map_or_else(|| "–".to_owned(), |profile| format!("`{profile}`"));
        let counts =
            [&self.writes.len(), &self.reads.len(), &self.lists.len(), &self.access.len(), &self.refusals.len()];
        let counts: Vec<String> = counts.into_iter().map(ToString::to_string).collect();
        format!("| {} | {profile} | {} | {} |\n", self.title, counts.join(" | "), self.named.len())
    }

    fn section(&self) -> String {
        let mut text = match &self.profile {
            Some(profile) => format!("\n## {}, profile `{profile}`\n\n", self.title),
            None => format!("\n## {}\n\n", self.title),
        };
        let mut line = |name: &str, said: String| {
            if !said.is_empty() {
                text.push_str(&format!("- {name}: {said}.\n"));
            }
        };
        line("no fault of the sandbox reaches it", self.native.clone().unwrap_or_default());
        for said in &self.access {
            line("credentials", said.clone());
        }
        line("refusals that look like a success", self.refusals.join(", "));
        for repeat in ["keyed", "upsert", "lookup", "lookup, absence proves nothing", "never"] {
            let own = self.writes.iter().filter(|write| write.repeat == repeat);
            line(repeat, list(own.map(|write| &write.action)));
        }
        line("reads", list(self.reads.iter()));
        line("lists of several pages", list(self.lists.iter().filter(|(_, why)| why.is_none()).map(|(name, _)| name)));
        let lacks = self.lists.iter().filter_map(|(name, why)| Some((name, why.as_ref()?)));
        let special = self.writes.iter().filter_map(|write| Some((&write.action, write.says.as_ref()?)));
        let told = self.special.iter().chain(&self.named).map(|(name, why)| (name, why));
        for (name, why) in lacks.chain(special).chain(told) {
            line(&format!("`{name}`"), why.clone());
        }
        for sentence in &self.lacks {
            text.push_str(&format!("- {sentence}.\n"));
        }
        text
    }
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

pub(super) fn page(held: &[Held]) -> String {
    let rows: String = held.iter().map(Held::row).collect();
    let sections: String = held.iter().map(Held::section).collect();
    format!("{HEAD}{rows}{sections}")
}

//! What the values of a step read: the edges of the graph.

use ferry_contract::{path::Path, template::Template};

use crate::{
    eval::check,
    plan::{Approve, Call, Correlation, Each, Probe, Reaction, Step, Wait, Work},
};

impl Step {
    /// All roots that its values read, those of its arms included.
    pub(crate) fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.when.iter().for_each(|when| when.variables().iter().for_each(|name| visit(name)));
        self.each.iter().for_each(|each| each.roots(visit));
        self.work.roots(visit);
        self.arms.iter().for_each(|arm| arm.reaction.roots(visit));
    }
}

impl Work {
    pub(super) fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Call(call) => call.roots(visit),
            Self::Map(value) | Self::Pipeline { with: value, .. } => value.roots(visit),
            Self::Script(script) => script.variables().iter().for_each(|name| visit(name)),
            Self::Check(rules) => rules.iter().for_each(|rule| {
                match &rule.test {
                    check::Test::Field { field, .. } => field.root().into_iter().for_each(&mut *visit),
                    check::Test::Rhai(script) => script.variables().iter().for_each(|name| visit(name)),
                }
                rule.say.iter().flat_map(Template::paths).filter_map(Path::root).for_each(&mut *visit);
            }),
            Self::Wait(wait) => wait.roots(visit),
            Self::Approve(approve) => approve.roots(visit),
            Self::Alert { say, .. } => say.paths().filter_map(Path::root).for_each(visit),
            Self::Link { key, to, .. } => {
                key.roots(visit);
                to.roots(visit);
            }
            // What columns read is of the row.
            Self::Reconcile(reconcile) => reconcile.feeds().for_each(|(_, feed)| feed.source().roots(visit)),
            Self::Emit { key, data, .. } => {
                key.roots(visit);
                data.roots(visit);
            }
        }
    }
}

impl Call {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.with.roots(visit);
        self.once_per.iter().for_each(|key| key.roots(visit));
    }
}

impl Wait {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Self::For(_) => {}
            Self::Poll { probe, wake, .. } => {
                probe.roots(visit);
                wake.iter().for_each(|wake| wake.roots(visit));
            }
            Self::Event { event, .. } => event.roots(visit),
        }
    }
}

impl Correlation {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.ours.roots(visit);
    }
}

impl Approve {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.maker.iter().for_each(|maker| maker.roots(visit));
        self.show.roots(visit);
    }
}

impl Each {
    pub(super) fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.items.roots(visit);
        self.key.roots(visit);
    }
}

impl Probe {
    fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        self.call.roots(visit);
        self.until.variables().iter().for_each(|name| visit(name));
    }
}

impl Reaction {
    /// What a hold or a fallback reads; the steps of an arm have needs of their own.
    pub(super) fn roots<'a>(&'a self, visit: &mut dyn FnMut(&'a str)) {
        match self {
            Self::Hold { what, probe, .. } => {
                what.roots(visit);
                probe.roots(visit);
            }
            Self::Fallback(call) => call.roots(visit),
            Self::Do { .. } => {}
        }
    }
}

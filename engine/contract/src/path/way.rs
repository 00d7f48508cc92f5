//! The way of a query, as far as it names fields: for checks before anything runs.

use jsonpath_rust::parser::model::{
    Comparable, Filter, FilterAtom, Segment, Selector, SingularQuery, SingularQuerySegment,
};

use super::{Path, Rest, deviations::sides, unquoted};

/// One part of a way.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Part {
    /// A field.
    Field(String),
    /// The items of a list, or some of them, with the fields of an item that a filter compares.
    Items(Vec<Vec<String>>),
}

impl Path {
    /// The parts of a query behind its root, up to where no field is named.
    pub fn way(&self) -> Vec<Part> {
        let Rest::Query(query) = &self.rest else { return Vec::new() };
        query.segments.iter().skip(1).map_while(part).collect()
    }

    /// Whether the way leads to the end of the query, and to one value.
    pub fn is_way(&self) -> bool {
        let Rest::Query(query) = &self.rest else { return false };
        !self.is_plural() && query.segments.iter().all(|segment| part(segment).is_some())
    }
}

fn part(segment: &Segment) -> Option<Part> {
    match segment {
        Segment::Selector(Selector::Name(name)) => Some(Part::Field(unquoted(name))),
        Segment::Selector(Selector::Filter(filter)) => {
            let mut fields = Vec::new();
            compared(filter, &mut fields);
            Some(Part::Items(fields))
        }
        Segment::Selector(Selector::Index(_) | Selector::Slice(..)) => Some(Part::Items(Vec::new())),
        // Of a map they are its fields.
        Segment::Selector(Selector::Wildcard) | Segment::Selectors(_) | Segment::Descendant(_) => None,
    }
}

fn compared(filter: &Filter, fields: &mut Vec<Vec<String>>) {
    match filter {
        Filter::Or(parts) | Filter::And(parts) => parts.iter().for_each(|part| compared(part, fields)),
        Filter::Atom(FilterAtom::Filter { expr, .. }) => compared(expr, fields),
        Filter::Atom(FilterAtom::Comparison(comparison)) => {
            fields.extend(sides(comparison).into_iter().filter_map(names));
        }
        // Whether a field is there is asked of one that may not be.
        Filter::Atom(FilterAtom::Test { .. }) => {}
    }
}

/// The names of `@.a.b`.
fn names(side: &Comparable) -> Option<Vec<String>> {
    let Comparable::SingularQuery(SingularQuery::Current(segments)) = side else { return None };
    let name = |segment: &SingularQuerySegment| match segment {
        SingularQuerySegment::Name(name) => Some(unquoted(name)),
        SingularQuerySegment::Index(_) => None,
    };
    Some(segments.iter().map_while(name).collect())
}

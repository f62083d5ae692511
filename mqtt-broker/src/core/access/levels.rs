//! Levels of a rule's filter that depend on the client.

use super::pattern::Names;

/// A level with `%c` or `%u` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template(Box<[Part]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    ClientId,
    UserName,
}

impl Template {
    /// `None` for a level in which nothing is substituted.
    pub(super) fn new(level: &str) -> Option<Self> {
        let mut parts = Vec::new();
        let mut rest = level;
        while let Some((place, part)) = first(rest) {
            push_text(&mut parts, &rest[..place]);
            parts.push(part);
            rest = &rest[place + LENGTH..];
        }
        if parts.is_empty() {
            return None;
        }
        push_text(&mut parts, rest);
        Some(Self(parts.into()))
    }

    /// Whether the level of a topic is this one for the client. `hidden` if it is the first of a topic that begins with `$`.
    pub(super) fn matches(&self, level: &str, names: Names<'_>, hidden: bool) -> bool {
        if hidden && !self.begins_with_text() {
            return false;
        }
        let rest = self.0.iter().try_fold(level, |rest, part| rest.strip_prefix(part.value(names)?));
        rest.is_some_and(str::is_empty)
    }

    /// Appends the level for the client; `None` if there is none for this one. `first` if it is a filter's first level.
    pub(super) fn write(&self, names: Names<'_>, first: bool, filter: &mut String) -> Option<()> {
        let start = filter.len();
        for part in &self.0 {
            filter.push_str(part.value(names)?);
        }
        let hidden = first && filter[start..].starts_with('$');
        (!hidden || self.begins_with_text()).then_some(())
    }

    /// Whether what the level begins with was written by the operator.
    fn begins_with_text(&self) -> bool {
        matches!(self.0.first(), Some(Part::Text(_)))
    }
}

impl Part {
    fn value<'a>(&'a self, names: Names<'a>) -> Option<&'a str> {
        let value = match self {
            Self::Text(text) => return Some(text),
            Self::ClientId => names.client_id,
            Self::UserName => names.user_name?,
        };
        // it could take part in no level, or make one that the rule does not have
        (!value.is_empty() && !value.contains(['/', '+', '#'])).then_some(value)
    }
}

/// The first place where something is substituted.
fn first(text: &str) -> Option<(usize, Part)> {
    let client_id = text.find("%c").map(|place| (place, Part::ClientId));
    let user_name = text.find("%u").map(|place| (place, Part::UserName));
    [client_id, user_name].into_iter().flatten().min_by_key(|(place, _)| *place)
}

/// Bytes of `%c` and `%u`.
const LENGTH: usize = 2;

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

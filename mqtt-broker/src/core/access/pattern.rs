//! The topic filter of a rule.

use std::borrow::Cow;
use std::fmt;

use mqtt_codec::{InvalidTopicFilter, TopicFilterRef};
use thiserror::Error;

use super::levels::Template;

/// What is substituted for one client.
#[derive(Clone, Copy, Debug)]
pub(super) struct Names<'a> {
    pub(super) client_id: &'a str,
    pub(super) user_name: Option<&'a str>,
}

/// A topic filter, in which `%c` and `%u` may stand for names of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: Box<str>,
    /// Whether anything is substituted.
    is_template: bool,
}

/// Why a text is no filter of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PatternError {
    /// It breaks a rule of Topic Filters.
    #[error(transparent)]
    Filter(#[from] InvalidTopicFilter),
    /// Walks over rules are as deep as their filters.
    #[error("it has more than {} levels", Pattern::LEVELS)]
    Levels,
}

impl Pattern {
    /// The most levels of a rule's filter.
    pub const LEVELS: usize = 200;

    /// A filter in which `%c` and `%u` are substituted.
    ///
    /// # Errors
    /// If it would be no Topic Filter as it stands, or has too many levels.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        Ok(Self { is_template: text.contains("%c") || text.contains("%u"), ..Self::literal(text)? })
    }

    /// A filter that means what it says.
    ///
    /// # Errors
    /// If it is no Topic Filter, or has too many levels.
    pub fn literal(text: &str) -> Result<Self, PatternError> {
        TopicFilterRef::new(text)?;
        if text.split('/').count() > Self::LEVELS {
            return Err(PatternError::Levels);
        }
        Ok(Self { text: text.into(), is_template: false })
    }

    /// The filter as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The levels as they were written, each with its template if it has one.
    pub(super) fn levels(&self) -> impl Iterator<Item = (&str, Option<Template>)> {
        let template = |level| if self.is_template { Template::new(level) } else { None };
        self.text.split('/').map(move |level| (level, template(level)))
    }

    /// The filter for one client; `None` if with its names it matches nothing.
    pub(crate) fn resolve_for(&self, client_id: &str, user_name: Option<&str>) -> Option<Cow<'_, str>> {
        self.resolve(Names { client_id, user_name })
    }

    /// The filter for one client; `None` if with its names it matches nothing.
    pub(super) fn resolve(&self, names: Names<'_>) -> Option<Cow<'_, str>> {
        if !self.is_template {
            return Some(Cow::Borrowed(&self.text));
        }
        let mut filter = String::with_capacity(self.text.len() + names.client_id.len());
        for (index, (text, template)) in self.levels().enumerate() {
            if index > 0 {
                filter.push('/');
            }
            match template {
                Some(template) => template.write(names, index == 0, &mut filter)?,
                None => filter.push_str(text),
            }
        }
        Some(Cow::Owned(filter))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

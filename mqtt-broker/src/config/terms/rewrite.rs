//! Topics and filters that stand for others.

use mqtt_codec::{InvalidTopicFilter, TopicFilterRef};
use thiserror::Error;

/// A rule by which topics and filters of clients stand for others: devices and applications with other names for the same
/// thing need not be changed.
///
/// The first text is compared level by level, where `+` is any one level and `#`, as the last one, all that follow, none
/// included. `{1}`, `{2}` and so on in the second are what the wildcards of the first were.
///
/// ```
/// use mqtt_broker::config::Rewrite;
///
/// let rewrite = Rewrite::new("old/+/temp/#", "sites/{1}/temperature/{2}")?;
/// assert_eq!(rewrite.apply("old/north/temp/1").as_deref(), Some("sites/north/temperature/1"));
/// assert_eq!(rewrite.apply("old/+/temp/#").as_deref(), Some("sites/+/temperature/#"));
/// assert_eq!(rewrite.apply("old/north"), None);
/// # Ok::<(), mqtt_broker::config::RewriteError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewrite {
    from: Box<str>,
    to: Box<[Part]>,
}

/// A part of the text that comes out.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Box<str>),
    /// What the wildcard with this index was.
    Wildcard(usize),
}

/// Why two texts are no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RewriteError {
    /// The first is no Topic Filter.
    #[error("from is no topic filter: {0}")]
    From(InvalidTopicFilter),
    /// The second names a wildcard that the first does not have.
    #[error("to has {{{number}}}, but from has {wildcards} wildcards")]
    Wildcard {
        /// The number.
        number: usize,
        /// How many wildcards there are.
        wildcards: usize,
    },
    /// A brace that does not belong to a number, or a wildcard.
    #[error(
        "to is a topic in which {{1}}, {{2}} and so on are what the wildcards of from were; it has no other braces, no + and no #"
    )]
    To,
}

impl Rewrite {
    /// A rule.
    ///
    /// # Errors
    /// If the first text is no Topic Filter, or the second is no topic with numbers of its wildcards.
    pub fn new(from: &str, to: &str) -> Result<Self, RewriteError> {
        TopicFilterRef::new(from).map_err(RewriteError::From)?;
        let wildcards = from.split('/').filter(|level| matches!(*level, "+" | "#")).count();
        Ok(Self { from: from.into(), to: parts(to, wildcards)?.into() })
    }

    /// What a topic or filter stands for; `None` if the rule is not about it.
    pub fn apply(&self, text: &str) -> Option<String> {
        let wildcards = self.wildcards(text)?;
        let mut result = String::with_capacity(text.len() + 16);
        for part in &self.to {
            match part {
                Part::Text(text) => result.push_str(text),
                Part::Wildcard(index) => result.push_str(wildcards.get(*index).copied().unwrap_or_default()),
            }
        }
        // where # was nothing, nothing is left of its level
        if result.ends_with('/') && !text.ends_with('/') {
            result.pop();
        }
        Some(result)
    }

    /// What each wildcard is in `text`, if it matches.
    fn wildcards<'t>(&self, text: &'t str) -> Option<Vec<&'t str>> {
        // [MQTT-4.7.2-1]
        if text.starts_with('$') && self.from.starts_with(['+', '#']) {
            return None;
        }
        let mut wildcards = Vec::new();
        let mut rest = Some(text);
        for level in self.from.split('/') {
            if level == "#" {
                wildcards.push(rest.unwrap_or_default());
                return Some(wildcards);
            }
            let (found, behind) = match rest?.split_once('/') {
                Some((found, behind)) => (found, Some(behind)),
                None => (rest?, None),
            };
            match level {
                "+" if found == "#" => return None,
                "+" => wildcards.push(found),
                level if level == found => {}
                _ => return None,
            }
            rest = behind;
        }
        rest.is_none().then_some(wildcards)
    }
}

/// The parts of `to`.
fn parts(to: &str, wildcards: usize) -> Result<Vec<Part>, RewriteError> {
    let mut parts = Vec::new();
    let mut rest = to;
    while let Some((text, behind)) = rest.split_once('{') {
        let (number, behind) = behind.split_once('}').ok_or(RewriteError::To)?;
        let number: usize = number.parse().map_err(|_| RewriteError::To)?;
        if number == 0 || number > wildcards {
            return Err(RewriteError::Wildcard { number, wildcards });
        }
        parts.push(Part::Text(text.into()));
        parts.push(Part::Wildcard(number - 1));
        rest = behind;
    }
    parts.push(Part::Text(rest.into()));
    let is_bad = |part: &Part| matches!(part, Part::Text(text) if text.contains(['}', '+', '#', '\0']));
    if to.is_empty() || parts.iter().any(is_bad) {
        return Err(RewriteError::To);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_and_filters_are_rewritten_where_the_rule_matches() {
        let cases = [
            ("a", "b", "a", Some("b")),
            ("a", "b", "a/c", None),
            ("a/+", "b/{1}", "a/x", Some("b/x")),
            ("a/+", "b/{1}", "a/+", Some("b/+")),
            ("a/+", "b/{1}", "a/#", None),
            ("a/+", "b/{1}", "a/", Some("b/")),
            ("a/+/+", "{2}/{1}/{2}", "a/x/y", Some("y/x/y")),
            ("a/#", "b/{1}", "a", Some("b")),
            ("a/#", "b/{1}", "a/x/y", Some("b/x/y")),
            ("a/#", "b/{1}", "a/x/", Some("b/x/")),
            ("#", "all/{1}", "x/+/#", Some("all/x/+/#")),
            ("a/#", "b", "a/x", Some("b")),
            ("#", "all/{1}", "$SYS/x", None),
        ];
        for (from, to, text, expected) in cases {
            let rewrite = Rewrite::new(from, to).expect(from);
            assert_eq!(rewrite.apply(text).as_deref(), expected, "{from} -> {to} of {text}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        assert!(matches!(Rewrite::new("a+", "b"), Err(RewriteError::From(_))));
        assert_eq!(Rewrite::new("a/+", "{2}"), Err(RewriteError::Wildcard { number: 2, wildcards: 1 }));
        assert_eq!(Rewrite::new("a/+", "{0}"), Err(RewriteError::Wildcard { number: 0, wildcards: 1 }));
        for to in ["", "b/+", "b/#", "{", "}", "{x}", "b/{1"] {
            assert_eq!(Rewrite::new("a/+", to), Err(RewriteError::To), "{to:?}");
        }
    }
}

//! Topic Names and Topic Filters: what a valid one is, shared subscriptions, and matching one pair.

use alloc::sync::Arc;
use core::fmt;

use crate::scan;
use crate::types::{InvalidText, check_text};

/// The first level of a Shared Subscription's filter, with its separator.
const SHARE_PREFIX: &str = "$share/";

/// A borrowed Topic Name: not empty, no wildcard, no U+0000, at most 65,535 bytes.
///
/// One exception: in a PUBLISH that was decoded without a [`Decoder`](crate::Decoder) the name is empty where
/// a Topic Alias stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicRef<'a>(&'a str);

impl<'a> TopicRef<'a> {
    /// The name left out, as a PUBLISH has it whose Topic Alias stands for the name.
    pub(crate) const ALIASED: Self = Self("");

    /// Checks the rules of a Topic Name. [MQTT-4.7.0-1] [MQTT-4.7.3-1] [MQTT-4.7.3-2] [MQTT-4.7.3-3]
    ///
    /// # Errors
    /// The rule that `name` breaks.
    pub fn new(name: &'a str) -> Result<Self, InvalidTopic> {
        check_text(name)?;
        check_topic(name)?;
        Ok(Self(name))
    }

    /// A name that the caller has checked.
    pub(crate) const fn checked(name: &'a str) -> Self {
        Self(name)
    }

    /// The name as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// Whether the name is left out because a Topic Alias stands for it.
    pub const fn is_aliased(self) -> bool {
        self.0.is_empty()
    }

    /// The same name with storage of its own.
    #[inline]
    pub fn to_topic(self) -> Topic {
        Topic(self.0.into())
    }
}

impl fmt::Display for TopicRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A Topic Name with storage of its own; a clone shares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Topic(Arc<str>);

impl Topic {
    /// Checks the rules of a Topic Name, see [`TopicRef::new`].
    ///
    /// # Errors
    /// The rule that `name` breaks.
    pub fn new(name: &str) -> Result<Self, InvalidTopic> {
        TopicRef::new(name).map(TopicRef::to_topic)
    }

    /// The name, borrowed.
    pub fn view(&self) -> TopicRef<'_> {
        TopicRef(&self.0)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A borrowed Topic Filter: not empty, wildcards only where they may stand, at most 65,535 bytes.
///
/// Whether a filter that begins with `$share/` has a good ShareName is asked with [`TopicFilterRef::share`]:
/// a bad one is refused in SUBACK and does not spoil its packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilterRef<'a>(&'a str);

impl<'a> TopicFilterRef<'a> {
    /// Checks the rules of a Topic Filter. [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1]
    ///
    /// # Errors
    /// The rule that `filter` breaks.
    pub fn new(filter: &'a str) -> Result<Self, InvalidTopicFilter> {
        check_text(filter)?;
        check_filter(filter.as_bytes())?;
        Ok(Self(filter))
    }

    /// A filter that the caller has checked.
    pub(crate) const fn checked(filter: &'a str) -> Self {
        Self(filter)
    }

    /// The filter as text.
    pub const fn as_str(self) -> &'a str {
        self.0
    }

    /// The same filter with storage of its own.
    pub fn to_topic_filter(self) -> TopicFilter {
        TopicFilter(self.0.into())
    }

    /// Whether the filter has a `+` or `#`.
    pub fn has_wildcard(self) -> bool {
        has_wildcard(self.0)
    }

    /// The Shared Subscription that the filter asks for, `None` if it is an ordinary filter.
    ///
    /// # Errors
    /// If it begins with `$share/` but has no valid ShareName and filter. [MQTT-4.8.2-1] [MQTT-4.8.2-2]
    pub fn share(self) -> Result<Option<Share<'a>>, InvalidTopicFilter> {
        if self.0 == "$share" {
            return Err(InvalidTopicFilter::ShareName);
        }
        let Some(rest) = self.0.strip_prefix(SHARE_PREFIX) else { return Ok(None) };
        let (name, filter) = rest.split_once('/').ok_or(InvalidTopicFilter::ShareName)?;
        if name.is_empty() || name.contains(['+', '#']) {
            return Err(InvalidTopicFilter::ShareName);
        }
        check_filter(filter.as_bytes())?;
        Ok(Some(Share { name, filter: Self(filter) }))
    }

    /// Whether the filter matches `topic`, level by level, byte by byte. [MQTT-4.7.3-4]
    ///
    /// A shared filter is compared as it stands: ask [`TopicFilterRef::share`] first.
    pub fn matches(self, topic: TopicRef<'_>) -> bool {
        // [MQTT-4.7.2-1]
        if topic.0.starts_with('$') && self.0.starts_with(['+', '#']) {
            return false;
        }
        let mut names = topic.0.split('/');
        for level in self.0.split('/') {
            match (level, names.next()) {
                ("#", _) => return true,
                ("+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }
}

impl fmt::Display for TopicFilterRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// The two parts of a Shared Subscription's filter `$share/name/filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share<'a> {
    /// The ShareName: which group of sessions shares the messages.
    pub name: &'a str,
    /// The filter that messages are matched with.
    pub filter: TopicFilterRef<'a>,
}

/// A Topic Filter with storage of its own; a clone shares it.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicFilter(Arc<str>);

impl TopicFilter {
    /// Checks the rules of a Topic Filter, see [`TopicFilterRef::new`].
    ///
    /// # Errors
    /// The rule that `filter` breaks.
    pub fn new(filter: &str) -> Result<Self, InvalidTopicFilter> {
        TopicFilterRef::new(filter).map(TopicFilterRef::to_topic_filter)
    }

    /// The filter, borrowed.
    pub fn view(&self) -> TopicFilterRef<'_> {
        TopicFilterRef(&self.0)
    }

    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! text_traits {
    ($name:ident, $error:ident) => {
        impl TryFrom<&str> for $name {
            type Error = $error;

            fn try_from(text: &str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl TryFrom<alloc::string::String> for $name {
            type Error = $error;

            fn try_from(text: alloc::string::String) -> Result<Self, $error> {
                Self::new(&text)
            }
        }

        impl core::str::FromStr for $name {
            type Err = $error;

            fn from_str(text: &str) -> Result<Self, $error> {
                Self::new(text)
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                self.as_str()
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self.as_str(), f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

text_traits!(Topic, InvalidTopic);
text_traits!(TopicFilter, InvalidTopicFilter);

/// The rules of a Topic Name beyond those of text.
pub(crate) fn check_topic(name: &str) -> Result<(), InvalidTopic> {
    if name.is_empty() {
        return Err(InvalidTopic::Empty);
    }
    if has_wildcard(name) { Err(InvalidTopic::Wildcard) } else { Ok(()) }
}

/// The rules of a Topic Filter beyond those of text.
#[inline]
pub(crate) fn check_filter(filter: &[u8]) -> Result<(), InvalidTopicFilter> {
    if filter.is_empty() {
        return Err(InvalidTopicFilter::Empty);
    }
    scan::wildcards(filter, |place| {
        let before = place.checked_sub(1).and_then(|before| filter.get(before));
        let after = filter.get(place + 1);
        let alone = matches!(before, None | Some(b'/')) && matches!(after, None | Some(b'/'));
        match filter.get(place) {
            // [MQTT-4.7.1-1], in 3.1.1 [MQTT-4.7.1-2]
            Some(b'#') if !alone => Err(InvalidTopicFilter::MultiLevelNotAlone),
            Some(b'#') if after.is_some() => Err(InvalidTopicFilter::MultiLevelNotLast),
            // [MQTT-4.7.1-2], in 3.1.1 [MQTT-4.7.1-3]
            Some(b'+') if !alone => Err(InvalidTopicFilter::SingleLevelNotAlone),
            _ => Ok(()),
        }
    })
}

fn has_wildcard(text: &str) -> bool {
    scan::has_wildcard(text.as_bytes())
}

/// Why a text is not a Topic Name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTopic {
    /// It has no character.
    #[error("a topic name has at least one character [MQTT-4.7.3-1]")]
    Empty,
    /// It is not a valid string.
    #[error(transparent)]
    Text(#[from] InvalidText),
    /// It holds `+` or `#`.
    #[error("a topic name holds no wildcard + or # [MQTT-4.7.0-1]")]
    Wildcard,
}

/// Why a text is not a Topic Filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidTopicFilter {
    /// It has no character.
    #[error("a topic filter has at least one character [MQTT-4.7.3-1]")]
    Empty,
    /// `#` shares its level with other characters.
    #[error("# fills its level of a topic filter alone [MQTT-4.7.1-1]")]
    MultiLevelNotAlone,
    /// `#` is not the last character.
    #[error("# is the last level of a topic filter [MQTT-4.7.1-1]")]
    MultiLevelNotLast,
    /// A shared filter without ShareName, without filter, or with a wildcard in its ShareName.
    #[error("a shared filter is $share/NAME/FILTER, NAME without + and # [MQTT-4.8.2-1] [MQTT-4.8.2-2]")]
    ShareName,
    /// `+` shares its level with other characters.
    #[error("+ fills its level of a topic filter alone [MQTT-4.7.1-2]")]
    SingleLevelNotAlone,
    /// It is not a valid string.
    #[error(transparent)]
    Text(#[from] InvalidText),
}

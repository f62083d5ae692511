//! Topic Aliases: the memory of one network connection, one table for each direction.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use crate::error::DecodeErrorKind as Kind;
use crate::packet::PublishRef;
use crate::topic::TopicRef;

/// Topics that the peer has given an alias. Ends with its connection. [MQTT-3.3.2-7]
///
/// Memory grows with the aliases in use: at most the maximum that was announced, each with a topic of at most
/// 65,535 bytes.
#[derive(Clone, Debug, Default)]
pub struct IncomingAliases {
    maximum: u16,
    topics: Vec<Option<Box<str>>>,
}

impl IncomingAliases {
    /// A table for aliases 1 to `maximum`, the Topic Alias Maximum that was announced to the peer.
    pub const fn new(maximum: u16) -> Self {
        Self { maximum, topics: Vec::new() }
    }

    /// Learns from a PUBLISH, or fills in the topic that it leaves out, and takes the alias off it.
    ///
    /// # Errors
    /// [`DecodeErrorKind::TopicAliasAboveMaximum`](Kind::TopicAliasAboveMaximum) above the maximum,
    /// [`DecodeErrorKind::TopicAliasUnknown`](Kind::TopicAliasUnknown) without a mapping.
    pub fn resolve<'a>(&'a mut self, publish: &mut PublishRef<'a>) -> Result<(), Kind> {
        let Some(alias) = publish.alias.take() else { return Ok(()) };
        publish.message.topic = self.topic(alias, publish.message.topic)?;
        Ok(())
    }

    /// The topic that `alias` and `topic` in one PUBLISH mean.
    pub(crate) fn topic<'a>(
        &'a mut self,
        alias: NonZeroU16,
        topic: TopicRef<'a>,
    ) -> Result<TopicRef<'a>, Kind> {
        if alias.get() > self.maximum {
            return Err(Kind::TopicAliasAboveMaximum);
        }
        let index = usize::from(alias.get() - 1);
        if !topic.is_aliased() {
            self.learn(index, topic);
            return Ok(topic);
        }
        match self.topics.get(index) {
            Some(Some(topic)) => Ok(TopicRef::checked(topic)),
            _ => Err(Kind::TopicAliasUnknown),
        }
    }

    fn learn(&mut self, index: usize, topic: TopicRef<'_>) {
        if self.topics.len() <= index {
            self.topics.resize(index + 1, None);
        }
        if let Some(slot) = self.topics.get_mut(index)
            && slot.as_deref() != Some(topic.as_str())
        {
            *slot = Some(topic.as_str().into());
        }
    }
}

/// Topics that have an alias towards the peer. Ends with its connection.
///
/// Aliases are given in the order in which topics come, and never taken back: simple, and right for a publisher
/// whose topics are few.
#[derive(Clone, Debug, Default)]
pub struct OutgoingAliases {
    maximum: u16,
    aliases: BTreeMap<Box<str>, NonZeroU16>,
}

/// How a topic is written once its alias was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AliasUse {
    /// No alias is left, or none may be used: the topic alone.
    Topic,
    /// The topic together with its new alias.
    First(NonZeroU16),
    /// The alias alone.
    Again(NonZeroU16),
}

impl AliasUse {
    /// Puts the choice into `publish`, which has its topic in full.
    pub fn apply(self, publish: &mut PublishRef<'_>) {
        publish.alias = match self {
            Self::Topic => None,
            Self::First(alias) | Self::Again(alias) => Some(alias),
        };
        if matches!(self, Self::Again(_)) {
            publish.message.topic = TopicRef::ALIASED;
        }
    }
}

impl OutgoingAliases {
    /// A table that gives at most `maximum` aliases, the peer's Topic Alias Maximum. [MQTT-3.3.2-9]
    pub const fn new(maximum: u16) -> Self {
        Self { maximum, aliases: BTreeMap::new() }
    }

    /// The alias for `topic`, a new one if one is left.
    ///
    /// The packet must then be sent: a peer that misses the first use does not know the second.
    pub fn assign(&mut self, topic: TopicRef<'_>) -> AliasUse {
        if let Some(&alias) = self.aliases.get(topic.as_str()) {
            return AliasUse::Again(alias);
        }
        let next = u16::try_from(self.aliases.len() + 1).ok().filter(|next| *next <= self.maximum);
        match next.and_then(NonZeroU16::new) {
            Some(alias) => {
                self.aliases.insert(topic.as_str().into(), alias);
                AliasUse::First(alias)
            }
            None => AliasUse::Topic,
        }
    }
}

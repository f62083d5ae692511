//! Topic Aliases against a table that nobody could get wrong.

use std::collections::HashMap;
use std::num::NonZeroU16;

use arbitrary::{Result, Unstructured};
use mqtt_codec::{
    AliasUse, DecodeErrorKind as Kind, Decoder, Delivery, List, MessagePropertiesRef, MessageRef,
    OutgoingAliases, PacketRef, PublishRef, TopicRef, Version,
};

const TOPICS: [&str; 8] = ["a", "b", "a/b", "/", "$SYS/x", "Ä", "a/b/c/d/e/f/g/h", "b\u{FEFF}"];

/// Finds aliases that stand for a wrong topic, outlive their table, or are taken above the maximum; errors that point
/// elsewhere than to the alias; and outgoing aliases above the peer's maximum, given twice, or not understood by a
/// decoder.
///
/// The input makes two maxima and PUBLISH packets. Each that is received is sent on to a second peer.
pub fn aliases(data: &[u8]) {
    // an input that ends early is as good as one that goes on
    let _ = received_and_sent_on(&mut Unstructured::new(data));
}

fn received_and_sent_on(u: &mut Unstructured<'_>) -> Result<()> {
    let (mut incoming, mut outgoing) = (Incoming::new(maximum(u)?), Outgoing::new(maximum(u)?));
    while !u.is_empty() {
        match u.int_in_range(0..=15)? {
            0 => incoming = Incoming::again(incoming, maximum(u)?),
            1 => outgoing = Outgoing::new(maximum(u)?),
            _ => {
                let topic = if u.ratio(1, 2)? { None } else { Some(*u.choose(&TOPICS)?) };
                let alias = if u.ratio(1, 8)? { u.arbitrary()? } else { u.int_in_range(0..=6)? };
                match incoming.receive(topic, NonZeroU16::new(alias)) {
                    Some(topic) => outgoing.send(topic),
                    None => return Ok(()),
                }
            }
        }
    }
    Ok(())
}

fn maximum(u: &mut Unstructured<'_>) -> Result<u16> {
    if u.ratio(1, 8)? { u.arbitrary() } else { u.int_in_range(0..=5) }
}

fn publish(topic: TopicRef<'_>, alias: Option<NonZeroU16>) -> PublishRef<'_> {
    let message = MessageRef { topic, payload: b"payload", properties: MessagePropertiesRef::default() };
    let subscription_ids = List::EMPTY;
    PublishRef {
        message,
        delivery: Delivery::AtMostOnce,
        retain: false,
        expiry: None,
        alias,
        subscription_ids,
    }
}

/// A decoder and what it should know.
struct Incoming {
    decoder: Decoder,
    maximum: u16,
    topics: HashMap<u16, &'static str>,
}

impl Incoming {
    fn new(maximum: u16) -> Self {
        Self::again(
            Self { decoder: Decoder::client(Version::V5, 1000), maximum, topics: HashMap::new() },
            maximum,
        )
    }

    /// The same decoder with another maximum, which forgets.
    fn again(mut before: Self, maximum: u16) -> Self {
        before.decoder.set_topic_alias_maximum(maximum);
        Self { maximum, topics: HashMap::new(), ..before }
    }

    /// A PUBLISH comes, with its topic or without; gives the topic that it has, `None` if the connection ends.
    fn receive(&mut self, topic: Option<&'static str>, alias: Option<NonZeroU16>) -> Option<&'static str> {
        let bytes = bytes(topic, alias);
        let expected = match (topic, alias.map(NonZeroU16::get)) {
            (None, None) => Err(Kind::Empty),
            (_, Some(alias)) if alias > self.maximum => Err(Kind::TopicAliasAboveMaximum),
            (None, Some(alias)) => self.topics.get(&alias).copied().ok_or(Kind::TopicAliasUnknown),
            (Some(topic), alias) => {
                alias.map(|alias| self.topics.insert(alias, topic));
                Ok(topic)
            }
        };
        let read = self.decoder.decode(&bytes).map(|packet| match packet {
            PacketRef::Publish(publish) => (publish.message.topic.as_str(), publish.alias),
            other => panic!("{other:?}"),
        });
        assert_eq!(read.map_err(|error| error.kind), expected.map(|topic| (topic, None)));
        if let (Err(error), Some(alias)) = (read, alias) {
            let at = error.offset as usize;
            assert_eq!(bytes.get(at..at + 2), Some(&alias.get().to_be_bytes()[..]), "{error}");
        }
        expected.ok()
    }
}

/// A PUBLISH as a peer may send it, right or wrong.
fn bytes(topic: Option<&str>, alias: Option<NonZeroU16>) -> Vec<u8> {
    let topic = topic.unwrap_or_default();
    let mut body = vec![0, topic.len() as u8];
    body.extend_from_slice(topic.as_bytes());
    match alias {
        Some(alias) => {
            let [high, low] = alias.get().to_be_bytes();
            // a user property before it, so that it does not stand at the start of the block
            body.extend([10, 0x26, 0, 1, b'k', 0, 1, b'v', 0x23, high, low]);
        }
        None => body.push(0),
    }
    [&[0x30, body.len() as u8], &body[..]].concat()
}

/// Aliases towards a peer, what they should be, and the decoder of that peer.
struct Outgoing {
    aliases: OutgoingAliases,
    maximum: u16,
    given: HashMap<&'static str, NonZeroU16>,
    peer: Decoder,
}

impl Outgoing {
    fn new(maximum: u16) -> Self {
        let mut peer = Decoder::client(Version::V5, 1000);
        peer.set_topic_alias_maximum(maximum);
        Self { aliases: OutgoingAliases::new(maximum), maximum, given: HashMap::new(), peer }
    }

    fn send(&mut self, topic: &'static str) {
        let name = TopicRef::new(topic).expect("a topic");
        let next = u16::try_from(self.given.len() + 1).expect("few topics");
        let expected = match self.given.get(topic) {
            Some(alias) => AliasUse::Again(*alias),
            None if next > self.maximum => AliasUse::Topic,
            None => {
                let alias = NonZeroU16::new(next).expect("it is above 0");
                self.given.insert(topic, alias);
                AliasUse::First(alias)
            }
        };
        let alias = self.aliases.assign(name);
        assert_eq!(alias, expected);
        let mut publish = publish(name, None);
        alias.apply(&mut publish);
        assert_eq!(publish.message.topic.is_aliased(), matches!(alias, AliasUse::Again(_)));
        let mut sent = Vec::new();
        publish.encode(Version::V5, &mut sent).expect("it is valid");
        let PacketRef::Publish(received) = self.peer.decode(&sent).expect("the peer knows the alias") else {
            panic!("a PUBLISH");
        };
        assert_eq!((received.message.topic, received.message.payload), (name, &b"payload"[..]));
    }
}

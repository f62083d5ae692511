use std::sync::Arc;

use bytes::Bytes;
use mqtt_codec::{MessageProperties, Text, Topic};
use mqtt_session::Time;

use super::buffer::{Buffer, Entry, SlowReader, StreamLimits};
use super::owed::{Owed, Signals};
use crate::message::Message;

fn message(payload: &str) -> Message {
    let publish = mqtt_codec::Publish {
        message: mqtt_codec::Message::new(Topic::new("t").unwrap(), Bytes::from(payload.to_owned())).into(),
        delivery: mqtt_codec::Delivery::AtMostOnce,
        retain: false,
        expiry: None,
        alias: None,
        subscription_ids: Vec::new(),
    };
    Message::new(&publish.view(), None)
}

fn buffer(messages: usize, bytes: usize, slow_reader: SlowReader) -> (Buffer, Arc<Signals>) {
    let signals = Arc::new(Signals::default());
    (Buffer::new(StreamLimits { messages, bytes, slow_reader }, Arc::clone(&signals)), signals)
}

fn payloads(buffer: &Buffer) -> Vec<String> {
    let taken = std::iter::from_fn(|| buffer.try_next());
    taken.map(|message| String::from_utf8(message.payload.to_vec()).unwrap()).collect()
}

/// Real receipts, which only a session makes.
fn owed(signals: &Arc<Signals>, count: u16) -> Vec<Arc<Owed>> {
    use mqtt_codec::{ConnAck, Connect, Decoder, PacketId, PacketRef, ReasonCode, Version};
    use mqtt_session::{ClientConfig, ClientSession, Received};
    let mut session = ClientSession::new(Version::V5, ClientConfig::default());
    session.handle_connected(Time::ZERO, Connect::new(Version::V5, Text::default()));
    session.poll_transmit(Time::ZERO, &mut Vec::new());
    let connack = ConnAck::new(false, ReasonCode::Success);
    session.handle_packet(Time::ZERO, &PacketRef::ConnAck(connack.view()));
    let mut decoder = Decoder::client(Version::V5, 100);
    let mut receipts = (1..=count).map(|id| {
        let id = PacketId::new(id).unwrap().get().to_be_bytes();
        let frame = [0x32, 6, 0, 1, b't', id[0], id[1], 0];
        let packet = decoder.decode(&frame).unwrap();
        match session.handle_packet(Time::ZERO, &packet) {
            Some(Received::Message { receipt: Some(receipt), .. }) => receipt,
            other => panic!("{other:?}"),
        }
    });
    let receipts: Vec<_> = receipts.by_ref().collect();
    receipts.into_iter().map(|receipt| Arc::new(Owed::new(receipt, Arc::clone(signals)))).collect()
}

#[test]
fn what_is_owned_is_bounded_by_messages_and_by_bytes() {
    for (slow_reader, kept) in [
        (SlowReader::DropNewest, ["0", "1", "2"]),
        (SlowReader::HoldBack, ["0", "1", "2"]),
        (SlowReader::DropOldest, ["7", "8", "9"]),
    ] {
        // each message counts two bytes
        for (messages, bytes) in [(3, 1_000), (1_000, 6), (1_000, 7)] {
            let (buffer, _) = buffer(messages, bytes, slow_reader);
            let dropped: u64 =
                (0..10).map(|number| buffer.push(Entry::new(message(&number.to_string()), None))).sum();
            assert_eq!((buffer.len(), buffer.dropped(), dropped), (3, 7, 7));
            assert_eq!(payloads(&buffer), kept);
        }
    }
}

#[test]
fn properties_count_as_bytes() {
    let text = |len| Text::new(&"x".repeat(len)).unwrap();
    let message = || {
        let properties = MessageProperties {
            user_properties: vec![(text(1), text(60_000))],
            ..MessageProperties::default()
        };
        Message { properties: Some(Box::new(properties)), ..message("") }
    };
    let (buffer, _) = buffer(1_000, 150_000, SlowReader::DropNewest);
    for _ in 0..10 {
        buffer.push(Entry::new(message(), None));
    }
    assert_eq!((buffer.len(), buffer.dropped()), (2, 8));
}

#[test]
fn one_message_is_kept_however_small_the_limits() {
    let (buffer, _) = buffer(0, 0, SlowReader::DropNewest);
    buffer.push(Entry::new(message("large"), None));
    assert_eq!(payloads(&buffer), ["large"]);
}

#[test]
fn what_is_held_comes_on_top_until_it_is_owned() {
    let (buffer, signals) = buffer(2, 1_000, SlowReader::DropNewest);
    let owed = owed(&signals, 4);
    for (number, owed) in owed.iter().enumerate() {
        buffer.push(Entry::new(message(&number.to_string()), Some(Arc::clone(owed))));
    }
    assert_eq!((buffer.len(), buffer.dropped()), (4, 0));
    for owed in &owed[..3] {
        owed.settle();
        buffer.own(owed);
    }
    assert_eq!(payloads(&buffer), ["0", "1", "3"]);
    assert!(signals.taken().is_empty(), "somebody still holds it");
    drop(owed);
    // the last was taken, the others were settled before
    assert_eq!(signals.taken().len(), 1);
}

#[test]
fn with_hold_back_a_full_stream_says_that_acknowledgements_have_to_wait() {
    let (buffer, signals) = buffer(1, 1_000, SlowReader::HoldBack);
    let owed = owed(&signals, 2);
    for owed in &owed {
        buffer.push(Entry::new(message("x"), Some(Arc::clone(owed))));
    }
    assert!(!buffer.holds_back(&owed[0]));
    owed[0].settle();
    assert_eq!(buffer.own(&owed[0]), 0);
    assert!(buffer.holds_back(&owed[1]));
    assert!(buffer.try_next().is_some());
    assert!(!buffer.holds_back(&owed[1]));
}

#[test]
fn a_finished_stream_gives_what_it_owns_and_forgets_what_will_come_again() {
    for keep_held in [false, true] {
        let (buffer, signals) = buffer(10, 1_000, SlowReader::DropNewest);
        let owed = owed(&signals, 1);
        buffer.push(Entry::new(message("owned"), None));
        buffer.push(Entry::new(message("held"), owed.first().cloned()));
        drop(owed);
        buffer.finish(keep_held);
        assert_eq!(buffer.push(Entry::new(message("late"), None)), 0);
        let expected: &[&str] = if keep_held { &["owned", "held"] } else { &["owned"] };
        assert_eq!(payloads(&buffer), expected);
        // what was forgotten is not acknowledged either
        assert_eq!(signals.taken().len(), usize::from(keep_held));
    }
}

//! Whatever a caller puts together: it is encoded so that a peer accepts it, or refused with the name of a field.

mod support;

use arbitrary::{Result, Unstructured};
use bytes::Bytes;
use mqtt_codec::{
    AckRef, AuthRef, ConnAckRef, ConnectRef, Delivery, DisconnectRef, EncodeError, EncodedPublish, Field,
    List, MessagePropertiesRef, MessageRef, Packet, PacketId, PacketRef, PacketType, Publish, PublishRef,
    ReasonCode, Role, Rules, SubAckRef, SubscribeRef, Text, TopicRef, UnsubAckRef, UnsubscribeRef,
    UserProperties, Version,
};
use proptest::prelude::*;
use support::hex;

/// Values that types do not keep out of a view, beside those of a valid packet.
struct Wild<'u, 'd, 'w> {
    u: &'u mut Unstructured<'d>,
    long: &'w str,
    other: &'w Other,
}

/// Parts of other packets: lists in the bytes of another version, a topic that only an alias names.
struct Other {
    aliased: Vec<u8>,
    described: Vec<u8>,
    suback: Vec<u8>,
    subscribe: Vec<u8>,
    unsubscribe: Vec<u8>,
}

impl Other {
    fn new() -> Self {
        Self {
            aliased: hex("30 06 0000 03 230001"),
            described: hex("30 13 0001 't' 0F 0101 0200000009 0B05 260001'a'0000"),
            suback: hex("90 07 0009 00 00 02 87 97"),
            subscribe: hex("82 09 0009 02 0B05 0001 '#' 2C"),
            unsubscribe: hex("A2 05 0009 0001 '+'"),
        }
    }

    fn view(bytes: &[u8], version: Version) -> PacketRef<'_> {
        PacketRef::decode(bytes, &Rules::new(version, Role::Client)).expect("it is valid")
    }

    fn properties(&self) -> MessagePropertiesRef<'_> {
        let PacketRef::Publish(publish) = Self::view(&self.described, Version::V5) else { panic!() };
        publish.message.properties
    }

    fn topic(&self) -> TopicRef<'_> {
        let PacketRef::Publish(publish) = Self::view(&self.aliased, Version::V5) else { panic!() };
        publish.message.topic
    }
}

impl<'w> Wild<'_, '_, 'w> {
    /// One time in four another value.
    fn sometimes<T>(&mut self, value: &mut T, other: impl FnOnce(&mut Self) -> Result<T>) -> Result<()> {
        if self.u.ratio(1, 4)? {
            *value = other(self)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&'w str> {
        let long = self.long;
        Ok(self.u.choose(&["", "a\0", "\u{FFFF}", "+/#", &long[..65_535], long])?)
    }

    fn texts(&mut self, value: &mut Option<&'w str>) -> Result<()> {
        self.sometimes(value, |wild| if wild.u.arbitrary()? { Ok(None) } else { wild.text().map(Some) })
    }

    fn binary(&mut self, value: &mut Option<&'w [u8]>) -> Result<()> {
        self.sometimes(value, |wild| {
            Ok(if wild.u.arbitrary()? { None } else { Some(wild.text()?.as_bytes()) })
        })
    }

    fn reason(&mut self, value: &mut ReasonCode) -> Result<()> {
        self.sometimes(value, |wild| Ok(*wild.u.choose(ReasonCode::ALL)?))
    }

    fn topic(&mut self, value: &mut TopicRef<'w>) -> Result<()> {
        self.sometimes(value, |wild| Ok(wild.other.topic()))
    }

    fn message(&mut self, value: &mut MessageRef<'w>) -> Result<()> {
        self.topic(&mut value.topic)?;
        let other = self.other.properties();
        self.sometimes(&mut value.properties, |_| Ok(other))?;
        self.sometimes(&mut value.payload, |wild| Ok(wild.text()?.as_bytes()))
    }

    fn connect(&mut self, value: &mut ConnectRef<'w>) -> Result<()> {
        self.sometimes(&mut value.version, |wild| Ok(*wild.u.choose(&Version::ALL)?))?;
        self.sometimes(&mut value.client_id, Self::text)?;
        self.texts(&mut value.user_name)?;
        self.binary(&mut value.password)
    }

    fn connack(&mut self, value: &mut ConnAckRef<'w>) -> Result<()> {
        self.sometimes(&mut value.session_present, |wild| wild.u.arbitrary())?;
        self.reason(&mut value.reason)
    }

    fn ack(&mut self, value: &mut AckRef<'w>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.texts(&mut value.reason_string)
    }

    fn subscribe(&mut self, value: &mut SubscribeRef<'w>) -> Result<()> {
        let PacketRef::Subscribe(other) = Other::view(&self.other.subscribe, Version::V5) else { panic!() };
        self.sometimes(&mut value.filters, |wild| {
            Ok(if wild.u.arbitrary()? { List::EMPTY } else { other.filters })
        })?;
        self.sometimes(&mut value.subscription_id, |_| Ok(other.subscription_id))
    }

    fn unsubscribe(&mut self, value: &mut UnsubscribeRef<'w>) -> Result<()> {
        let PacketRef::Unsubscribe(other) = Other::view(&self.other.unsubscribe, Version::V3_1_1) else {
            panic!()
        };
        self.sometimes(&mut value.filters, |wild| {
            Ok(if wild.u.arbitrary()? { List::EMPTY } else { other.filters })
        })
    }

    fn reasons(&mut self, value: &mut List<'w, ReasonCode>) -> Result<()> {
        let PacketRef::SubAck(other) = Other::view(&self.other.suback, Version::V5) else { panic!() };
        self.sometimes(value, |wild| {
            Ok(*wild.u.choose(&[List::EMPTY, other.reasons, List::new(ReasonCode::ALL)])?)
        })
    }

    fn suback(&mut self, value: &mut SubAckRef<'w>) -> Result<()> {
        self.texts(&mut value.reason_string)?;
        self.reasons(&mut value.reasons)
    }

    fn unsuback(&mut self, value: &mut UnsubAckRef<'w>) -> Result<()> {
        self.texts(&mut value.reason_string)?;
        self.reasons(&mut value.reasons)
    }

    fn disconnect(&mut self, value: &mut DisconnectRef<'w>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.texts(&mut value.reason_string)?;
        self.texts(&mut value.server_reference)
    }

    fn auth(&mut self, value: &mut AuthRef<'w>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.sometimes(&mut value.method, Self::text)?;
        self.binary(&mut value.data)?;
        self.texts(&mut value.reason_string)
    }

    fn publish(&mut self, value: &mut PublishRef<'w>) -> Result<()> {
        self.message(&mut value.message)?;
        self.sometimes(&mut value.alias, |wild| wild.u.arbitrary())
    }

    fn packet(&mut self, value: &mut PacketRef<'w>) -> Result<()> {
        match value {
            PacketRef::Connect(packet) => self.connect(packet),
            PacketRef::ConnAck(packet) => self.connack(packet),
            PacketRef::Publish(packet) => self.publish(packet),
            PacketRef::PubAck(packet)
            | PacketRef::PubRec(packet)
            | PacketRef::PubRel(packet)
            | PacketRef::PubComp(packet) => self.ack(packet),
            PacketRef::Subscribe(packet) => self.subscribe(packet),
            PacketRef::SubAck(packet) => self.suback(packet),
            PacketRef::Unsubscribe(packet) => self.unsubscribe(packet),
            PacketRef::UnsubAck(packet) => self.unsuback(packet),
            PacketRef::PingReq | PacketRef::PingResp => Ok(()),
            PacketRef::Disconnect(packet) => self.disconnect(packet),
            PacketRef::Auth(packet) => self.auth(packet),
        }
    }
}

/// Encodes, and if that is possible reads what came out as each peer that may receive it.
fn holds(packet: &PacketRef<'_>, version: Version) -> std::result::Result<(), TestCaseError> {
    let mut bytes = Vec::new();
    let encoded = packet.encode(version, &mut bytes);
    prop_assert_eq!(encoded.map(|()| bytes.len()), packet.encoded_len(version));
    if encoded.is_err() {
        prop_assert!(bytes.is_empty(), "nothing is written");
        return Ok(());
    }
    let readers = [Role::Client, Role::Server].into_iter();
    let readers = readers.filter(|reader| packet.packet_type().may_reach(*reader, Version::V5));
    let read: Vec<_> =
        readers.map(|reader| PacketRef::decode(&bytes, &Rules::new(version, reader))).collect();
    prop_assert!(read.iter().any(|read| read.is_ok()), "{packet:?} in {version} is refused: {read:?}");
    for accepted in read.iter().flatten() {
        let mut again = Vec::new();
        prop_assert_eq!(accepted.encode(version, &mut again), Ok(()));
        prop_assert_eq!(&again, &bytes, "what was read is what was said");
    }
    Ok(())
}

proptest! {
    #![proptest_config(support::seeded(2000))]

    #[test]
    fn a_view_put_together_by_hand_is_accepted_by_the_peer_or_refused_here(
        seed in proptest::collection::vec(any::<u8>(), 0..1000),
        wild in proptest::collection::vec(any::<u8>(), 64..128),
        from in proptest::sample::select(&Version::ALL[..]),
        to in proptest::sample::select(&Version::ALL[..]),
        reader in proptest::sample::select(&[Role::Client, Role::Server][..]),
    ) {
        let packet = Packet::arbitrary(&mut Unstructured::new(&seed), from, reader).expect("a packet");
        let (long, other) = ("x".repeat(65_536), Other::new());
        let mut view = packet.view();
        let mut u = Unstructured::new(&wild);
        Wild { u: &mut u, long: &long, other: &other }.packet(&mut view).expect("choices");
        holds(&view, to)?;
    }

    #[test]
    fn a_form_serves_every_receiver(
        seed in proptest::collection::vec(any::<u8>(), 0..1000),
        version in proptest::sample::select(&Version::ALL[..]),
        id in 1..u16::MAX,
        dup in any::<bool>(),
    ) {
        let mut u = Unstructured::new(&seed);
        let packet = Packet::arbitrary_of(&mut u, PacketType::Publish, version, Role::Client);
        let Ok(Packet::Publish(publish)) = packet else { panic!("a PUBLISH") };
        let encoded = EncodedPublish::new(&publish, version).expect("it is valid");
        prop_assert_eq!(encoded.payload(), &publish.message.payload);
        let id = PacketId::new(id).expect("it is not 0");
        for delivery in [
            Delivery::AtMostOnce,
            Delivery::AtLeastOnce { id, dup },
            Delivery::ExactlyOnce { id, dup },
        ] {
            let mut written = Vec::new();
            let result = encoded.write_head(delivery, &mut written);
            if delivery.qos() == publish.delivery.qos() {
                written.extend_from_slice(encoded.payload());
                let mut expected = Vec::new();
                let alone = Publish { delivery, ..publish.clone() };
                alone.view().encode(version, &mut expected).expect("it is valid");
                prop_assert_eq!(encoded.encoded_len(), expected.len());
                prop_assert_eq!(written, expected);
            } else {
                prop_assert_eq!(result, Err(EncodeError::Combination(Field::Flags)));
                prop_assert!(written.is_empty());
            }
        }
    }
}

#[test]
fn a_form_shares_the_payload_with_its_message() {
    let packet = support::decode(&hex("30 06 0001 't' 'abc'"), Version::V3_1_1, Role::Server);
    let Ok(Packet::Publish(publish)) = packet else { panic!("a PUBLISH") };
    let encoded = EncodedPublish::new(&publish, Version::V5).expect("it is valid");
    let payload: &Bytes = encoded.payload();
    assert_eq!(payload.as_ptr(), publish.message.payload.as_ptr());
    assert_eq!(encoded.clone().payload().as_ptr(), payload.as_ptr());
}

#[test]
fn a_text_that_came_from_an_unchecked_view_is_checked_where_it_goes() {
    let connect = ConnectRef { client_id: "a\0", ..connect().view() }.to_connect();
    let pairs: Vec<(Text, Text)> = vec![(connect.client_id, Text::default())];
    let disconnect =
        DisconnectRef { user_properties: UserProperties::new(&pairs), ..DisconnectRef::default() };
    let refused = PacketRef::Disconnect(disconnect).encode(Version::V5, &mut Vec::new());
    assert_eq!(refused, Err(EncodeError::NullCharacter(Field::UserProperty)));
}

fn connect() -> mqtt_codec::Connect {
    mqtt_codec::Connect::new(Version::V5, Text::default())
}

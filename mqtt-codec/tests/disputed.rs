//! Packets that other implementations take differently, and what the standard says of them.
//!
//! Each row stands for what test data of other projects expect of a decoder and this one does not do.

mod support;

use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};
use mqtt_codec::{
    Compat, DecodeErrorKind as Kind, Decoder, Field, InvalidTopicFilter, PacketRef, Role, Rules,
    TopicFilterRef,
};
use support::decode;
use support::notation::packet;

/// Version, reader, packet, what is wrong and in which field, and why it is.
type Refused = (Version, Role, &'static str, Kind, Field, &'static str);

/// What others accept and the standard does not allow.
const REFUSED: [Refused; 14] = [
    (
        V3_1_1,
        Role::Client,
        "20: 00 ^84 00",
        Kind::ReasonCodeNotAllowed,
        Field::ReasonCode,
        "a CONNACK of 5.0: return codes of 3.1.1 end at 5, and nothing follows them",
    ),
    (V3_1, Role::Client, "20: 00 ^84 00", Kind::ReasonCodeNotAllowed, Field::ReasonCode, "the same in 3.1"),
    (
        V5,
        Role::Client,
        "20: 00 00 [] ^00",
        Kind::TrailingBytes,
        Field::Body,
        "nothing is left after the properties: a field that is not there cannot be parsed [MQTT-4.13.1-1]",
    ),
    (
        V5,
        Role::Client,
        "20: 01 ^",
        Kind::Truncated,
        Field::ReasonCode,
        "only acknowledgements of PUBLISH, DISCONNECT and AUTH have a form without reason code [MQTT-3.2.2-8]",
    ),
    (
        V5,
        Role::Client,
        "20: 01 00 ^",
        Kind::Truncated,
        Field::PropertyLength,
        "CONNACK has no form without Property Length [MQTT-2.2.2-1]",
    ),
    (
        V5,
        Role::Client,
        "20: 00 00 [24 ^02]",
        Kind::InvalidValue,
        Field::MaximumQoS,
        "Maximum QoS is 0 or 1; that 2 is supported is said by saying nothing [MQTT-3.2.2-9]",
    ),
    (V3_1_1, Role::Client, "^38: <t> 'payload'", Kind::DupWithoutQoS, Field::Flags, "[MQTT-3.3.1-2]"),
    (
        V5,
        Role::Client,
        "B0: 0007 [] ^",
        Kind::Empty,
        Field::ReasonCode,
        "a code for each filter, of which UNSUBSCRIBE has one at least [MQTT-3.11.3-2] [MQTT-3.10.3-2]",
    ),
    (V5, Role::Client, "B0: 0007 [] ^FF", Kind::ReasonCodeNotAllowed, Field::ReasonCode, "[MQTT-3.11.3-2]"),
    (
        V5,
        Role::Server,
        "E0: 00 [11 00000010 ^1C <other>]",
        Kind::PropertyNotAllowed,
        Field::ServerReference,
        "Session Expiry Interval is of clients, Server Reference of servers: nobody sends both [MQTT-3.14.2-2]",
    ),
    (
        V5,
        Role::Client,
        "E0: 00 [^11 00000010 1C <other>]",
        Kind::PropertyNotAllowed,
        Field::SessionExpiry,
        "[MQTT-3.14.2-2]",
    ),
    (
        V5,
        Role::Server,
        "F0: ^",
        Kind::AuthenticationMethodMissing,
        Field::AuthenticationMethod,
        "3.15.2.1 has this form where there are no properties, 3.15.2.2.2 demands one in every AUTH",
    ),
    (
        V5,
        Role::Server,
        "10: ^<XY> 05 02 0000 [] <c>",
        Kind::ProtocolName,
        Field::ProtocolName,
        "a name of two letters is no more MQTT than any other [MQTT-3.1.2-1]",
    ),
    (
        V3_1,
        Role::Server,
        "10: <MQIsdp> ^84 02 0000 <c>",
        Kind::ProtocolLevel(0x84),
        Field::ProtocolLevel,
        "even without the bit of bridges: level 4 does not belong to this name [MQTT-3.1.2-2]",
    ),
];

/// Version, reader, packet, why it is right.
type Accepted = (Version, Role, &'static str, &'static str);

/// What others refuse and the standard allows.
const ACCEPTED: [Accepted; 9] = [
    (
        V3_1,
        Role::Server,
        "10: <MQIsdp> 03 C6 0000 <c> <w> <x>",
        "3.1: where the packet ends before user name and password, that counts and not their flags",
    ),
    (
        V3_1,
        Role::Client,
        "29: 00 01",
        "3.1: the flags of this packet are not used, so that there are no wrong ones",
    ),
    (
        V5,
        Role::Client,
        "32: <t> 0001 [0B 01 0B 01]",
        "a server names each subscription that matched; that two share an identifier is their client's \
         affair [MQTT-3.3.4-3] [MQTT-3.3.4-4]",
    ),
    (V3_1_1, Role::Server, "30: {01}", "1.5.3: a receiver may refuse control characters, and need not"),
    (V3_1_1, Role::Server, "10: <MQTT> 04 02 0000 {1F 7F}", "the same in a client identifier"),
    (V5, Role::Server, "82: 0001 [] {C2 9F} 00", "1.5.4: the same in 5.0"),
    (V5, Role::Server, "A2: 0001 [] {EF BF BF}", "the same for non-characters"),
    (V5, Role::Server, "E0: 87", "Table 3-10 names senders, the statement below it does not [MQTT-3.14.2-1]"),
    (V5, Role::Server, "E0: 8C", "Table 2-6 has the code for DISCONNECT, Table 3-10 has not [MQTT-3.14.2-1]"),
];

#[test]
fn what_others_accept_and_the_standard_does_not_allow() {
    for (version, reader, notation, kind, field, why) in REFUSED {
        let noted = packet(notation);
        let Err(error) = decode(&noted.bytes, version, reader) else {
            panic!("{notation} is accepted: {why}")
        };
        let seen = (error.kind, error.field, Some(error.offset as usize));
        assert_eq!(seen, (kind, field, noted.fault), "{notation}: {why}");
        if let Some(id) = error.statement() {
            let named = why.contains(id) || !why.contains("MQTT-");
            assert!(named, "{notation}: {id} is broken, not what is said: {why}");
        }
    }
}

#[test]
fn what_others_refuse_and_the_standard_allows() {
    for (version, reader, notation, why) in ACCEPTED {
        let read = decode(&packet(notation).bytes, version, reader);
        assert!(read.is_ok(), "{notation}: {read:?}, but {why}");
    }
}

#[test]
fn bridges_and_control_characters_are_a_choice_by_name() {
    let bridge = packet("10: <MQIsdp> 83 02 0000 <c>").bytes;
    let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
    assert!(decoder.decode(&bridge).is_err());
    decoder.set_compat(Compat { bridge_bit: true, ..Compat::STRICT });
    assert!(decoder.decode(&bridge).is_ok());
    let strict = Rules::new(V5, Role::Server);
    let compat = Compat { control_characters: false, ..Compat::STRICT };
    let control = packet("30: {01} []").bytes;
    assert!(PacketRef::decode(&control, &strict).is_ok());
    assert!(PacketRef::decode(&control, &Rules { compat, ..strict }).is_err());
}

#[test]
fn a_filter_that_others_refuse_with_its_packet_is_refused_alone() {
    let subscribe = packet("82: 0001 [] <$share/g> 00 <a> 00").bytes;
    assert!(decode(&subscribe, V5, Role::Server).is_ok(), "the other filter has done nothing [MQTT-4.8.2-1]");
    let share = TopicFilterRef::new("$share/g").and_then(TopicFilterRef::share);
    assert_eq!(share, Err(InvalidTopicFilter::ShareName));
}

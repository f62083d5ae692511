//! Every string of every packet: what no string may hold, what no topic and no filter may; and binary fields.

use mqtt_codec::{
    DecodeErrorKind as Kind, Decoder, Field, InvalidTopicFilter, PacketRef, PacketType, Rules,
    StreamingDecoder, TopicFilterRef,
};

use crate::packet::{Leaf, Part, Probe, Text, all};
use crate::support::hex;
use crate::{accepts, refuses};

/// Bytes that are no string, where the fault is among them, and what it is.
const ILL_FORMED: [(&str, &str, usize, Kind); 16] = [
    ("a byte that only continues", "80 'ab'", 0, Kind::InvalidUtf8),
    ("U+0000 in two bytes", "'a' C0 80", 1, Kind::InvalidUtf8),
    ("an overlong slash", "C0 AF", 0, Kind::InvalidUtf8),
    ("an overlong character of three bytes", "E0 80 AF", 0, Kind::InvalidUtf8),
    ("an overlong character of four bytes", "F0 80 80 AF", 0, Kind::InvalidUtf8),
    ("the first surrogate", "ED A0 80", 0, Kind::InvalidUtf8),
    ("the last high surrogate", "'a' ED AF BF 'b'", 1, Kind::InvalidUtf8),
    ("the first low surrogate", "ED B0 80", 0, Kind::InvalidUtf8),
    ("the last surrogate", "'ab' ED BF BF", 2, Kind::InvalidUtf8),
    ("a pair of surrogates", "ED A0 BD ED B8 80", 0, Kind::InvalidUtf8),
    ("a character above U+10FFFF", "F4 90 80 80", 0, Kind::InvalidUtf8),
    ("a character of five bytes", "F8 88 80 80 80", 0, Kind::InvalidUtf8),
    ("a character without its last byte", "'ab' E2 82", 2, Kind::InvalidUtf8),
    ("U+0000 alone", "00", 0, Kind::NullCharacter),
    ("U+0000 in the middle", "'a' 00 'b'", 1, Kind::NullCharacter),
    ("U+0000 at the end of a long string", "'abcdefghijklmnopqrstuvwxyz' 00", 26, Kind::NullCharacter),
];

/// Bytes that are a string, and a topic and a filter too.
const WELL_FORMED: [(&str, &str); 7] = [
    ("U+FEFF alone", "EF BB BF"),
    ("U+FEFF in the middle", "'a' EF BB BF 'b'"),
    ("the characters around the surrogates", "ED 9F BF EE 80 80"),
    ("the last character", "F4 8F BF BF"),
    ("the shortest forms of two, three and four bytes", "C2 80 E0 A0 80 F0 90 80 80"),
    ("control characters", "01 1F 7F C2 9F"),
    ("non-characters", "EF BF BE EF BF BF"),
];

/// Every string of every packet.
fn strings() -> Vec<(Probe, usize, Leaf, Field, Text)> {
    let mut strings = Vec::new();
    for probe in all() {
        for (index, leaf) in probe.leaves().into_iter().enumerate() {
            if let Part::Text(field, text, _) = leaf.part {
                strings.push((probe.clone(), index, leaf, field, text));
            }
        }
    }
    assert_eq!(strings.len(), 2 * 8 + 55, "3.1 and 3.1.1 alike, and 5.0");
    strings
}

#[test]
fn bad_utf8_and_surrogates_and_u0000_in_every_string() {
    for (probe, index, _, field, _) in strings() {
        for (what, bytes, fault, kind) in ILL_FORMED {
            let (frame, start) = probe.with_leaf(index, &hex(bytes));
            refuses(&probe, &format!("{what}, {field}"), &frame, (kind, field, start + 2 + fault, 0x81));
        }
    }
}

#[test]
fn a_fault_in_the_head_of_a_large_publish_is_the_same_before_its_payload_is_there() {
    let mut count = 0;
    for (probe, index, _, field, _) in strings() {
        if probe.packet_type != PacketType::Publish {
            continue;
        }
        for (what, bytes, ..) in ILL_FORMED {
            let (frame, _) = probe.with_leaf(index, &hex(bytes));
            let whole = PacketRef::decode(&frame, &Rules::new(probe.version, probe.reader));
            let decoder = Decoder::client(probe.version, Rules::MAX_PACKET_SIZE);
            let mut streaming = StreamingDecoder::new(decoder, frame.len() as u32 - 1);
            let without_payload = &frame[..frame.len() - b"payload".len()];
            let head = streaming.decode_next(without_payload).map(|_| ());
            assert_eq!(head, whole.map(|_| ()), "{what}, {field} in {}", probe.name());
            assert!(head.is_err());
        }
        count += 1;
    }
    assert_eq!(count, 1 + 1 + 5);
}

#[test]
fn every_other_character_in_every_string() {
    for (probe, index, _, field, _) in strings() {
        for (what, bytes) in WELL_FORMED {
            let (frame, _) = probe.with_leaf(index, &hex(bytes));
            accepts(&probe, &format!("{what}, {field}"), &frame);
        }
        let (frame, _) = probe.with_leaf(index, &vec![b'x'; 65_535]);
        accepts(&probe, &format!("65,535 bytes, {field}"), &frame);
    }
}

#[test]
fn wildcards_in_every_topic_name() {
    for (probe, index, _, field, _) in strings().into_iter().filter(|(.., text)| *text == Text::Topic) {
        for wildcard in ["#", "+", "a/#", "a/+", "+/a", "a+b", "a#", "#a"] {
            let (frame, start) = probe.with_leaf(index, wildcard.as_bytes());
            refuses(&probe, &format!("{wildcard}, {field}"), &frame, (Kind::Wildcard, field, start, 0x81));
        }
        for name in ["/", "a//b", "$", "$SYS/x", "a b", "*"] {
            let (frame, _) = probe.with_leaf(index, name.as_bytes());
            accepts(&probe, &format!("{name}, {field}"), &frame);
        }
    }
}

#[test]
fn an_empty_string_is_none_only_where_it_names_topics() {
    for (probe, index, _, field, text) in strings() {
        let (frame, start) = probe.with_leaf(index, b"");
        let what = format!("an empty string, {field}");
        // a Topic Alias may stand for the name
        let aliased = field == Field::Topic && probe.version.is_v5();
        if text == Text::Plain || aliased {
            accepts_alone(&probe, &what, &frame);
        } else {
            refuses(&probe, &what, &frame, (Kind::Empty, field, start, 0x82));
        }
    }
}

/// Without a connection, which would ask what the alias stands for.
fn accepts_alone(probe: &Probe, what: &str, frame: &[u8]) {
    let decoded = PacketRef::decode(frame, &Rules::new(probe.version, probe.reader));
    assert!(decoded.is_ok(), "{what} in {}: {decoded:?}", probe.name());
}

#[test]
fn wildcards_in_wrong_places_of_every_filter() {
    use Kind::{MultiLevelWildcard as Multi, SingleLevelWildcard as Single};
    let rows = [("a#", Multi), ("#a", Multi), ("#/a", Multi), ("a/#/b", Multi), ("##", Multi), ("#/", Multi)];
    let more = [("a+", Single), ("+a", Single), ("a/b+", Single), ("++", Single), ("a/+#", Single)];
    for (probe, index, _, field, _) in strings().into_iter().filter(|(.., text)| *text == Text::Filter) {
        for (filter, kind) in rows.into_iter().chain(more) {
            let (frame, start) = probe.with_leaf(index, filter.as_bytes());
            refuses(&probe, filter, &frame, (kind, field, start, 0x81));
        }
        for filter in ["#", "+", "/", "+/+/#", "/#", "a//+", "$SYS/#"] {
            accepts(&probe, filter, &probe.with_leaf(index, filter.as_bytes()).0);
        }
    }
}

#[test]
fn every_form_of_share_in_every_filter() {
    let good = ["$share/g/a", "$share/g/#", "$share/g/+/a", "$share/g//", "$share/g/$share/h/a"];
    let ill = ["$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/a+/b"];
    let plain = ["$shared/g/a", "$SHARE/g/a", "share/g/a", "/$share/g/a", "$share1/g/a"];
    for (probe, index, ..) in strings().into_iter().filter(|(.., text)| *text == Text::Filter) {
        for filter in good.iter().chain(&plain) {
            accepts(&probe, filter, &probe.with_leaf(index, filter.as_bytes()).0);
        }
        // the wildcard of the name breaks a rule of every filter where it shares its level
        for filter in ill.iter().filter(|filter| **filter != "$share/a+/b") {
            accepts(&probe, filter, &probe.with_leaf(index, filter.as_bytes()).0);
        }
    }
    let share = |filter| TopicFilterRef::new(filter).and_then(TopicFilterRef::share);
    for filter in good {
        assert_eq!(share(filter).map(|share| share.map(|share| share.name)), Ok(Some("g")), "{filter}");
    }
    for filter in plain {
        assert_eq!(share(filter), Ok(None), "{filter}");
    }
    for filter in ill {
        use InvalidTopicFilter::{Empty, ShareName, SingleLevelNotAlone};
        let error = share(filter).expect_err(filter);
        assert!(matches!(error, Empty | ShareName | SingleLevelNotAlone), "{filter}: {error}");
    }
}

#[test]
fn any_bytes_in_every_binary_field() {
    let mut count = 0;
    for probe in all() {
        for (index, leaf) in probe.leaves().into_iter().enumerate() {
            let Part::Binary(field, _) = leaf.part else { continue };
            if field == Field::ProtocolName {
                continue;
            }
            for bytes in ["", "00", "FF FE", "ED A0 80", "C0 80 00"] {
                accepts(&probe, &format!("{bytes} as {field}"), &probe.with_leaf(index, &hex(bytes)).0);
            }
            count += 1;
        }
    }
    assert_eq!(
        count,
        2 + 2 + 7,
        "Will payload and password; in 5.0 also data for correlation and authentication"
    );
}

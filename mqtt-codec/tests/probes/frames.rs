//! Frames: their flags and lengths, packets that end too early or too late, and fields that run past their frame.

use mqtt_codec::Version::{V3_1, V5};
use mqtt_codec::{DecodeErrorKind as Kind, Field, PacketRef, PacketType, Role, Rules, Version};

use crate::packet::{Leaf, Part, Probe, all};
use crate::support::varint;
use crate::{Expected, accepts, refused, refuses};

#[test]
fn every_other_flag_in_every_packet() {
    for probe in all() {
        let frame = probe.frame();
        for flags in 0..16 {
            let changed = [&[frame[0] & 0xF0 | flags], &frame[1..]].concat();
            let what = format!("flags {flags:04b}");
            let publish = probe.packet_type == PacketType::Publish;
            let (qos, dup) = (flags >> 1 & 0b11, flags & 0b1000 != 0);
            match (publish, qos) {
                (true, 3) => refuses(&probe, &what, &changed, (Kind::Flags, Field::Flags, 0, 0x81)),
                (true, 0) if dup && probe.version != V3_1 => {
                    refuses(&probe, &what, &changed, (Kind::DupWithoutQoS, Field::Flags, 0, 0x81));
                }
                // without a packet identifier the rest is another packet
                (true, 0) => {}
                (true, _) => accepts(&probe, &what, &changed),
                (false, _) if probe.version == V3_1 || flags == probe.packet_type.reserved_flags() => {
                    accepts(&probe, &what, &changed);
                }
                (false, _) => refuses(&probe, &what, &changed, (Kind::Flags, Field::Flags, 0, 0x81)),
            }
        }
    }
}

#[test]
fn types_that_do_not_exist() {
    for version in Version::ALL {
        for flags in 0..16 {
            for body in [&b"\x00"[..], b"\x02\x00\x01"] {
                let expected = (Kind::ReservedType, Field::PacketType, 0, 0x81);
                refused("type 0", &[&[flags], body].concat(), version, Role::Server, expected);
                if version != V5 {
                    let expected = (Kind::NotInVersion, Field::PacketType, 0, 0x81);
                    refused("AUTH", &[&[0xF0 | flags], body].concat(), version, Role::Client, expected);
                }
            }
        }
    }
}

#[test]
fn a_longer_form_of_the_remaining_length_of_every_packet() {
    for probe in all() {
        let frame = probe.frame();
        let body = &frame[probe.header_len()..];
        let shortest = varint(body.len());
        for len in shortest.len() + 1..=4 {
            let changed = with_length(&frame, &longer(&shortest, len), body);
            let what = format!("a length of {len} bytes");
            let expected = (Kind::OverlongVarint, Field::RemainingLength, 1, 0x81);
            if probe.version == V5 {
                refuses(&probe, &what, &changed, expected);
                continue;
            }
            accepts(&probe, &what, &changed);
            let mut rules = Rules::new(probe.version, probe.reader);
            rules.compat.overlong_remaining_length = false;
            let error = PacketRef::decode(&changed, &rules).expect_err("the choice is to refuse it");
            assert_eq!(
                (error.kind, error.field, error.offset),
                (Kind::OverlongVarint, Field::RemainingLength, 1)
            );
        }
        let five = with_length(&frame, &longer(&shortest, 5), body);
        let expected = (Kind::VarintTooLong, Field::RemainingLength, 1, 0x81);
        refuses(&probe, "a length of five bytes", &five, expected);
    }
}

fn with_length(frame: &[u8], length: &[u8], body: &[u8]) -> Vec<u8> {
    [&frame[..1], length, body].concat()
}

/// The same number in `len` bytes.
fn longer(shortest: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = shortest.to_vec();
    while bytes.len() < len {
        *bytes.last_mut().expect("one byte at least") |= 0x80;
        bytes.push(0);
    }
    bytes
}

#[test]
fn bytes_left_over_after_the_last_field_of_every_packet() {
    for probe in all() {
        let frame = probe.frame();
        let body = [&frame[probe.header_len()..], &[0x7F]].concat();
        let changed = probe.with_body(&body);
        let end = changed.len() - 1;
        let expected = match probe.packet_type {
            PacketType::Publish => {
                accepts(&probe, "a byte more of the payload", &changed);
                continue;
            }
            PacketType::Subscribe | PacketType::Unsubscribe => {
                (Kind::Truncated, Field::TopicFilter, end, 0x81)
            }
            PacketType::UnsubAck if probe.version != V5 => (Kind::TrailingBytes, Field::Body, end, 0x81),
            PacketType::SubAck | PacketType::UnsubAck => {
                (Kind::ReasonCodeNotAllowed, Field::ReasonCode, end, 0x82)
            }
            _ => (Kind::TrailingBytes, Field::Body, end, 0x81),
        };
        refuses(&probe, "a byte left over", &changed, expected);
    }
}

#[test]
fn every_packet_cut_at_every_byte_ends_where_it_may_or_says_what_is_missing() {
    for probe in all() {
        let frame = probe.frame();
        let body = &frame[probe.header_len()..];
        for cut in 0..body.len() {
            let short = probe.with_body(&body[..cut]);
            let what = format!("{cut} of {} bytes", body.len());
            match missing(&probe, cut) {
                Some((kind, field, at)) => {
                    let offset = short.len() - cut + at;
                    refuses(&probe, &what, &short, (kind, field, offset, kind.reason_code().to_wire()));
                }
                None => accepts(&probe, &what, &short),
            }
        }
    }
}

/// What a body of `len` bytes lacks, and from which byte of the body on; `None` if it may end there.
fn missing(probe: &Probe, len: usize) -> Option<(Kind, Field, usize)> {
    let header = probe.header_len();
    for leaf in probe.leaves() {
        let (start, end) = (leaf.start - header, leaf.end - header);
        match leaf.part {
            Part::End if start == len => return None,
            Part::Rest(_) if (start..end).contains(&len) => return None,
            Part::Lacks(kind, field) if start == len => return Some((kind, field, start)),
            _ if (start..end).contains(&len) => return Some((Kind::Truncated, leaf.field()?, start)),
            _ => {}
        }
    }
    panic!("byte {len} of {} is no field", probe.name())
}

#[test]
fn the_length_of_every_field_runs_past_its_frame_or_its_block() {
    let mut count = 0;
    for probe in all() {
        let frame = probe.frame();
        let leaves = probe.leaves();
        for leaf in leaves.iter().filter(|leaf| matches!(leaf.part, Part::Text(..) | Part::Binary(..))) {
            let field = leaf.field().expect("a field");
            let expected: Expected = (Kind::Truncated, field, leaf.start, 0x81);
            let enclosing = enclosing_end(&leaves, leaf).unwrap_or(frame.len());
            let one_too_many = (enclosing - leaf.start - 1) as u16;
            for len in [one_too_many, u16::MAX] {
                let mut changed = frame.clone();
                changed[leaf.start..leaf.start + 2].copy_from_slice(&len.to_be_bytes());
                refuses(&probe, &format!("{len} as length of {field}"), &changed, expected);
            }
            count += 1;
        }
        for leaf in leaves.iter().filter(|leaf| matches!(leaf.part, Part::Block(_))) {
            block_past_the_frame(&probe, &frame, leaf);
            count += 1;
        }
    }
    assert_eq!(count, 71 + 14 + 14, "strings, binary fields and blocks of properties");
}

/// Where the block ends that the leaf stands in.
fn enclosing_end(leaves: &[Leaf], leaf: &Leaf) -> Option<usize> {
    let start = leaf.block?;
    leaves
        .iter()
        .find(|other| matches!(other.part, Part::Block(_)) && other.start == start)
        .map(|block| block.end)
}

fn block_past_the_frame(probe: &Probe, frame: &[u8], block: &Leaf) {
    let Part::Block(properties) = &block.part else { return };
    assert!(!properties.is_empty());
    let len_bytes = (1..=4).find(|len| frame[block.start + len - 1] & 0x80 == 0).expect("a length");
    let behind = &frame[block.start + len_bytes..];
    for len in [behind.len() + 1, 268_435_455] {
        let body = [&frame[probe.header_len()..block.start], &varint(len), behind].concat();
        let changed = probe.with_body(&body);
        let offset = changed.len() - body.len() + block.start - probe.header_len();
        let expected = (Kind::Truncated, Field::PropertyLength, offset, 0x81);
        refuses(probe, &format!("{len} as property length"), &changed, expected);
    }
    for (length, kind) in [("8000", Kind::OverlongVarint), ("FFFFFFFF01", Kind::VarintTooLong)] {
        let length = crate::support::hex(length);
        let body = [&frame[probe.header_len()..block.start], &length, behind].concat();
        let changed = probe.with_body(&body);
        let offset = changed.len() - body.len() + block.start - probe.header_len();
        refuses(probe, "a property length", &changed, (kind, Field::PropertyLength, offset, 0x81));
    }
}

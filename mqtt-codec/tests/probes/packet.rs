//! Packets in parts: each field with what it is, so that a probe can change one and leave the rest well-formed.

use mqtt_codec::{DecodeErrorKind as Kind, Field, PacketType, Role, Version};

use crate::support::{first_byte, hex, varint};

/// A packet of which every field is known.
#[derive(Clone)]
pub(crate) struct Probe {
    pub(crate) packet_type: PacketType,
    pub(crate) version: Version,
    pub(crate) reader: Role,
    pub(crate) first: u8,
    pub(crate) parts: Vec<Part>,
}

/// One part of a packet.
#[derive(Clone)]
pub(crate) enum Part {
    /// Bytes of a fixed size, all of them the field.
    Fixed(Field, Vec<u8>),
    /// A string with its length in front.
    Text(Field, Text, Vec<u8>),
    /// Bytes of any kind with their length in front.
    Binary(Field, Vec<u8>),
    /// Properties with their length in front: identifiers, which no probe looks at, and values.
    Block(Vec<Self>),
    /// The payload of a PUBLISH, or another reason code.
    Rest(Vec<u8>),
    /// Here the packet may end.
    End,
    /// Here the packet may not end: what it lacks.
    Lacks(Kind, Field),
}

/// What a string is, and so which rules beyond those of every string it has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Text {
    Plain,
    Topic,
    Filter,
}

/// Where a field lies in the frame.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) part: Part,
    /// The first byte, that of the length if it has one.
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// Start of the block that it stands in.
    pub(crate) block: Option<usize>,
}

impl Leaf {
    /// The field, unless the part is a mark or a payload.
    pub(crate) fn field(&self) -> Option<Field> {
        match self.part {
            Part::Fixed(field, _) | Part::Text(field, ..) | Part::Binary(field, _) => Some(field),
            Part::Block(_) => Some(Field::PropertyLength),
            Part::Rest(_) | Part::End | Part::Lacks(..) => None,
        }
    }
}

impl Probe {
    /// What the packet is, for people.
    pub(crate) fn name(&self) -> String {
        format!("{} of {}", self.packet_type, self.version)
    }

    /// The whole packet.
    pub(crate) fn frame(&self) -> Vec<u8> {
        self.written().0
    }

    /// The packet with another body.
    pub(crate) fn with_body(&self, body: &[u8]) -> Vec<u8> {
        [&[self.first][..], &varint(body.len()), body].concat()
    }

    /// Bytes before the body.
    pub(crate) fn header_len(&self) -> usize {
        1 + varint(self.body_len()).len()
    }

    /// Bytes of the body.
    pub(crate) fn body_len(&self) -> usize {
        write(&self.parts, 0, None).0.len()
    }

    /// Every part in its order, those of a block behind the block.
    pub(crate) fn leaves(&self) -> Vec<Leaf> {
        self.written().1
    }

    fn written(&self) -> (Vec<u8>, Vec<Leaf>) {
        let (body, leaves) = write(&self.parts, self.header_len(), None);
        (self.with_body(&body), leaves)
    }

    /// The packet with other content of one leaf, all lengths around it counted anew, and where that leaf lies.
    pub(crate) fn with_leaf(&self, index: usize, content: &[u8]) -> (Vec<u8>, usize) {
        let mut changed = self.clone();
        let leaf = nth(&mut changed.parts, &mut { index }).expect("a leaf");
        match leaf {
            Part::Fixed(_, bytes) | Part::Text(_, _, bytes) | Part::Binary(_, bytes) => {
                *bytes = content.into()
            }
            _ => panic!("it has no content"),
        }
        let (frame, leaves) = changed.written();
        (frame, leaves[index].start)
    }
}

/// The part at `index` in the order of [`Probe::leaves`].
fn nth<'a>(parts: &'a mut [Part], index: &mut usize) -> Option<&'a mut Part> {
    for part in parts {
        if *index == 0 {
            return Some(part);
        }
        *index -= 1;
        if let Part::Block(inner) = part
            && let Some(found) = nth(inner, index)
        {
            return Some(found);
        }
    }
    None
}

fn write(parts: &[Part], offset: usize, block: Option<usize>) -> (Vec<u8>, Vec<Leaf>) {
    let (mut bytes, mut leaves) = (Vec::new(), Vec::new());
    for part in parts {
        let start = offset + bytes.len();
        let mut inner = Vec::new();
        match part {
            Part::Fixed(_, content) | Part::Rest(content) => bytes.extend(content),
            Part::Text(_, _, content) | Part::Binary(_, content) => {
                let len = u16::try_from(content.len()).expect("a short field");
                bytes.extend(len.to_be_bytes());
                bytes.extend(content);
            }
            Part::Block(properties) => {
                let len = varint(write(properties, 0, None).0.len());
                let (content, found) = write(properties, start + len.len(), Some(start));
                bytes.extend(len);
                bytes.extend(content);
                inner = found;
            }
            Part::End | Part::Lacks(..) => {}
        }
        leaves.push(Leaf { part: part.clone(), start, end: offset + bytes.len(), block });
        leaves.extend(inner);
    }
    (bytes, leaves)
}

/// Bytes of a fixed size.
pub(crate) fn fixed(field: Field, digits: &str) -> Part {
    Part::Fixed(field, hex(digits))
}

/// A string with no rules beyond those of every string.
pub(crate) fn text(field: Field, content: &str) -> Part {
    Part::Text(field, Text::Plain, content.into())
}

/// Every packet that `version` has, with every field that it can have at once.
pub(crate) fn full(version: Version) -> Vec<Probe> {
    PacketType::ALL
        .into_iter()
        .filter(|packet_type| version.is_v5() || *packet_type != PacketType::Auth)
        .map(|packet_type| {
            let first = match packet_type {
                PacketType::Publish => 0x33,
                other => first_byte(other),
            };
            let reader = crate::fields::reader(packet_type);
            let parts = crate::fields::parts(packet_type, version);
            Probe { packet_type, version, reader, first, parts }
        })
        .collect()
}

/// All packets of all versions.
pub(crate) fn all() -> impl Iterator<Item = Probe> {
    Version::ALL.into_iter().flat_map(full)
}

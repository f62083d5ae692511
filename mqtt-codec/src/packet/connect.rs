//! CONNECT: who the client is, which session it wants, and its Will.

use core::fmt;

use bytes::Bytes;

use super::connect_properties as properties;
use super::will::{self, WILL_QOS_SHIFT, WILL_RETAIN, Will, WillRef};
use super::{ConnectProperties, ConnectPropertiesRef, PacketType, Storage};
use crate::compat::Compat;
use crate::error::{DecodeErrorKind as Kind, EncodeError};
use crate::field::Field;
use crate::property::PropertySet;
use crate::read::{self, Fault, Parsed, fault};
use crate::types::{QoS, Text};
use crate::version::Version;
use crate::write::{self, Layout, Sink};

const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// A CONNECT with storage of its own.
#[derive(Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Connect {
    /// The version that the client speaks.
    pub version: Version,
    /// Clean Start; in 3.x Clean Session, which also ends the session with the connection.
    pub clean_start: bool,
    /// Seconds between packets of the client at most; 0 for no limit.
    pub keep_alive: u16,
    /// Client Identifier; may be empty where the server assigns one.
    pub client_id: Text,
    /// What the server publishes if the connection is lost.
    pub will: Option<Will>,
    /// User Name.
    pub user_name: Option<Text>,
    /// Password: any bytes.
    #[cfg_attr(feature = "serde", serde(default, with = "crate::serialize::optional_binary"))]
    pub password: Option<Bytes>,
    /// What 5.0 can add.
    pub properties: ConnectProperties,
}

impl Connect {
    /// A CONNECT with a clean start, a keep alive of 60 s, and nothing else.
    pub fn new(version: Version, client_id: Text) -> Self {
        Self {
            version,
            clean_start: true,
            keep_alive: 60,
            client_id,
            will: None,
            user_name: None,
            password: None,
            properties: ConnectProperties::default(),
        }
    }

    /// The packet, borrowed.
    pub fn view(&self) -> ConnectRef<'_> {
        ConnectRef {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: &self.client_id,
            will: self.will.as_ref().map(Will::view),
            user_name: self.user_name.as_deref(),
            password: self.password.as_deref(),
            properties: self.properties.view(),
        }
    }
}

impl fmt::Debug for Connect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

/// A borrowed [`Connect`]. Its `Debug` form does not show the password.
#[derive(Clone, Copy, PartialEq)]
pub struct ConnectRef<'a> {
    /// The version that the client speaks.
    pub version: Version,
    /// Clean Start, in 3.x Clean Session.
    pub clean_start: bool,
    /// Seconds between packets of the client at most; 0 for no limit.
    pub keep_alive: u16,
    /// Client Identifier.
    pub client_id: &'a str,
    /// The Will.
    pub will: Option<WillRef<'a>>,
    /// User Name.
    pub user_name: Option<&'a str>,
    /// Password.
    pub password: Option<&'a [u8]>,
    /// What 5.0 can add.
    pub properties: ConnectPropertiesRef<'a>,
}

impl ConnectRef<'_> {
    /// The packet with storage of its own; binary parts are copied.
    pub fn to_connect(&self) -> Connect {
        self.own(Storage::Copied)
    }

    pub(super) fn own(&self, storage: Storage<'_>) -> Connect {
        Connect {
            version: self.version,
            clean_start: self.clean_start,
            keep_alive: self.keep_alive,
            client_id: Text::checked(self.client_id),
            will: self.will.map(|will| will.own(storage)),
            user_name: self.user_name.map(Text::checked),
            password: self.password.map(|password| storage.bytes(password)),
            properties: self.properties.own(storage),
        }
    }

    fn connect_flags(&self) -> u8 {
        let will = self.will.map_or(0, |will| {
            WILL | (will.qos() as u8) << WILL_QOS_SHIFT | if will.retain() { WILL_RETAIN } else { 0 }
        });
        let mut flags = will;
        for (set, flag) in [
            (self.clean_start, CLEAN_START),
            (self.password.is_some(), PASSWORD),
            (self.user_name.is_some(), USER_NAME),
        ] {
            flags |= if set { flag } else { 0 };
        }
        flags
    }

    fn write_will(&self, version: Version, will: &WillRef<'_>, sink: &mut impl Sink) {
        if version.is_v5() {
            will.write_block(sink);
        } else {
            will.refuse(sink);
        }
        let message = will.message();
        if message.topic.is_aliased() {
            sink.refuse(EncodeError::Empty(Field::WillTopic));
        }
        write::binary(sink, Field::WillTopic, message.topic.as_str().as_bytes());
        write::binary(sink, Field::WillPayload, message.payload);
    }
}

impl fmt::Debug for ConnectRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect")
            .field("version", &self.version)
            .field("clean_start", &self.clean_start)
            .field("keep_alive", &self.keep_alive)
            .field("client_id", &self.client_id)
            .field("will", &self.will)
            .field("user_name", &self.user_name)
            .field("password", &self.password.map(|_| "..."))
            .field("properties", &self.properties)
            .finish()
    }
}

/// The version in the packet decides the layout, whatever version the encoder is told.
impl Layout for ConnectRef<'_> {
    fn packet_type(&self) -> PacketType {
        PacketType::Connect
    }

    fn body(&self, _: Version, sink: &mut impl Sink) {
        let version = self.version;
        write::text(sink, Field::ProtocolName, version.protocol_name());
        write::u8(sink, version.level());
        write::u8(sink, self.connect_flags());
        write::u16(sink, self.keep_alive);
        if version.is_v5() {
            if self.properties.authentication_data().is_some()
                && self.properties.authentication_method().is_none()
            {
                sink.refuse(EncodeError::Combination(Field::AuthenticationData));
            }
            self.properties.write_block(sink);
        } else {
            self.properties.refuse(sink);
        }
        write::text(sink, Field::ClientId, self.client_id);
        if let Some(will) = &self.will {
            self.write_will(version, will, sink);
        }
        if let Some(user_name) = self.user_name {
            write::text(sink, Field::UserName, user_name);
        } else if self.password.is_some() && !version.is_v5() {
            sink.refuse(EncodeError::PasswordWithoutUserName);
        }
        if let Some(password) = self.password {
            write::binary(sink, Field::Password, password);
        }
    }
}

/// The version that the body of a CONNECT names, if that much of it can be read.
pub(crate) fn peek_version(body: &[u8], compat: &Compat) -> Option<Version> {
    let (name, level, _) = protocol(body)?;
    compat.version(name, level)
}

/// Protocol name and level at the start of the body of a CONNECT, and what follows them.
pub(crate) fn protocol(body: &[u8]) -> Option<(&[u8], u8, &[u8])> {
    let (rest, name) = read::binary(Field::ProtocolName, body).ok()?;
    let (level, rest) = rest.split_first()?;
    Some((name, *level, rest))
}

/// Reads a CONNECT: the one packet that says itself which version it is.
pub(super) fn parse<'a>(body: &'a [u8], compat: &Compat) -> Result<ConnectRef<'a>, nom::Err<Fault>> {
    let (input, version) = version(body, compat)?;
    let (at_keep_alive, flags) = connect_flags(input, version, compat)?;
    let (mut input, keep_alive) = read::u16(Field::KeepAlive, at_keep_alive)?;
    let mut properties = ConnectPropertiesRef::default();
    if version.is_v5() {
        (input, properties) = properties::parse(input)?;
    }
    let (input, client_id) = read::text(Field::ClientId, input)?;
    let (input, will) = if flags & WILL != 0 { will::parse(flags, input, version)? } else { (input, None) };
    let (input, user_name) =
        login(flags & USER_NAME != 0, input, version, |rest| read::text(Field::UserName, rest))?;
    let (input, password) =
        login(flags & PASSWORD != 0, input, version, |rest| read::binary(Field::Password, rest))?;
    read::end(input)?;
    let clean_start = flags & CLEAN_START != 0;
    Ok(ConnectRef { version, clean_start, keep_alive, client_id, will, user_name, password, properties })
}

fn version<'a>(body: &'a [u8], compat: &Compat) -> Parsed<'a, Version> {
    let (at_level, name) = read::binary(Field::ProtocolName, body)?;
    if !Version::ALL.iter().any(|version| version.protocol_name().as_bytes() == name) {
        return fault(body, Field::ProtocolName, Kind::ProtocolName);
    }
    let (input, level) = read::u8(Field::ProtocolLevel, at_level)?;
    match compat.version(name, level) {
        Some(version) => Ok((input, version)),
        None => fault(at_level, Field::ProtocolLevel, Kind::ProtocolLevel(level)),
    }
}

fn connect_flags<'a>(input: &'a [u8], version: Version, compat: &Compat) -> Parsed<'a, u8> {
    let (rest, flags) = read::u8(Field::ConnectFlags, input)?;
    // 3.1 leaves bit 0 unused, and takes no notice of will flags without a will
    if version != Version::V3_1 {
        if flags & 1 != 0 {
            return fault(input, Field::ConnectFlags, Kind::ReservedBit);
        }
        if flags & WILL == 0 && flags & 0b11 << WILL_QOS_SHIFT != 0 {
            return fault(input, Field::WillQoS, Kind::WillFlags);
        }
        if flags & WILL == 0 && flags & WILL_RETAIN != 0 {
            return fault(input, Field::WillRetain, Kind::WillFlags);
        }
    }
    if flags & WILL != 0 && QoS::from_wire(flags >> WILL_QOS_SHIFT & 0b11).is_none() {
        return fault(input, Field::WillQoS, Kind::InvalidWillQoS);
    }
    if password_alone(flags) && !version.is_v5() && !compat.password_without_user_name {
        return fault(input, Field::ConnectFlags, Kind::PasswordWithoutUserName);
    }
    Ok((rest, flags))
}

/// Whether Connect Flags announce a password and no user name.
pub(crate) const fn password_alone(flags: u8) -> bool {
    flags & (PASSWORD | USER_NAME) == PASSWORD
}

/// A field that a connect flag announces. In 3.1 it may be missing all the same at the end of the packet.
fn login<'a, T>(
    flag: bool,
    input: &'a [u8],
    version: Version,
    read: impl FnOnce(&'a [u8]) -> Parsed<'a, T>,
) -> Parsed<'a, Option<T>> {
    if !flag || (input.is_empty() && version == Version::V3_1) {
        return Ok((input, None));
    }
    let (rest, value) = read(input)?;
    Ok((rest, Some(value)))
}

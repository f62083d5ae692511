//! Small types that packets share: quality of service, packet identifiers, text.

use alloc::sync::Arc;
use core::borrow::Borrow;
use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};
use core::ops::Deref;

use crate::scan;

/// Quality of Service: the promise for one message on one hop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum QoS {
    /// QoS 0: sent once, never acknowledged.
    #[default]
    AtMostOnce = 0,
    /// QoS 1: acknowledged by PUBACK, may arrive again.
    AtLeastOnce = 1,
    /// QoS 2: four packets, arrives exactly once.
    ExactlyOnce = 2,
}

impl QoS {
    /// All three, lowest first.
    pub const ALL: [Self; 3] = [Self::AtMostOnce, Self::AtLeastOnce, Self::ExactlyOnce];

    /// From the two bits on the wire; 3 is not a QoS.
    pub const fn from_wire(bits: u8) -> Option<Self> {
        match bits {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }
}

/// Packet Identifier: names an exchange of QoS 1, QoS 2, SUBSCRIBE or UNSUBSCRIBE; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PacketId(NonZeroU16);

impl PacketId {
    /// The smallest identifier, 1.
    pub const MIN: Self = Self(NonZeroU16::MIN);
    /// The largest identifier, 65,535.
    pub const MAX: Self = Self(NonZeroU16::MAX);

    /// `None` for 0. [MQTT-2.3.1-1]
    pub const fn new(value: u16) -> Option<Self> {
        match NonZeroU16::new(value) {
            Some(value) => Some(Self(value)),
            None => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u16 {
        self.0.get()
    }

    /// The identifier after this one; 1 follows 65,535.
    pub const fn next(self) -> Self {
        match self.0.checked_add(1) {
            Some(value) => Self(value),
            None => Self::MIN,
        }
    }
}

impl fmt::Display for PacketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Subscription Identifier: 1 to 268,435,455.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionId(NonZeroU32);

impl SubscriptionId {
    /// The largest identifier: what a variable byte integer can hold.
    pub const MAX: u32 = 268_435_455;

    /// `None` for 0 and above [`SubscriptionId::MAX`].
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(id) if value <= Self::MAX => Some(Self(id)),
            _ => None,
        }
    }

    /// The number on the wire.
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// A span of time as the wire has it: whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Seconds(pub u32);

impl Seconds {
    /// In a Session Expiry Interval: the session never expires.
    pub const NEVER: Self = Self(u32::MAX);
}

/// A UTF-8 Encoded String: at most 65,535 bytes, without U+0000. A clone shares the text.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Text(Arc<str>);

impl Text {
    /// Bytes that fit into the two-byte length on the wire.
    pub const MAX_LEN: usize = u16::MAX as usize;

    /// Checks the rules of a UTF-8 Encoded String that `str` does not imply.
    ///
    /// # Errors
    /// U+0000 [MQTT-1.5.4-2] and more than [`Text::MAX_LEN`] bytes.
    pub fn new(text: &str) -> Result<Self, InvalidText> {
        check_text(text)?;
        Ok(Self(text.into()))
    }

    /// The text of a view, which the decoder has checked; encoders check again what was put into a view by hand.
    pub(crate) fn checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The text as a slice.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The rules of every UTF-8 Encoded String that `str` does not imply.
pub(crate) fn check_text(text: &str) -> Result<(), InvalidText> {
    if text.len() > Text::MAX_LEN {
        return Err(InvalidText::TooLong);
    }
    // [MQTT-1.5.4-2]
    if scan::has_zero(text.as_bytes()) {
        return Err(InvalidText::NullCharacter);
    }
    Ok(())
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Text {
    type Error = InvalidText;

    fn try_from(text: &str) -> Result<Self, InvalidText> {
        Self::new(text)
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a string cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidText {
    /// It holds U+0000.
    #[error("the text holds U+0000, which no MQTT string may [MQTT-1.5.4-2]")]
    NullCharacter,
    /// It is longer than 65,535 bytes.
    #[error("the text is longer than 65,535 bytes")]
    TooLong,
}

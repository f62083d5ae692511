//! Numbers, and numbers with units.

use std::fmt;
use std::num::{NonZeroU16, NonZeroU32};
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer, Unexpected, Visitor};

use crate::config::quantity::{self, QuantityError};

pub(super) fn size<'de, D: Deserializer<'de>, T: TryFrom<u64>>(input: D) -> Result<T, D::Error> {
    let bytes = match Scalar::deserialize(input)? {
        Scalar::Number(number) => number,
        Scalar::Text(text) => quantity::size(&text).map_err(de::Error::custom)?,
    };
    T::try_from(bytes).map_err(|_| de::Error::custom(format_args!("{bytes} bytes are more than fit here")))
}

pub(super) fn duration<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    Scalar::deserialize(input)?.duration().map_err(de::Error::custom)
}

pub(super) fn interval<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("off") { Ok(Duration::ZERO) } else { scalar.duration().map_err(|error| or("off", &error)) }
}

/// Seconds of a Session Expiry Interval, whose largest value means never.
pub(super) fn expiry<'de, D: Deserializer<'de>>(input: D) -> Result<u32, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("never") {
        return Ok(u32::MAX);
    }
    let seconds = scalar.seconds().map_err(|error| or("never", &error))?;
    let valid = u32::try_from(seconds).ok().filter(|&seconds| seconds < u32::MAX);
    valid.ok_or_else(|| de::Error::custom("the longest session expiry is 49710d; write \"never\" for none"))
}

pub(super) fn keep_alive<'de, D: Deserializer<'de>>(input: D) -> Result<Option<NonZeroU16>, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("none") {
        return Ok(None);
    }
    let seconds = scalar.seconds().map_err(|error| or("none", &error))?;
    let valid = u16::try_from(seconds).ok().and_then(NonZeroU16::new);
    valid.map(Some).ok_or_else(|| {
        de::Error::custom("a keep alive lies between 1s and 65535s; write \"none\" for no maximum")
    })
}

/// Times a second.
pub(super) fn rate<'de, D: Deserializer<'de>>(input: D) -> Result<Option<NonZeroU32>, D::Error> {
    let rate = match Scalar::deserialize(input)? {
        scalar if scalar.is("none") => return Ok(None),
        Scalar::Number(number) => u32::try_from(number).ok().and_then(NonZeroU32::new),
        Scalar::Text(_) => None,
    };
    let wanted = "a rate is a whole number from 1 to 4294967295, in a second; write \"none\" for no limit";
    rate.map(Some).ok_or_else(|| de::Error::custom(wanted))
}

/// A time, or none for what has no end.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
    let scalar = Scalar::deserialize(input)?;
    if scalar.is("never") {
        return Ok(None);
    }
    scalar.duration().map(Some).map_err(|error| or("never", &error))
}

/// A quantity that cannot be read, where a word may stand for it as well.
fn or<E: de::Error>(word: &str, error: &QuantityError) -> E {
    E::custom(format_args!("{error}, or {word:?}"))
}

/// A quantity before its kind is known: people write numbers and numbers with units.
pub(super) enum Scalar {
    Number(u64),
    Text(String),
}

impl Scalar {
    fn is(&self, word: &str) -> bool {
        matches!(self, Self::Text(text) if text == word)
    }

    fn duration(&self) -> Result<Duration, QuantityError> {
        match self {
            Self::Number(seconds) => Ok(Duration::from_secs(*seconds)),
            Self::Text(text) => quantity::duration(text),
        }
    }

    fn seconds(&self) -> Result<u64, QuantityError> {
        let duration = self.duration()?;
        match (self, duration.subsec_millis()) {
            (Self::Text(text), 1..) => Err(QuantityError::Seconds { text: text.clone() }),
            _ => Ok(duration.as_secs()),
        }
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        input.deserialize_any(ScalarVisitor)
    }
}

struct ScalarVisitor;

impl Visitor<'_> for ScalarVisitor {
    type Value = Scalar;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number, or a text with a number and a unit")
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<Scalar, E> {
        u64::try_from(number)
            .map(Scalar::Number)
            .map_err(|_| E::invalid_value(Unexpected::Signed(number), &self))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
        Ok(Scalar::Number(number))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
        Ok(Scalar::Text(text.to_owned()))
    }
}

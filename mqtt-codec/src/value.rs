//! Values of properties: read from checked bytes, borrowed, owned, written.

use core::num::{NonZeroU16, NonZeroU32};

use bytes::Bytes;

use crate::error::EncodeError;
use crate::field::Field;
use crate::packet::Storage;
use crate::property::{self, PayloadFormat};
use crate::topic::{Topic, TopicRef};
use crate::types::{QoS, Seconds, Text};
use crate::write::Sink;

/// The value of a property as an owned packet has it.
pub(crate) trait Value: Sized {
    /// The value as a view has it.
    type View<'a>: Copy;

    /// Reads what the decoder has checked.
    fn read(bytes: &[u8]) -> Option<Self::View<'_>>;

    fn view(&self) -> Self::View<'_>;

    fn own(view: Self::View<'_>, storage: Storage<'_>) -> Self;

    fn write(view: Self::View<'_>, id: u8, field: Field, sink: &mut impl Sink);
}

macro_rules! plain_values {
    ($($value:ty: $put:ident, |$bytes:ident| $read:expr, |$view:ident| $write:expr;)*) => {$(
        impl Value for $value {
            type View<'a> = Self;

            fn read($bytes: &[u8]) -> Option<Self> {
                $read
            }

            fn view(&self) -> Self {
                *self
            }

            fn own(view: Self, _: Storage<'_>) -> Self {
                view
            }

            fn write($view: Self, id: u8, _: Field, sink: &mut impl Sink) {
                property::$put(sink, id, $write);
            }
        }
    )*};
}

plain_values! {
    bool: put_flag, |bytes| bytes.first().map(|byte| *byte == 1), |value| Some(value);
    u16: put_u16, |bytes| bytes.first_chunk().map(|bytes| Self::from_be_bytes(*bytes)), |value| Some(value);
    NonZeroU16: put_u16, |bytes| u16::read(bytes).and_then(Self::new), |value| Some(value.get());
    NonZeroU32: put_u32, |bytes| Seconds::read(bytes).and_then(|value| Self::new(value.0)), |value| Some(value.get());
    Seconds: put_u32, |bytes| bytes.first_chunk().map(|bytes| Self(u32::from_be_bytes(*bytes))), |value| Some(value.0);
    PayloadFormat: put_flag,
        |bytes| bool::read(bytes).map(|utf8| if utf8 { Self::Utf8 } else { Self::Unspecified }),
        |value| Some(value == Self::Utf8);
    // 2 is the default and has no value on the wire
    QoS: put_flag,
        |bytes| bool::read(bytes).map(|one| if one { Self::AtLeastOnce } else { Self::AtMostOnce }),
        |value| (value != Self::ExactlyOnce).then_some(value == Self::AtLeastOnce);
}

impl Value for Text {
    type View<'a> = &'a str;

    fn read(bytes: &[u8]) -> Option<&str> {
        str::from_utf8(bytes).ok()
    }

    fn view(&self) -> &str {
        self
    }

    fn own(view: &str, _: Storage<'_>) -> Self {
        Self::checked(view)
    }

    fn write(view: &str, id: u8, field: Field, sink: &mut impl Sink) {
        property::put_text(sink, id, field, Some(view));
    }
}

impl Value for Topic {
    type View<'a> = TopicRef<'a>;

    fn read(bytes: &[u8]) -> Option<TopicRef<'_>> {
        str::from_utf8(bytes).ok().map(TopicRef::checked)
    }

    fn view(&self) -> TopicRef<'_> {
        self.view()
    }

    fn own(view: TopicRef<'_>, _: Storage<'_>) -> Self {
        view.to_topic()
    }

    fn write(view: TopicRef<'_>, id: u8, field: Field, sink: &mut impl Sink) {
        if view.is_aliased() {
            sink.refuse(EncodeError::Empty(field));
        }
        property::put_binary(sink, id, field, Some(view.as_str().as_bytes()));
    }
}

impl Value for Bytes {
    type View<'a> = &'a [u8];

    fn read(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }

    fn view(&self) -> &[u8] {
        self
    }

    fn own(view: &[u8], storage: Storage<'_>) -> Self {
        storage.bytes(view)
    }

    fn write(view: &[u8], id: u8, field: Field, sink: &mut impl Sink) {
        property::put_binary(sink, id, field, Some(view));
    }
}

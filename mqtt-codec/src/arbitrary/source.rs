//! The parts of each packet, made from random bytes.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::num::{NonZeroU16, NonZeroU32};

use arbitrary::{Arbitrary, Result, Unstructured};
use bytes::Bytes;

use crate::packet::{
    Ack, AckProperties, Auth, ConnAck, ConnAckProperties, Connect, ConnectProperties, Delivery, Disconnect,
    Message, MessageProperties, PacketType, Publish, RetainHandling, Subscribe, Subscription,
    SubscriptionOptions, Unsubscribe, Will,
};
use crate::property::PayloadFormat;
use crate::reason::ReasonCode;
use crate::topic::TopicFilter;
use crate::types::{PacketId, QoS, Seconds, SubscriptionId, Text};
use crate::version::{Role, Version};

/// Random bytes, and for whom packets are made from them.
pub(super) struct Source<'u, 'd> {
    pub(super) u: &'u mut Unstructured<'d>,
    pub(super) version: Version,
    pub(super) reader: Role,
}

impl Source<'_, '_> {
    /// A property: absent in 3.x.
    fn property<T>(&mut self, value: impl FnOnce(&mut Self) -> Result<T>) -> Result<Option<T>> {
        Ok(if self.version.is_v5() && self.u.ratio(1, 3)? { Some(value(self)?) } else { None })
    }

    fn any<T: for<'a> Arbitrary<'a>>(&mut self) -> Result<T> {
        self.u.arbitrary()
    }

    fn text(&mut self) -> Result<Text> {
        let mut text = String::new();
        for _ in 0..self.u.int_in_range(0..=12)? {
            text.push(self.any::<char>()?);
        }
        Ok(Text::checked(&text.replace('\0', "\u{1}")))
    }

    fn bytes(&mut self) -> Result<Bytes> {
        let len = self.u.int_in_range(0..=600)?.min(self.u.len());
        Ok(Bytes::copy_from_slice(self.u.bytes(len)?))
    }

    pub(super) fn id(&mut self) -> Result<PacketId> {
        Ok(PacketId::new(self.any()?).unwrap_or(PacketId::MAX))
    }

    fn seconds(&mut self) -> Result<Seconds> {
        Ok(Seconds(self.any()?))
    }

    fn qos(&mut self) -> Result<QoS> {
        Ok(*self.u.choose(&QoS::ALL)?)
    }

    fn user_properties(&mut self) -> Result<Vec<(Text, Text)>> {
        let count = if self.version.is_v5() { self.u.int_in_range(0..=3)? } else { 0 };
        (0..count).map(|_| Ok((self.text()?, self.text()?))).collect()
    }

    fn reason(&mut self, packet_type: PacketType) -> Result<ReasonCode> {
        let allowed = |code: &&ReasonCode| code.allowed_in(packet_type);
        let codes: Vec<_> = ReasonCode::ALL.iter().filter(allowed).copied().collect();
        Ok(*self.u.choose(&codes)?)
    }

    pub(super) fn reasons(&mut self, packet_type: PacketType) -> Result<Vec<ReasonCode>> {
        let of_3 = [0, 1, 2, 0x80].map(|value| ReasonCode::from_wire(value).unwrap_or_default());
        let v5 = self.version.is_v5();
        (0..self.u.int_in_range(1..=5)?)
            .map(|_| if v5 { self.reason(packet_type) } else { Ok(*self.u.choose(&of_3)?) })
            .collect()
    }

    pub(super) fn ack_properties(&mut self) -> Result<Option<Box<AckProperties>>> {
        let reason_string = self.property(Self::text)?;
        let properties = AckProperties { reason_string, user_properties: self.user_properties()? };
        Ok((properties != AckProperties::default()).then(|| Box::new(properties)))
    }

    pub(super) fn ack(&mut self, packet_type: PacketType) -> Result<Ack> {
        let reason = if self.version.is_v5() { self.reason(packet_type)? } else { ReasonCode::Success };
        Ok(Ack { id: self.id()?, reason, properties: self.ack_properties()? })
    }

    fn message(&mut self) -> Result<Message> {
        let properties = MessageProperties {
            payload_format: self.property(|source| {
                Ok(if source.any()? { PayloadFormat::Utf8 } else { PayloadFormat::Unspecified })
            })?,
            content_type: self.property(Self::text)?,
            response_topic: self.property(Self::any)?,
            correlation_data: self.property(Self::bytes)?,
            user_properties: self.user_properties()?,
        };
        let properties = (properties != MessageProperties::default()).then(|| Box::new(properties));
        Ok(Message { topic: self.any()?, properties, payload: self.bytes()? })
    }

    pub(super) fn publish(&mut self) -> Result<Publish> {
        let delivery = match self.qos()? {
            QoS::AtMostOnce => Delivery::AtMostOnce,
            QoS::AtLeastOnce => Delivery::AtLeastOnce { id: self.id()?, dup: self.any()? },
            QoS::ExactlyOnce => Delivery::ExactlyOnce { id: self.id()?, dup: self.any()? },
        };
        let from_server = self.version.is_v5() && self.reader == Role::Client;
        let ids = if from_server { self.u.int_in_range(0..=3)? } else { 0 };
        Ok(Publish {
            message: Arc::new(self.message()?),
            delivery,
            retain: self.any()?,
            expiry: self.property(Self::seconds)?,
            alias: self.property(Self::any::<NonZeroU16>)?,
            subscription_ids: (0..ids).map(|_| self.subscription_id()).collect::<Result<_>>()?,
        })
    }

    fn subscription_id(&mut self) -> Result<SubscriptionId> {
        let bits = self.u.int_in_range(0..=27)?;
        let value = self.u.int_in_range(1..=SubscriptionId::MAX >> bits)?;
        SubscriptionId::new(value).ok_or(arbitrary::Error::IncorrectFormat)
    }

    pub(super) fn connect(&mut self) -> Result<Connect> {
        let will = if self.any()? { Some(self.will()?) } else { None };
        let user_name = if self.any()? { Some(self.text()?) } else { None };
        let may_have_password = self.version.is_v5() || user_name.is_some();
        let password = if may_have_password && self.any()? { Some(self.bytes()?) } else { None };
        let authentication_method = self.property(Self::text)?;
        let has_method = authentication_method.is_some();
        Ok(Connect {
            version: self.version,
            clean_start: self.any()?,
            keep_alive: self.any()?,
            client_id: self.text()?,
            will,
            user_name,
            password,
            properties: ConnectProperties {
                session_expiry: self.property(Self::seconds)?,
                receive_maximum: self.property(Self::any)?,
                maximum_packet_size: self.property(Self::any)?,
                topic_alias_maximum: self.property(Self::any)?,
                request_response_information: self.property(Self::any)?,
                request_problem_information: self.property(Self::any)?,
                authentication_method,
                authentication_data: if has_method { self.property(Self::bytes)? } else { None },
                user_properties: self.user_properties()?,
            },
        })
    }

    fn will(&mut self) -> Result<Will> {
        Ok(Will {
            message: Arc::new(self.message()?),
            qos: self.qos()?,
            retain: self.any()?,
            expiry: self.property(Self::seconds)?,
            delay: self.property(Self::seconds)?,
        })
    }

    pub(super) fn connack(&mut self) -> Result<ConnAck> {
        let reason = match self.version {
            Version::V5 => self.reason(PacketType::ConnAck)?,
            _ => ReasonCode::from_return_code(self.u.int_in_range(0..=5)?).unwrap_or_default(),
        };
        let session_present = reason == ReasonCode::Success && self.version != Version::V3_1 && self.any()?;
        let properties = ConnAckProperties {
            session_expiry: self.property(Self::seconds)?,
            receive_maximum: self.property(Self::any::<NonZeroU16>)?,
            maximum_qos: self
                .property(|source| Ok(*source.u.choose(&[QoS::AtMostOnce, QoS::AtLeastOnce])?))?,
            retain_available: self.property(Self::any)?,
            maximum_packet_size: self.property(Self::any::<NonZeroU32>)?,
            assigned_client_id: self.property(Self::text)?,
            topic_alias_maximum: self.property(Self::any)?,
            reason_string: self.property(Self::text)?,
            wildcard_subscription_available: self.property(Self::any)?,
            subscription_id_available: self.property(Self::any)?,
            shared_subscription_available: self.property(Self::any)?,
            server_keep_alive: self.property(Self::any)?,
            response_information: self.property(Self::text)?,
            server_reference: self.property(Self::text)?,
            authentication_method: self.property(Self::text)?,
            authentication_data: self.property(Self::bytes)?,
            user_properties: self.user_properties()?,
        };
        Ok(ConnAck { session_present, reason, properties })
    }

    pub(super) fn subscribe(&mut self) -> Result<Subscribe> {
        let count = self.u.int_in_range(1..=4)?;
        Ok(Subscribe {
            id: self.id()?,
            subscription_id: self.property(Self::subscription_id)?,
            user_properties: self.user_properties()?,
            filters: (0..count).map(|_| self.subscription()).collect::<Result<_>>()?,
        })
    }

    fn subscription(&mut self) -> Result<Subscription> {
        let filter: TopicFilter = self.any()?;
        let mut options = SubscriptionOptions::new(self.qos()?);
        if self.version.is_v5() {
            options.no_local = matches!(filter.view().share(), Ok(None)) && self.any()?;
            options.retain_as_published = self.any()?;
            options.retain_handling = *self.u.choose(&[
                RetainHandling::OnSubscribe,
                RetainHandling::OnNewSubscription,
                RetainHandling::Never,
            ])?;
        }
        Ok(Subscription { filter, options })
    }

    pub(super) fn unsubscribe(&mut self) -> Result<Unsubscribe> {
        let count = self.u.int_in_range(1..=4)?;
        Ok(Unsubscribe {
            id: self.id()?,
            user_properties: self.user_properties()?,
            filters: (0..count).map(|_| self.any()).collect::<Result<_>>()?,
        })
    }

    pub(super) fn disconnect(&mut self) -> Result<Disconnect> {
        if !self.version.is_v5() {
            return Ok(Disconnect::default());
        }
        let from_client = self.reader == Role::Server;
        Ok(Disconnect {
            reason: self.reason(PacketType::Disconnect)?,
            session_expiry: if from_client { self.property(Self::seconds)? } else { None },
            reason_string: self.property(Self::text)?,
            server_reference: if from_client { None } else { self.property(Self::text)? },
            user_properties: self.user_properties()?,
        })
    }

    pub(super) fn auth(&mut self) -> Result<Auth> {
        Ok(Auth {
            reason: self.reason(PacketType::Auth)?,
            method: self.text()?,
            data: self.property(Self::bytes)?,
            reason_string: self.property(Self::text)?,
            user_properties: self.user_properties()?,
        })
    }
}

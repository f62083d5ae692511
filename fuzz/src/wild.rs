//! Changes to a valid view: what its types let a caller put into it, right or wrong.

use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use mqtt_codec::{
    AckRef, AuthRef, ConnAckPropertiesRef, ConnAckRef, ConnectPropertiesRef, ConnectRef, DisconnectRef, List,
    MessagePropertiesRef, MessageRef, PacketRef, PublishRef, ReasonCode, Role, Rules, Seconds, SubscribeRef,
    SubscriptionId, TopicRef, UnsubscribeRef, UserProperties, Version,
};

/// One byte more than a string of MQTT may have.
static LONG: LazyLock<String> = LazyLock::new(|| "x".repeat(65_536));

/// Packets whose parts are put into others: lists in the bytes of another version, a topic that an alias stands for.
const PUBLISH: &[u8] = b"\x30\x0B\x00\x00\x08\x23\x00\x01\x26\x00\x00\x00\x00";
const SUBACK: &[u8] = b"\x90\x07\x00\x09\x00\x00\x02\x87\x97";
const SUBSCRIBE: &[u8] = b"\x82\x09\x00\x09\x02\x0B\x05\x00\x01#\x2C";
const UNSUBSCRIBE: &[u8] = b"\xA2\x05\x00\x09\x00\x01+";

pub(crate) struct Wild<'u, 'd> {
    u: &'u mut Unstructured<'d>,
}

macro_rules! other {
    ($name:ident, $bytes:expr, $version:expr) => {
        match PacketRef::decode($bytes, &Rules::new($version, Role::Client)) {
            Ok(PacketRef::$name(packet)) => packet,
            other => panic!("{other:?}"),
        }
    };
}

impl<'u, 'd> Wild<'u, 'd> {
    pub(crate) fn new(u: &'u mut Unstructured<'d>) -> Self {
        Self { u }
    }

    /// Gives some fields of `packet` other values. Nothing changes once the bytes are used up.
    pub(crate) fn change(&mut self, packet: &mut PacketRef<'_>) -> Result<()> {
        match packet {
            PacketRef::Connect(connect) => self.connect(connect),
            PacketRef::ConnAck(connack) => self.connack(connack),
            PacketRef::Publish(publish) => self.publish(publish),
            PacketRef::PubAck(ack)
            | PacketRef::PubRec(ack)
            | PacketRef::PubRel(ack)
            | PacketRef::PubComp(ack) => self.ack(ack),
            PacketRef::Subscribe(subscribe) => self.subscribe(subscribe),
            PacketRef::SubAck(ack) => {
                self.reasons(&mut ack.reasons)?;
                self.explained(&mut ack.reason_string, &mut ack.user_properties)
            }
            PacketRef::Unsubscribe(unsubscribe) => self.unsubscribe(unsubscribe),
            PacketRef::UnsubAck(ack) => {
                self.reasons(&mut ack.reasons)?;
                self.explained(&mut ack.reason_string, &mut ack.user_properties)
            }
            PacketRef::PingReq | PacketRef::PingResp => Ok(()),
            PacketRef::Disconnect(disconnect) => self.disconnect(disconnect),
            PacketRef::Auth(auth) => self.auth(auth),
        }
    }

    /// One time in four another value.
    fn sometimes<T>(&mut self, value: &mut T, other: impl FnOnce(&mut Self) -> Result<T>) -> Result<()> {
        // zeros, which follow the last byte, choose no change
        if self.u.int_in_range(0..=3)? == 3 {
            *value = other(self)?;
        }
        Ok(())
    }

    fn text(&mut self) -> Result<&'static str> {
        let long = LONG.as_str();
        Ok(match self.u.int_in_range(0..=31)? {
            0 => long,
            1 => &long[..65_535],
            choice => ["", "a\0", "\u{FFFF}", "+/#", "\u{1}", "$share/a/b"][choice % 6],
        })
    }

    fn texts(&mut self, value: &mut Option<&str>) -> Result<()> {
        self.sometimes(value, |wild| if wild.u.arbitrary()? { Ok(None) } else { wild.text().map(Some) })
    }

    fn binary(&mut self, value: &mut Option<&[u8]>) -> Result<()> {
        self.sometimes(value, |wild| {
            Ok(if wild.u.arbitrary()? { None } else { Some(wild.text()?.as_bytes()) })
        })
    }

    fn topic(&mut self, value: &mut TopicRef<'_>) -> Result<()> {
        self.sometimes(value, |_| Ok(other!(Publish, PUBLISH, Version::V5).message.topic))
    }

    fn pairs(&mut self, value: &mut UserProperties<'_>) -> Result<()> {
        let other = other!(Publish, PUBLISH, Version::V5).message.properties.user_properties();
        self.sometimes(value, |wild| Ok(if wild.u.arbitrary()? { List::EMPTY } else { other }))
    }

    fn explained(&mut self, reason: &mut Option<&str>, pairs: &mut UserProperties<'_>) -> Result<()> {
        self.texts(reason)?;
        self.pairs(pairs)
    }

    fn reason(&mut self, value: &mut ReasonCode) -> Result<()> {
        self.sometimes(value, |wild| Ok(*wild.u.choose(ReasonCode::ALL)?))
    }

    fn reasons(&mut self, value: &mut List<'_, ReasonCode>) -> Result<()> {
        let other = other!(SubAck, SUBACK, Version::V5).reasons;
        self.sometimes(value, |wild| Ok(*wild.u.choose(&[List::EMPTY, other, List::new(ReasonCode::ALL)])?))
    }

    fn message(&mut self, value: &mut MessageRef<'_>) -> Result<()> {
        self.topic(&mut value.topic)?;
        self.sometimes(&mut value.payload, |wild| Ok(wild.text()?.as_bytes()))?;
        let other = other!(Publish, PUBLISH, Version::V5).message.properties;
        self.sometimes(&mut value.properties, |wild| {
            Ok(if wild.u.arbitrary()? { MessagePropertiesRef::default() } else { other })
        })
    }

    fn connect(&mut self, value: &mut ConnectRef<'_>) -> Result<()> {
        self.sometimes(&mut value.version, |wild| Ok(*wild.u.choose(&Version::ALL)?))?;
        self.sometimes(&mut value.client_id, |wild| wild.text())?;
        self.sometimes(&mut value.will, |_| Ok(None))?;
        self.texts(&mut value.user_name)?;
        self.binary(&mut value.password)?;
        self.sometimes(&mut value.properties, |_| Ok(ConnectPropertiesRef::default()))
    }

    fn connack(&mut self, value: &mut ConnAckRef<'_>) -> Result<()> {
        self.sometimes(&mut value.session_present, |wild| wild.u.arbitrary())?;
        self.reason(&mut value.reason)?;
        self.sometimes(&mut value.properties, |_| Ok(ConnAckPropertiesRef::default()))
    }

    fn publish(&mut self, value: &mut PublishRef<'_>) -> Result<()> {
        self.message(&mut value.message)?;
        self.sometimes(&mut value.alias, |wild| wild.u.arbitrary())?;
        self.sometimes(&mut value.expiry, |wild| Ok(Some(Seconds(wild.u.arbitrary()?))))
    }

    fn ack(&mut self, value: &mut AckRef<'_>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.explained(&mut value.reason_string, &mut value.user_properties)
    }

    fn subscribe(&mut self, value: &mut SubscribeRef<'_>) -> Result<()> {
        let other = other!(Subscribe, SUBSCRIBE, Version::V5);
        self.sometimes(&mut value.filters, |wild| {
            Ok(if wild.u.arbitrary()? { List::EMPTY } else { other.filters })
        })?;
        self.sometimes(&mut value.subscription_id, |_| Ok(SubscriptionId::new(SubscriptionId::MAX)))?;
        self.pairs(&mut value.user_properties)
    }

    fn unsubscribe(&mut self, value: &mut UnsubscribeRef<'_>) -> Result<()> {
        let other = other!(Unsubscribe, UNSUBSCRIBE, Version::V3_1_1);
        self.sometimes(&mut value.filters, |wild| {
            Ok(if wild.u.arbitrary()? { List::EMPTY } else { other.filters })
        })?;
        self.pairs(&mut value.user_properties)
    }

    fn disconnect(&mut self, value: &mut DisconnectRef<'_>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.texts(&mut value.server_reference)?;
        self.sometimes(&mut value.session_expiry, |wild| Ok(Some(Seconds(wild.u.arbitrary()?))))?;
        self.explained(&mut value.reason_string, &mut value.user_properties)
    }

    fn auth(&mut self, value: &mut AuthRef<'_>) -> Result<()> {
        self.reason(&mut value.reason)?;
        self.sometimes(&mut value.method, |wild| wild.text())?;
        self.binary(&mut value.data)?;
        self.explained(&mut value.reason_string, &mut value.user_properties)
    }
}

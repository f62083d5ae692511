//! What the tables hold, and how it is written.

use std::num::NonZeroU64;
use std::sync::Arc;

use mqtt_codec::{
    Decoder, Delivery, Message, Packet, PacketId, PacketRef, Publish, QoS, Seconds, SubscriptionId, Text,
    Version, Will,
};
use mqtt_session::{StoredExchanges, StoredSession, Ticket};

use super::tickets::Tickets;
use super::value::{Reader, Writer};
use crate::core::router::Granted;
use crate::store::{Kept, Owed, SessionNumber, StoredClient, StoredUser, WallTime};

/// The head of a message: all but the message itself.
pub(super) struct Head {
    pub(super) bytes: u32,
    pub(super) owed: Vec<Owed>,
}

pub(super) fn write_message(ticket: Ticket, kept: &Kept, owed: &[Owed]) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u32(u32::try_from(kept.message.bytes()).unwrap_or(u32::MAX));
    writer.each(owed.iter(), |writer, owed| {
        writer.u64(owed.session.0.get()).u8(owed.qos as u8).u8(u8::from(owed.retain));
        writer.each(owed.subscription_ids.iter(), |writer, id| _ = writer.u32(id.get()));
    });
    write_kept(&mut writer, kept);
    writer.finish(&ticket.0.to_be_bytes())
}

pub(super) fn read_head(ticket: Ticket, value: &[u8]) -> Option<Head> {
    head(&mut Reader::new(&ticket.0.to_be_bytes(), value)?)
}

pub(super) fn read_message(ticket: Ticket, value: &[u8]) -> Option<(Kept, Head)> {
    let mut reader = Reader::new(&ticket.0.to_be_bytes(), value)?;
    let head = head(&mut reader)?;
    Some((read_kept(&mut reader)?, head))
}

fn head(reader: &mut Reader<'_>) -> Option<Head> {
    let bytes = reader.u32()?;
    let owed = reader.each(|reader| {
        Some(Owed {
            session: SessionNumber(NonZeroU64::new(reader.u64()?)?),
            qos: qos(reader.u8()?)?,
            retain: reader.bool()?,
            subscription_ids: reader.each(|reader| SubscriptionId::new(reader.u32()?))?.into(),
        })
    })?;
    Some(Head { bytes, owed })
}

pub(super) fn write_retained(kept: &Kept) -> Vec<u8> {
    let mut writer = Writer::new();
    write_kept(&mut writer, kept);
    writer.finish(kept.message.topic.as_str().as_bytes())
}

pub(super) fn read_retained(topic: &str, value: &[u8]) -> Option<Kept> {
    read_kept(&mut Reader::new(topic.as_bytes(), value)?)
}

/// Whose session it is, and how long it lives.
pub(super) struct Life {
    pub(super) client: StoredClient,
    pub(super) state: StoredSession,
    pub(super) detached: WallTime,
}

pub(super) fn write_life(session: SessionNumber, life: &Life) -> Vec<u8> {
    let (client, state) = (&life.client, &life.state);
    let mut writer = Writer::new();
    writer.bytes(client.client_id.as_bytes()).option(client.user.as_ref(), |writer, user| {
        writer.option(user.name.as_ref(), |writer, name| _ = writer.bytes(name.as_bytes()));
        writer.each(user.groups.iter(), |writer, group| _ = writer.bytes(group.as_bytes()));
    });
    writer.u8(u8::from(state.exists)).u8(u8::from(state.connected)).u32(state.expiry).u64(life.detached.0);
    writer.option(state.will.as_deref(), write_will);
    writer.finish(&session.0.get().to_be_bytes())
}

pub(super) fn read_life(session: SessionNumber, value: &[u8]) -> Option<Life> {
    let mut reader = Reader::new(&session.0.get().to_be_bytes(), value)?;
    let text = |reader: &mut Reader<'_>| Text::new(reader.text()?).ok();
    let client_id = text(&mut reader)?;
    let user =
        |reader: &mut Reader<'_>| Some(StoredUser { name: reader.option(text)?, groups: reader.each(text)? });
    let user = reader.option(user)?.map(Box::new);
    let mut state = StoredSession::default();
    (state.exists, state.connected) = (reader.bool()?, reader.bool()?);
    state.expiry = reader.u32()?;
    let detached = WallTime(reader.u64()?);
    state.will = reader.option(read_will)?.map(Arc::new);
    Some(Life { client: StoredClient { client_id, user }, state, detached })
}

/// How far a session is: the messages up to `high` that it is still owed, and its identifiers.
pub(super) fn write_progress(
    session: SessionNumber,
    high: Ticket,
    owed: &Tickets,
    state: &StoredSession,
) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u64(high.0).each(owed.up_to(high), |writer, ticket| _ = writer.u64(ticket.0));
    let StoredExchanges { received, sent, taken } = state.exchanges();
    writer.each(received.iter(), |writer, id| _ = writer.u16(id.get()));
    writer.each(sent.iter(), |writer, (id, ticket)| _ = writer.u16(id.get()).u64(ticket.0));
    writer.each(taken.iter(), |writer, id| _ = writer.u16(id.get()));
    writer.finish(&session.0.get().to_be_bytes())
}

/// Puts identifiers into `state`; the bound, and what is owed below it.
pub(super) fn read_progress(
    session: SessionNumber,
    value: &[u8],
    state: &mut StoredSession,
) -> Option<(Ticket, Tickets)> {
    let mut reader = Reader::new(&session.0.get().to_be_bytes(), value)?;
    let id = |reader: &mut Reader<'_>| PacketId::new(reader.u16()?);
    let high = Ticket(reader.u64()?);
    let open = reader.each(|reader| reader.u64().map(Ticket))?.into_iter().collect();
    let received = reader.each(id)?.into_iter().collect();
    let sent = reader.each(|reader| Some((id(reader)?, Ticket(reader.u64()?))))?.into();
    let taken = reader.each(id)?.into();
    state.set_exchanges(StoredExchanges { received, sent, taken });
    Some((high, open))
}

pub(super) fn write_granted(key: &[u8], granted: &Granted) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.u8(granted.qos as u8).u8(u8::from(granted.no_local)).u8(u8::from(granted.retain_as_published));
    writer.option(granted.subscription_id, |writer, id| _ = writer.u32(id.get()));
    writer.finish(key)
}

pub(super) fn read_granted(key: &[u8], value: &[u8]) -> Option<Granted> {
    let mut reader = Reader::new(key, value)?;
    Some(Granted {
        qos: qos(reader.u8()?)?,
        no_local: reader.bool()?,
        retain_as_published: reader.bool()?,
        subscription_id: reader.option(|reader| SubscriptionId::new(reader.u32()?))?,
    })
}

fn write_kept(writer: &mut Writer, kept: &Kept) {
    writer.u8(kept.qos as u8).u64(kept.published.0);
    writer.option(kept.expires, |writer, expires| _ = writer.u64(expires.0));
    write_publish(writer, &kept.message);
}

fn read_kept(reader: &mut Reader<'_>) -> Option<Kept> {
    let (qos, published) = (qos(reader.u8()?)?, WallTime(reader.u64()?));
    let expires = reader.option(|reader| reader.u64().map(WallTime))?;
    Some(Kept { message: read_publish(reader)?, qos, published, expires })
}

fn write_will(writer: &mut Writer, will: &Will) {
    writer.u8(will.qos as u8).u8(u8::from(will.retain));
    writer.option(will.expiry, |writer, Seconds(seconds)| _ = writer.u32(seconds));
    writer.option(will.delay, |writer, Seconds(seconds)| _ = writer.u32(seconds));
    write_publish(writer, &will.message);
}

fn read_will(reader: &mut Reader<'_>) -> Option<Will> {
    let seconds = |reader: &mut Reader<'_>| reader.u32().map(Seconds);
    let (qos, retain) = (qos(reader.u8()?)?, reader.bool()?);
    let (expiry, delay) = (reader.option(seconds)?, reader.option(seconds)?);
    Some(Will { message: read_publish(reader)?, qos, retain, expiry, delay })
}

/// A message is written as the packet that would carry it in 5.0, which has a place for all its properties.
fn write_publish(writer: &mut Writer, message: &Arc<Message>) {
    let mut packet = Vec::new();
    let publish = Publish::new(Arc::clone(message), Delivery::AtMostOnce);
    // a message came in a packet, and so fits into one
    let written = Packet::Publish(publish).encode(Version::V5, &mut packet);
    debug_assert!(written.is_ok(), "{written:?}");
    writer.bytes(&packet);
}

fn read_publish(reader: &mut Reader<'_>) -> Option<Arc<Message>> {
    let bytes = reader.bytes()?;
    match Decoder::client(Version::V5, u32::MAX).decode_next(bytes) {
        Ok(Some((PacketRef::Publish(publish), _))) => Some(Arc::new(publish.message.to_message())),
        _ => None,
    }
}

const fn qos(value: u8) -> Option<QoS> {
    match value {
        0 => Some(QoS::AtMostOnce),
        1 => Some(QoS::AtLeastOnce),
        2 => Some(QoS::ExactlyOnce),
        _ => None,
    }
}

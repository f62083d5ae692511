//! Bytes of a client: framed, decoded, handled packet by packet.

use mqtt_codec::{DecodeError, PacketRef, QoS};
use mqtt_session::{Received, Time};

use super::clients::Reader;
use super::router::SessionKey;
use super::shard::{ShardCore, Slot};
use super::stats::Counter;

/// Storage that the beginning of a packet may keep.
const UNREAD: usize = 4 << 10;

impl ShardCore {
    /// Bytes that a client has sent. What is not a whole packet is kept until the rest is there.
    pub fn handle_bytes(&mut self, now: Time, slot: Slot, bytes: &[u8]) {
        self.counters().add(Counter::BytesReceived, bytes.len() as u64);
        self.follow_rules();
        let Some(client) = self.clients.get(slot) else { return };
        client.follow(&self.rules, &self.hub);
        let key = client.key;
        let Some(mut reader) = client.link.as_deref_mut().and_then(|link| link.reader.take()) else { return };
        let result = if reader.unread.is_empty() {
            let result = self.handle_packets(now, slot, key, &mut reader, bytes);
            let rest = bytes.get(result.consumed..).unwrap_or_default();
            reader.unread.extend_from_slice(rest);
            result
        } else {
            let mut unread = std::mem::take(&mut reader.unread);
            unread.extend_from_slice(bytes);
            let result = self.handle_packets(now, slot, key, &mut reader, &unread);
            if result.consumed == unread.len() {
                // an idle connection holds no buffer
                unread = Vec::new();
            } else {
                unread.drain(..result.consumed);
                unread.shrink_to(UNREAD);
            }
            reader.unread = unread;
            result
        };
        self.put_back(now, slot, key, reader, result);
    }

    /// Handles the whole packets in `input`, as long as the session wants more.
    fn handle_packets(
        &mut self,
        now: Time,
        slot: Slot,
        key: SessionKey,
        reader: &mut Reader,
        input: &[u8],
    ) -> Handled {
        let mut handled = Handled::default();
        let link = self.clients.get(slot).and_then(|client| client.link.as_deref());
        let is_traced = link.is_some_and(|link| link.tracing.is_some());
        loop {
            let rest = input.get(handled.consumed..).unwrap_or_default();
            let frame = match reader.decoder.frame_len(rest) {
                Ok(Some(len)) => match rest.get(..len) {
                    Some(frame) => frame,
                    None => return handled,
                },
                Ok(None) => return handled,
                Err(error) => return handled.failed(error),
            };
            if let Some(at) = self.held_up(now, key).or_else(|| self.waits_for_store(now, frame)) {
                return handled.held_up(at);
            }
            let packet = match reader.decoder.decode(frame) {
                Ok(packet) => packet,
                Err(error) => return handled.failed(error),
            };
            if is_traced {
                self.trace_received(slot, &packet);
            }
            handled.consumed += frame.len();
            handled.packets += 1;
            handled.silent &=
                matches!(&packet, PacketRef::Publish(publish) if publish.delivery.qos() == QoS::AtMostOnce);
            let Some(client) = self.clients.get_key(key) else { return handled };
            match client.session.handle_packet(now, &packet) {
                Some(Received::Message { publish, receipt }) => {
                    self.note_pace(now, key);
                    self.handle_publish(now, slot, key, &publish, receipt);
                }
                Some(Received::Subscribe(subscribe)) => self.handle_subscribe(now, slot, &subscribe),
                Some(Received::Unsubscribe(unsubscribe)) => self.handle_unsubscribe(now, slot, &unsubscribe),
                Some(Received::Authentication(auth)) => self.handle_auth(slot, &auth),
                Some(Received::Disconnect(_)) | None => {}
            }
            let Some(client) = self.clients.get_key(key) else { return handled };
            if client.session.close_reason().is_some() {
                return handled;
            }
            if !client.session.wants_read() && !self.make_room(now, slot) {
                handled.throttled = true;
                return handled;
            }
        }
    }

    /// Writes answers before more packets are handled; whether the session wants more now.
    fn make_room(&mut self, now: Time, slot: Slot) -> bool {
        let Some(client) = self.clients.get(slot) else { return false };
        if let Some(link) = client.link.as_deref_mut() {
            self.work.prepare(&mut link.output);
            client.session.poll_transmit(now, &mut link.output);
        }
        client.session.wants_read()
    }

    /// Gives the reader back to the connection, unless that has ended meanwhile.
    fn put_back(&mut self, now: Time, slot: Slot, key: SessionKey, reader: Box<Reader>, handled: Handled) {
        self.counters().add(Counter::PacketsReceived, handled.packets);
        let Some(client) = self.clients.get_key(key) else { return };
        let Some(link) = client.link.as_deref_mut() else { return };
        link.reader = Some(reader);
        // who was not read from had no deadline, and has one again
        let resumed = link.throttled && !handled.throttled;
        link.throttled = handled.throttled;
        if handled.resumes.is_some() {
            link.pace.get_or_insert_default();
        }
        let held_up = link.pace.as_deref_mut().is_some_and(|pace| pace.hold_up(handled.resumes));
        self.timers.arm(slot.0, handled.resumes, &mut client.armed);
        if let Some(error) = handled.error {
            client.session.handle_malformed(error);
        }
        let closing = client.session.close_reason().is_some();
        if held_up {
            self.counters().add(Counter::PublishHeldUp, 1);
        }
        if !closing && !handled.silent {
            self.mark(slot);
        }
        if closing || resumed {
            self.handle_session(now, slot);
        }
    }

    /// Whether the connection should be read from.
    pub fn wants_read(&mut self, slot: Slot) -> bool {
        self.clients.get(slot).and_then(|client| client.link.as_deref()).is_some_and(|link| !link.throttled)
    }
}

/// What [`ShardCore::handle_packets`] did.
struct Handled {
    consumed: usize,
    packets: u64,
    /// Whether no packet asked for an answer.
    silent: bool,
    /// Whether packets are left because the client must read first, or wait until `resumes`.
    throttled: bool,
    resumes: Option<Time>,
    error: Option<DecodeError>,
}

impl Default for Handled {
    fn default() -> Self {
        Self { consumed: 0, packets: 0, silent: true, throttled: false, resumes: None, error: None }
    }
}

impl Handled {
    fn failed(self, error: DecodeError) -> Self {
        Self { error: Some(error), ..self }
    }

    fn held_up(self, until: Time) -> Self {
        Self { throttled: true, resumes: Some(until), ..self }
    }
}

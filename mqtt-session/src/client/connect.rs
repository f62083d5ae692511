//! A connection begins: CONNECT, and what CONNACK makes of it.

use alloc::boxed::Box;
use core::num::{NonZeroU16, NonZeroU32};
use core::time::Duration;

use mqtt_codec::{ConnAckRef, Connect, OutgoingAliases, QoS, ReasonCode, Seconds, Text, Version};

use super::{ClientSession, Link, Phase, ServerLimits, State};
use crate::config::CleanStart;
use crate::error::{CloseReason, PublishError, Violation};
use crate::event::ClientEvent;
use crate::exchange::Exchange;
use crate::incoming::Answers;
use crate::keep_alive::Ping;
use crate::store::StoreOp;
use crate::time::Time;
use crate::window::Window;

impl ServerLimits {
    const NONE: Self = Self {
        maximum_qos: QoS::ExactlyOnce,
        retain_available: true,
        wildcards: true,
        subscription_ids: true,
        shared: true,
    };
}

impl ClientSession {
    /// The transport is up: CONNECT goes out first.
    ///
    /// `connect` brings identifier, credentials, Will and properties, fresh for each connection. What the session
    /// decides is overwritten: the version, clean start, and the three limits that 5.0 announces.
    pub fn handle_connected(&mut self, now: Time, mut connect: Connect) {
        self.handle_disconnected();
        connect.version = self.version;
        connect.clean_start = match self.config.clean_start {
            CleanStart::Always => true,
            CleanStart::First => !self.connected_before,
            CleanStart::Never => false,
        };
        if connect.client_id.is_empty()
            && let Some(assigned) = &self.assigned_client_id
        {
            connect.client_id = assigned.clone();
        }
        // [MQTT-3.1.3-7] in 3.x nobody says by which name the session could be found again
        if connect.client_id.is_empty() && !self.version.is_v5() {
            connect.clean_start = true;
        }
        if self.version.is_v5() {
            let maximum = self.config.maximum_packet_size;
            let properties = &mut connect.properties;
            properties.receive_maximum = Some(self.config.receive_maximum);
            properties.maximum_packet_size =
                NonZeroU32::new(maximum).filter(|_| maximum < mqtt_codec::Rules::MAX_PACKET_SIZE);
            properties.topic_alias_maximum =
                Some(self.config.topic_alias_maximum).filter(|maximum| *maximum > 0);
        }
        self.generation = self.generation.wrapping_add(1);
        self.link = Some(Box::new(self.new_link(now, connect)));
    }

    fn new_link(&self, now: Time, connect: Connect) -> Link {
        let keep_alive = Duration::from_secs(u64::from(connect.keep_alive));
        let v5 = self.version.is_v5();
        Link {
            window: Window::new(self.version, self.config.queue.window.get(), self.state.outgoing.released()),
            answers: Answers::new(self.version, self.generation, u32::MAX),
            ping: Ping::new(now, keep_alive, self.config.ping_timeout),
            // 3.x knows no Receive Maximum, so no server can exceed it
            receive_maximum: if v5 { usize::from(self.config.receive_maximum.get()) } else { usize::MAX },
            server: ServerLimits::NONE,
            clean_start: connect.clean_start,
            codes_alone: connect.properties.request_problem_information == Some(false),
            exchange: Exchange::sent(&connect.view()).map(Box::new),
            closing: None,
            goodbye: None,
            expires_at_once: connect.properties.session_expiry.is_none_or(|span| span == Seconds(0)),
            phase: Phase::Connecting(Box::new(connect), now.after(self.config.connect_timeout)),
        }
    }

    pub(super) fn handle_connack(&mut self, connack: &ConnAckRef<'_>) -> Result<(), Violation> {
        let Some(link) = self.link.as_deref_mut() else { return Ok(()) };
        if connack.reason != ReasonCode::Success {
            self.close(CloseReason::Refused(connack.reason));
            return Ok(());
        }
        // [MQTT-3.2.2-4] who asks to resume has a session, be it an empty one; who starts clean has none
        if connack.session_present && link.clean_start {
            return Err(Violation::SessionPresent);
        }
        link.end_authentication(connack)?;
        link.phase = Phase::Connected;
        let properties = &connack.properties;
        let receive_maximum = properties.receive_maximum().map_or(u16::MAX, NonZeroU16::get);
        link.window.size = link.window.size.min(receive_maximum);
        link.window.maximum_packet_size = properties.maximum_packet_size().map_or(u32::MAX, NonZeroU32::get);
        let aliases = properties.topic_alias_maximum().unwrap_or(0).min(self.config.outgoing_topic_aliases);
        link.window.aliases = (aliases > 0).then(|| Box::new(OutgoingAliases::new(aliases)));
        // [MQTT-3.1.2-21]
        if let Some(seconds) = properties.server_keep_alive() {
            link.ping.set_interval(Duration::from_secs(u64::from(seconds)));
        }
        link.server = ServerLimits {
            maximum_qos: properties.maximum_qos().unwrap_or(QoS::ExactlyOnce),
            retain_available: properties.retain_available().unwrap_or(true),
            wildcards: properties.wildcard_subscription_available().unwrap_or(true),
            subscription_ids: properties.subscription_id_available().unwrap_or(true),
            shared: properties.shared_subscription_available().unwrap_or(true),
        };
        let server = link.server;
        if let Some(assigned) = properties.assigned_client_id() {
            self.assigned_client_id = Text::new(assigned).ok();
        }
        // 3.1 does not say: a server that forgot takes what is sent again for new, and subscriptions twice
        let unknown = self.version == Version::V3_1 && !link.clean_start && self.connected_before;
        // [MQTT-3.1.2-6] in 3.x
        let ended = core::mem::take(&mut self.ended_with_connection);
        let goes_on = !ended && (connack.session_present || unknown);
        let outlives = self.version.is_v5() || !link.clean_start;
        let expiry = if outlives { u32::MAX } else { 0 };
        self.state.effects.push(StoreOp::Attached { session_present: goes_on, expiry, will: None });
        if !goes_on {
            self.start_anew();
        }
        if (ended || !connack.session_present) && self.config.resubscribe {
            self.requests.subscribe_again();
        }
        self.connected_before = true;
        self.refuse_unsupported(server);
        self.events.push_back(ClientEvent::Connected(Box::new(connack.to_connack())));
        Ok(())
    }

    /// The server has no session: what the protocol remembers is discarded [MQTT-3.2.2-5], what the application
    /// wants is not.
    fn start_anew(&mut self) {
        let Some(link) = self.link.as_deref_mut() else { return };
        let State { outgoing, incoming, .. } = &mut self.state;
        incoming.clear();
        let events = &mut self.events;
        outgoing.begin_again(&mut link.window, |ticket| {
            events.push_back(ClientEvent::Acknowledged(ticket, ReasonCode::Success));
        });
    }

    /// Messages that waited for a server which does not take their kind.
    fn refuse_unsupported(&mut self, server: ServerLimits) {
        let Some(link) = self.link.as_deref_mut() else { return };
        let State { outgoing, effects, .. } = &mut self.state;
        let events = &mut self.events;
        outgoing.refuse(
            |qos, retain| super::commands::unsupported(&server, qos, retain),
            &mut link.window,
            effects,
            |ticket, error: PublishError| events.push_back(ClientEvent::Dropped(ticket, error)),
        );
    }
}

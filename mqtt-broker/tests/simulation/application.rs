//! What comes to a client's program, and whether it may.

use mqtt_codec::{Delivery, Packet, PacketRef, Publish, QoS, ReasonCode};
use mqtt_session::{ClientEvent, PublishError, Received};

use super::client::{EMPTY, number, payload};
use super::ledger::Got;
use super::log::{describe, describe_payload};
use super::plan::Fault;
use super::wire::Flights;
use super::world::World;

/// Messages that a client that hesitates may leave unacknowledged.
const HESITATION: usize = 3;

impl World {
    /// The client handles one packet.
    pub(crate) fn take(&mut self, client: usize, id: u64, packet: &PacketRef<'_>) {
        let owned = packet.to_packet();
        self.log.say(|| format!("c{client} <= {}", describe(&owned)));
        self.report.packets += 1;
        let this = &mut self.clients[client];
        let Some(link) = self.links.get_mut(&id) else { return };
        let received = this.session.handle_packet(self.now, packet);
        this.flights.handled(&mut link.upward, &owned);
        let (session, mut wrong) = (link.session, None);
        match &owned {
            Packet::ConnAck(connack) => {
                if connack.session_present != link.is_present {
                    wrong = Some(format!("Session Present is {}", connack.session_present));
                }
                let v5 = this.plan.version.is_v5();
                let before = this.known.replace((session, !v5 && link.is_clean));
                let has_changed = before.is_some_and(|(before, _)| before != session);
                if !connack.session_present || before.is_some_and(|(_, ended)| ended) {
                    this.flights = Flights::default();
                } else if has_changed {
                    return self.notice_gap(client);
                }
                this.take_effects();
            }
            Packet::SubAck(suback) => {
                let codes: Vec<u8> = suback.reasons.iter().map(|reason| *reason as u8).collect();
                let expected = link.answers.remove(&suback.id.get());
                if expected.as_ref() != Some(&codes) {
                    wrong = Some(format!("SUBACK has {codes:?} instead of {expected:?}"));
                }
            }
            Packet::UnsubAck(unsuback) => {
                let codes: Vec<u8> = unsuback.reasons.iter().map(|reason| *reason as u8).collect();
                let expected = link.answers.remove(&unsuback.id.get());
                if this.plan.version.is_v5() && expected.as_ref() != Some(&codes) {
                    wrong = Some(format!("UNSUBACK has {codes:?} instead of {expected:?}"));
                }
            }
            _ => {}
        }
        if let Some(Received::Message { receipt, .. }) = received
            && let Packet::Publish(publish) = &owned
        {
            if let Err(error) = self.check_delivery(client, session, publish) {
                let topic = &publish.message.topic;
                wrong = Some(format!("{:?} on {topic} {error}", describe_payload(publish)));
            }
            let this = &mut self.clients[client];
            let id = publish.delivery.id().filter(|_| publish.delivery.qos() == QoS::ExactlyOnce);
            this.receipts.extend(receipt.map(|receipt| (receipt, id)));
            if !this.plan.hesitates || this.receipts.len() > HESITATION {
                self.acknowledge(client);
            }
        }
        if let Some(wrong) = wrong {
            self.fail(format!("at c{client}: {wrong}"));
        }
    }

    /// The broker's session ended, the CONNACK that said so was lost, and now another session is present: nobody tells the
    /// client, whose state is that of the first. A program that could know would begin again; this one does.
    fn notice_gap(&mut self, client: usize) {
        self.report.gaps += 1;
        self.strike(client, Fault::Crash { clean: true, told: false });
    }

    fn check_delivery(&mut self, client: usize, session: u32, publish: &Publish) -> Result<(), String> {
        let topic = publish.message.topic.as_str();
        let Some(number) = number(topic, &publish.message.payload) else {
            return Err("has a payload that nobody sent".to_owned());
        };
        if number < EMPTY {
            let as_said = |(said, size): &(String, usize)| {
                *said == topic && payload(number, *size) == publish.message.payload
            };
            if !self.said.get(&number).is_some_and(as_said) {
                return Err("is not what was said".to_owned());
            }
        }
        let (id, dup) = match publish.delivery {
            Delivery::AtMostOnce => (None, false),
            Delivery::AtLeastOnce { id, dup } | Delivery::ExactlyOnce { id, dup } => (Some(id.get()), dup),
        };
        let mut ids: Vec<u32> = publish.subscription_ids.iter().map(|id| id.get()).collect();
        ids.sort_unstable();
        let this = &self.clients[client];
        let got = Got {
            number,
            topic: topic.to_owned(),
            qos: publish.delivery.qos(),
            retain: publish.retain,
            id,
            dup,
            expiry: publish.expiry.map(|seconds| seconds.0),
            ids,
            v5: this.plan.version.is_v5(),
            program: this.program,
        };
        self.report.deliveries += 1;
        self.model.deliver(session, self.now, &got)
    }

    /// The application takes all messages that it has.
    pub(crate) fn acknowledge(&mut self, client: usize) {
        let this = &mut self.clients[client];
        for (receipt, _) in this.receipts.drain(..) {
            this.session.acknowledge(receipt, ReasonCode::Success);
        }
        this.take_effects();
    }

    pub(crate) fn hear_events(&mut self, client: usize) {
        let this = &mut self.clients[client];
        let mut wrong = None;
        while let Some(event) = this.session.poll_event() {
            match event {
                ClientEvent::Taken(ticket) | ClientEvent::Acknowledged(ticket, _) => {
                    if let Some((number, _)) = this.promised.get(&ticket)
                        && *number < EMPTY
                        && !self.model.routed.contains_key(number)
                        && !this.resumes_blindly
                    {
                        wrong = Some(format!("{number} is acknowledged, but never came to the broker"));
                    }
                    this.taken.insert(ticket);
                    if matches!(event, ClientEvent::Acknowledged(..)) {
                        this.promised.remove(&ticket);
                    }
                }
                ClientEvent::Dropped(ticket, PublishError::Expired) => {
                    this.promised.remove(&ticket);
                }
                ClientEvent::Dropped(..)
                | ClientEvent::RequestFailed(..)
                | ClientEvent::SubscriptionLost(..) => wrong = Some(format!("{event:?}")),
                _ => {}
            }
        }
        if let Some(wrong) = wrong {
            self.fail(format!("at c{client}: {wrong}"));
        }
    }
}

//! What must be observable of messages between a client and a server, whatever happens on the way.

use std::collections::HashMap;

use mqtt_codec::{QoS, ReasonCode};
use mqtt_session::{ClientEvent, PublishError, Ticket, Time};

use super::common::Got;

/// A message that was sent. Its payload is its number.
#[derive(Debug, Default)]
struct Sent {
    qos: QoS,
    /// Seconds of life, and when they are over.
    expiry: Option<(u32, Time)>,
    delivered: usize,
    delivered_without_dup: usize,
    /// How often it may come again although it may come only once: a receiver has forgotten it so often.
    again: usize,
    /// A session that was to keep it is no more.
    lost: bool,
    /// What its sender was told last, for the client's.
    ended: bool,
}

/// The messages of one side.
#[derive(Debug, Default)]
pub(crate) struct Reference {
    messages: Vec<Sent>,
    last_first: Option<usize>,
    /// Deliveries that were looked at.
    seen: usize,
    tickets: HashMap<Ticket, usize>,
}

impl Reference {
    /// The payload of the next message.
    pub(crate) fn next(&self) -> String {
        self.messages.len().to_string()
    }

    pub(crate) fn sent(&mut self, now: Time, qos: QoS, expiry: Option<u32>, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            assert_eq!(self.tickets.insert(ticket, self.messages.len()), None);
        }
        let expiry = expiry.map(|seconds| (seconds, now.after_secs(seconds)));
        self.messages.push(Sent { qos, expiry, ..Sent::default() });
    }

    /// Looks at what came besides: each as it was sent, QoS 0 and 2 once, first deliveries in order, again only with DUP.
    pub(crate) fn observe(&mut self, got: &[Got]) {
        for got in &got[self.seen..] {
            let number: usize = got.payload.parse().expect("a number");
            let sent = &mut self.messages[number];
            assert_eq!((got.qos, got.topic.as_str(), got.retain), (sent.qos, "topic", false), "{got:?}");
            assert!(got.expiry <= sent.expiry.map(|(seconds, _)| seconds), "{got:?} lives longer");
            assert_eq!(got.expiry.is_some(), sent.expiry.is_some(), "{got:?}");
            if sent.delivered == 0 {
                assert!(self.last_first < Some(number), "{number} comes after {:?}", self.last_first);
                self.last_first = Some(number);
            }
            sent.delivered += 1;
            let may_come = got.qos == QoS::AtLeastOnce || sent.delivered <= 1 + sent.again;
            assert!(may_come, "{got:?} came again: {sent:?}");
            if !got.dup {
                sent.delivered_without_dup += 1;
                assert!(sent.delivered_without_dup <= 1 + sent.again, "{got:?} came again without DUP");
            }
        }
        self.seen = got.len();
    }

    /// Looks at what the client's application is told of its messages.
    pub(crate) fn told(&mut self, now: Time, event: &ClientEvent) {
        let (ticket, ended) = match event {
            ClientEvent::Acknowledged(ticket, reason) => {
                assert_eq!(*reason, ReasonCode::Success);
                (ticket, true)
            }
            ClientEvent::Dropped(ticket, error) => {
                assert_eq!(*error, PublishError::Expired);
                (ticket, true)
            }
            ClientEvent::Written(ticket) | ClientEvent::Taken(ticket) => (ticket, false),
            _ => return,
        };
        let number = self.tickets[ticket];
        let sent = &mut self.messages[number];
        assert!(!sent.ended, "{number} had ended before {event:?}: {sent:?}");
        match event {
            ClientEvent::Dropped(..) => {
                assert!(sent.expiry.is_some_and(|(_, at)| at <= now), "{number} has not expired: {sent:?}");
                assert!(sent.delivered == 0 || sent.again > 0, "{number} expired after it came: {sent:?}");
            }
            ClientEvent::Acknowledged(..) | ClientEvent::Taken(_) => {
                assert!(sent.qos != QoS::AtMostOnce && sent.delivered > 0, "{event:?} for {sent:?}");
            }
            _ => {}
        }
        sent.ended = ended || sent.qos == QoS::AtMostOnce;
    }

    /// The sender's session is no more, and whatever it had to send.
    pub(crate) fn sender_lost(&mut self) {
        self.messages.iter_mut().for_each(|sent| sent.lost = true);
        self.tickets.clear();
    }

    /// The receiver has forgotten what came: what the sender has not heard to be there may come again.
    pub(crate) fn receiver_lost(&mut self) {
        self.messages.iter_mut().filter(|sent| !sent.ended).for_each(|sent| sent.again += 1);
    }

    /// The sender has crashed, and its store `needs` what is not over: messages of QoS 1 may come as if for the first
    /// time. Of those that it does not need it tells nothing more.
    pub(crate) fn sender_crashed(&mut self, needs: impl Fn(usize) -> bool) {
        self.tickets.retain(|_, number| needs(*number));
        for (number, sent) in self.messages.iter_mut().enumerate() {
            if needs(number) {
                sent.ended = false;
                sent.again += usize::from(sent.qos == QoS::AtLeastOnce);
            }
            sent.lost |= sent.qos == QoS::AtMostOnce;
        }
    }

    /// The receiver has crashed: what its application does not have for good comes again.
    pub(crate) fn receiver_crashed(&mut self, has: impl Fn(usize) -> bool) {
        for (number, sent) in self.messages.iter_mut().enumerate() {
            sent.again += usize::from(sent.delivered > 0 && !has(number));
        }
    }

    /// All is at rest: QoS 1 and 2 have come, and their sender knows.
    pub(crate) fn settled(&self, now: Time) {
        for (number, sent) in self.messages.iter().enumerate().filter(|(_, sent)| sent.qos != QoS::AtMostOnce)
        {
            let expired = sent.expiry.is_some_and(|(_, at)| at <= now);
            assert!(sent.delivered > 0 || sent.lost || expired, "{number} is lost: {sent:?}");
        }
        for (ticket, number) in &self.tickets {
            let sent = &self.messages[*number];
            assert!(sent.ended, "nobody has heard of {ticket:?}, {number}: {sent:?}");
        }
    }
}

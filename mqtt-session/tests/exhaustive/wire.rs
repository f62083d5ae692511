//! One direction of messages as an onlooker sees it, and what the standard wants to be so.

use std::collections::BTreeSet;

use mqtt_codec::{PacketId, PacketRef, PacketType, PublishRef, QoS, ReasonCode};

/// What may be open towards a receiver.
pub(crate) const WINDOW: u16 = 2;

type Judgement = Result<(), String>;

/// An exchange that the sender has begun and not ended.
#[derive(Clone, Debug, Hash)]
struct Exchange {
    id: PacketId,
    message: usize,
    /// Whether PUBLISH was sent on this connection.
    here: bool,
    /// Whether PUBREC has come.
    taken: bool,
}

/// The messages of one sender; `plan` names their QoS in the order in which they are sent.
#[derive(Clone, Debug, Hash)]
pub(crate) struct Wire {
    plan: &'static [QoS],
    pub(crate) sent: usize,
    open: Vec<Exchange>,
    /// Exchanges that the sender has ended.
    ended: Vec<bool>,
    /// The last PUBLISH of this connection.
    last: Option<usize>,
    /// PUBLISHes of this connection that the receiver has not answered, in their order.
    owed: Vec<(QoS, PacketId, usize)>,
    /// PUBRELs of this connection that the receiver has not answered.
    owed_pubcomps: Vec<PacketId>,
    deliveries: Vec<u8>,
    /// Whether the application has taken what was delivered last.
    taken: Vec<bool>,
    last_first: Option<usize>,
    /// Messages before this one went to a session that is no more.
    lost: usize,
    /// The receiver has forgotten that it took messages.
    forgot: bool,
}

/// Which message it is.
pub(crate) fn number(publish: &PublishRef<'_>) -> usize {
    publish.message.payload.first().map_or(usize::MAX, |byte| usize::from(*byte))
}

impl Wire {
    pub(crate) fn new(plan: &'static [QoS]) -> Self {
        Self {
            plan,
            sent: 0,
            open: Vec::new(),
            ended: vec![false; plan.len()],
            last: None,
            owed: Vec::new(),
            owed_pubcomps: Vec::new(),
            deliveries: vec![0; plan.len()],
            taken: vec![false; plan.len()],
            last_first: None,
            lost: 0,
            forgot: false,
        }
    }

    /// The QoS of the message that is sent next.
    pub(crate) fn next(&self) -> Option<QoS> {
        self.plan.get(self.sent).copied()
    }

    /// The sender writes `packet`.
    pub(crate) fn written_by_sender(&mut self, packet: &PacketRef<'_>) -> Judgement {
        match packet {
            PacketRef::Publish(publish) => self.published(publish),
            PacketRef::PubRel(ack) => match self.open.iter().find(|exchange| exchange.id == ack.id) {
                Some(Exchange { taken: true, .. }) => Ok(()),
                _ => Err(format!("PUBREL {} without PUBREC", ack.id)),
            },
            _ => Ok(()),
        }
    }

    fn published(&mut self, publish: &PublishRef<'_>) -> Judgement {
        let message = number(publish);
        if self.last >= Some(message) {
            return Err(format!("PUBLISH of {message} after that of {:?}", self.last));
        }
        self.last = Some(message);
        if publish.delivery.qos() != self.plan[message] || self.ended[message] {
            return Err(format!("another PUBLISH of {message}, or of another QoS"));
        }
        let Some(id) = publish.delivery.id() else {
            self.ended[message] = true;
            return Ok(());
        };
        let dup = publish.delivery.dup();
        match self.open.iter_mut().find(|exchange| exchange.id == id || exchange.message == message) {
            Some(exchange) if exchange.id != id || exchange.message != message => {
                return Err(format!("{message} goes out with {id} while there is {exchange:?}"));
            }
            Some(exchange) if exchange.taken || exchange.here => {
                return Err(format!("{message} is sent again, but {exchange:?}"));
            }
            Some(_) if !dup => return Err(format!("{message} is sent again without DUP")),
            Some(exchange) => exchange.here = true,
            None if dup => return Err(format!("{message} has DUP at first")),
            None => self.open.push(Exchange { id, message, here: true, taken: false }),
        }
        let here = self.open.iter().filter(|exchange| exchange.here).count();
        if here > usize::from(WINDOW) { Err(format!("{here} messages are open")) } else { Ok(()) }
    }

    /// The receiver writes `packet`.
    pub(crate) fn written_by_receiver(&mut self, packet: &PacketRef<'_>) -> Judgement {
        let (qos, id) = match packet {
            PacketRef::PubAck(ack) => (QoS::AtLeastOnce, ack.id),
            PacketRef::PubRec(ack) => (QoS::ExactlyOnce, ack.id),
            PacketRef::PubComp(ack) => {
                let owed = self.owed_pubcomps.iter().position(|id| *id == ack.id);
                self.owed_pubcomps.remove(owed.ok_or("a PUBCOMP too many")?);
                return Ok(());
            }
            _ => return Ok(()),
        };
        match self.owed.iter().position(|owed| owed.0 == qos) {
            Some(index) if self.owed[index].1 == id => {
                let (.., message) = self.owed.remove(index);
                if self.taken[message] {
                    Ok(())
                } else {
                    Err(format!("{message} is answered before it is taken"))
                }
            }
            _ => Err(format!("{qos:?} {id} is answered, but owed is {:?}", self.owed)),
        }
    }

    /// `packet` comes to the receiver.
    pub(crate) fn read_by_receiver(&mut self, packet: &PacketRef<'_>) {
        match packet {
            PacketRef::Publish(publish) => {
                if let Some(id) = publish.delivery.id() {
                    self.owed.push((publish.delivery.qos(), id, number(publish)));
                }
            }
            PacketRef::PubRel(ack) => self.owed_pubcomps.push(ack.id),
            _ => {}
        }
    }

    /// `packet` comes to the sender.
    pub(crate) fn read_by_sender(&mut self, packet: &PacketRef<'_>) {
        let (ack, ends) = match packet {
            PacketRef::PubAck(ack) | PacketRef::PubComp(ack) => (ack, true),
            PacketRef::PubRec(ack) => (ack, ack.reason.is_error()),
            _ => return,
        };
        let Some(index) = self.open.iter().position(|exchange| exchange.id == ack.id) else { return };
        if ends {
            let message = self.open.remove(index).message;
            self.ended[message] = true;
        } else {
            self.open[index].taken = true;
        }
    }

    /// The receiver's application is given a message.
    pub(crate) fn delivered(&mut self, message: usize) -> Judgement {
        self.deliveries[message] += 1;
        self.taken[message] = false;
        let deliveries = self.deliveries[message];
        if deliveries == 1 {
            if self.last_first >= Some(message) {
                return Err(format!("{message} is first delivered after {:?}", self.last_first));
            }
            self.last_first = Some(message);
        }
        let most = if self.forgot { 2 } else { 1 };
        match self.plan[message] {
            QoS::AtLeastOnce => Ok(()),
            qos if deliveries > most => Err(format!("{message} of {qos:?} came again")),
            _ => Ok(()),
        }
    }

    pub(crate) fn taken(&mut self, message: usize) {
        self.taken[message] = true;
    }

    /// The sender hears that the connection has ended.
    pub(crate) fn sender_cut(&mut self) {
        self.last = None;
        self.open.iter_mut().for_each(|exchange| exchange.here = false);
    }

    /// The receiver hears that the connection has ended.
    pub(crate) fn receiver_cut(&mut self) {
        self.owed.clear();
        self.owed_pubcomps.clear();
    }

    /// The sender has crashed: what its store has is `exchanges`, and the messages that it `needs`. Those of QoS 1 come
    /// again with other identifiers.
    pub(crate) fn sender_crashed(
        &mut self,
        exchanges: Vec<(PacketId, usize, bool)>,
        needs: impl Fn(usize) -> bool,
    ) {
        self.sender_cut();
        let exchange = |(id, message, taken)| Exchange { id, message, here: false, taken };
        self.open = exchanges.into_iter().map(exchange).collect();
        for message in 0..self.sent {
            let open = self.open.iter().any(|exchange| exchange.message == message);
            self.ended[message] = self.plan[message] == QoS::AtMostOnce || !(open || needs(message));
        }
    }

    /// The receiver has crashed: what its application has is `durable`.
    pub(crate) fn receiver_crashed(&mut self, durable: &BTreeSet<usize>) {
        self.receiver_cut();
        for message in 0..self.plan.len() {
            if self.plan[message] != QoS::AtMostOnce && !durable.contains(&message) {
                (self.deliveries[message], self.taken[message]) = (0, false);
            }
        }
        // what was delivered, but not taken, comes again
        self.last_first = None;
    }

    /// The sender has lost what it had to send.
    pub(crate) fn sender_lost(&mut self) {
        self.lost = self.sent;
    }

    /// The receiver has lost what it knew.
    pub(crate) fn receiver_lost(&mut self) {
        self.forgot = true;
    }

    /// A new session begins: exchanges of the old one mean nothing, and what was taken is not sent in it.
    pub(crate) fn session_lost(&mut self) {
        for exchange in self.open.drain(..) {
            self.ended[exchange.message] |= exchange.taken;
        }
    }

    /// Nothing more will happen.
    pub(crate) fn check_end(&self, faultless: bool) -> Judgement {
        for (message, qos) in self.plan.iter().enumerate().skip(self.lost) {
            if self.deliveries[message] == 0 && (faultless || *qos != QoS::AtMostOnce) {
                return Err(format!("{message} of {qos:?} is lost"));
            }
        }
        if self.sent < self.plan.len() || !self.owed.is_empty() || !self.owed_pubcomps.is_empty() {
            return Err("not everything is answered".into());
        }
        Ok(())
    }
}

/// Whether `packet` is one of an exchange, and of this side as its sender.
pub(crate) fn is_of_sender(packet: &PacketRef<'_>) -> bool {
    matches!(packet.packet_type(), PacketType::Publish | PacketType::PubRel)
}

/// Whether `packet` says that something is wrong.
pub(crate) fn blames(packet: &PacketRef<'_>) -> bool {
    match packet {
        PacketRef::PubAck(ack) | PacketRef::PubRec(ack) => ack.reason.is_error(),
        PacketRef::ConnAck(connack) => connack.reason != ReasonCode::Success,
        PacketRef::Disconnect(_) => true,
        _ => false,
    }
}

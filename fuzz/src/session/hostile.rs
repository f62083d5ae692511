//! One session of either role, and a peer that nobody vouches for.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use arbitrary::{Result, Unstructured};
use mqtt_codec::{PacketRef, QoS, ReasonCode, Version};
use mqtt_session::{CloseReason, Time};

use super::victim::{PACKET_IDS, QUEUED, Victim, WINDOW, number};

/// Steps of one input.
const STEPS: usize = 300;
/// Packets after which a peer that answers everything must have all that there is.
const ENOUGH: usize = 1_000;

/// Finds panics, packets that the peer could not read, windows and queues beyond their limits, identifiers that are used
/// twice, messages from a connection that was given up, connections that go on after their end, and quotas or identifiers
/// that a peer can take away for good: at the end comes one that answers, and must get everything.
///
/// The input says which role and version there is, then what the peer sends and the application does. The peer sends
/// packets, most of them with identifiers that are in use, and bytes.
pub fn hostile(data: &[u8]) {
    let u = &mut Unstructured::new(data);
    let version = [Version::V3_1, Version::V3_1_1, Version::V5][usize::from(byte(u)) % 3];
    let mut attack = Attack::new(Victim::new(byte(u) & 1 == 0, version), version);
    attack.connect(byte(u));
    for _ in 0..STEPS {
        // an input that ends early is as good as one that goes on
        if attack.step(u).is_err() {
            break;
        }
    }
    attack.make_peace();
}

fn byte(u: &mut Unstructured<'_>) -> u8 {
    u.arbitrary().unwrap_or(0)
}

/// How far a message of the session has come on this connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Open {
    Published(QoS),
    Released,
}

struct Attack {
    victim: Victim,
    version: Version,
    now: Time,
    /// What the session has open on this connection, by identifier.
    open: BTreeMap<u16, Open>,
    /// The Receive Maximum of this connection.
    receive_maximum: usize,
}

impl Attack {
    fn new(victim: Victim, version: Version) -> Self {
        let now = Time::from_secs(1_000);
        Self { victim, version, now, open: BTreeMap::new(), receive_maximum: usize::from(WINDOW) }
    }

    /// A connection begins, which is accepted; `how` says whether a session is there, and the Receive Maximum.
    fn connect(&mut self, how: u8) {
        self.open.clear();
        let maximum = NonZeroU16::new(u16::from(how >> 1) % 5).filter(|_| self.version.is_v5());
        self.receive_maximum = maximum.map_or(WINDOW, |maximum| maximum.get().min(WINDOW)).into();
        self.victim.connect(self.now, self.version, how & 1 == 0, maximum);
    }

    fn step(&mut self, u: &mut Unstructured<'_>) -> Result<()> {
        if u.is_empty() {
            return Err(arbitrary::Error::NotEnoughData);
        }
        match u.int_in_range(0..=15)? {
            0..7 => {
                let packet = packet(u, self.version)?;
                self.receive(&packet);
            }
            7 => {
                let len = u.int_in_range(1..=12)?;
                let bytes = u.bytes(len)?.to_vec();
                self.receive(&bytes);
            }
            8 | 9 => {
                let written = self.victim.send(self.now, *u.choose(&QoS::ALL)?);
                self.judge(&written, None);
            }
            10 => self.victim.request(u.arbitrary()?),
            11 => self
                .victim
                .take(u.int_in_range(0..=3)?, *u.choose(&[ReasonCode::Success, ReasonCode::QuotaExceeded])?),
            12 => {
                self.now = self.now.after_secs(u.int_in_range(0..=40)?);
                self.victim.timeout(self.now);
            }
            13 => self.connect(u.arbitrary()?),
            _ => drop(self.poll()),
        }
        self.check();
        Ok(())
    }

    /// Bytes of the peer, which are whole packets or are no packets.
    fn receive(&mut self, bytes: &[u8]) {
        let (open, version) = (&mut self.open, self.version);
        let closed = self.victim.close_reason();
        let message = self.victim.receive(self.now, bytes, |packet| note_answer(open, packet, version));
        assert!(closed.is_none() || !message, "a message from a connection that was given up: {closed:?}");
    }

    /// What the session writes, judged.
    fn poll(&mut self) -> Vec<Vec<u8>> {
        let closed = self.victim.close_reason();
        let written = self.victim.poll(self.now);
        self.judge(&written, closed);
        written
    }

    /// Looks at what was written while there was a reason to close, or was none.
    fn judge(&mut self, written: &[Vec<u8>], closed: Option<CloseReason>) {
        for frame in written {
            let packet = self.victim.read(frame, self.version);
            if let PacketRef::Publish(publish) = &packet
                && let Some(id) = publish.delivery.id()
            {
                let before = self.open.insert(id.get(), Open::Published(publish.delivery.qos()));
                assert_eq!(before, None, "{id} is in use");
                assert!(id <= PACKET_IDS && self.open.len() <= self.receive_maximum, "{:?}", self.open);
            }
            let last = matches!(packet, PacketRef::Disconnect(_) | PacketRef::ConnAck(_));
            assert!(closed.is_none() || last, "{packet:?} after {closed:?}");
        }
    }

    /// Limits hold, whoever broke which rule.
    fn check(&self) {
        let (queued, in_flight) = (self.victim.queued(), self.victim.in_flight());
        assert!(in_flight <= usize::from(PACKET_IDS.get()), "{in_flight} are in flight");
        assert!(queued <= QUEUED + usize::from(PACKET_IDS.get()), "{queued} wait");
        self.victim.check();
    }

    /// A peer that keeps to the rules: whatever there was before, everything comes to an end.
    fn make_peace(mut self) {
        self.connect(0);
        for _ in 0..ENOUGH {
            let written = self.poll();
            self.victim.take(usize::MAX, ReasonCode::Success);
            if written.is_empty() && self.victim.waiting() == 0 {
                break;
            }
            for frame in written {
                let answer = answer(&self.victim.read(&frame, self.version), self.version);
                answer.iter().for_each(|answer| self.receive(answer));
            }
        }
        assert_eq!(self.victim.close_reason(), None);
        assert_eq!((self.victim.queued(), self.victim.in_flight(), self.open.len()), (0, 0, 0));
    }
}

/// The peer answers a message; what fits nothing ends the connection, or means nothing.
fn note_answer(open: &mut BTreeMap<u16, Open>, packet: &PacketRef<'_>, version: Version) {
    let (id, before, after) = match packet {
        PacketRef::PubAck(ack) => (ack.id, Open::Published(QoS::AtLeastOnce), None),
        PacketRef::PubRec(ack) if ack.reason.is_error() && version.is_v5() => {
            (ack.id, Open::Published(QoS::ExactlyOnce), None)
        }
        PacketRef::PubRec(ack) => (ack.id, Open::Published(QoS::ExactlyOnce), Some(Open::Released)),
        PacketRef::PubComp(ack) => (ack.id, Open::Released, None),
        _ => return,
    };
    if open.get(&id.get()) == Some(&before) {
        open.remove(&id.get());
        open.extend(after.map(|after| (id.get(), after)));
    }
}

/// A packet that a peer might send, right or wrong.
fn packet(u: &mut Unstructured<'_>, version: Version) -> Result<Vec<u8>> {
    let id = u.int_in_range(0..=PACKET_IDS.get() as u8 + 1)?;
    let v5 = version.is_v5();
    let no_properties: &[u8] = if v5 { &[0] } else { &[] };
    let (kind, body) = match u.int_in_range(0..=12)? {
        0..4 => {
            let flags = u.int_in_range(0..=15_u8)?;
            let qos0 = flags >> 1 & 3 == 0;
            let id: &[u8] = if qos0 { &[] } else { &[0, id] };
            (0x30 | flags, [&[0, 1, b't'], id, no_properties, &[u.arbitrary()?]].concat())
        }
        4..8 => {
            let kind = *u.choose(&[0x40, 0x50, 0x62, 0x70])?;
            let reason: &[u8] =
                if v5 && u.ratio(1, 4)? { &[*u.choose(&[0x10, 0x80, 0x92, 0x97])?] } else { &[] };
            (kind, [&[0, id], reason].concat())
        }
        8 => (0x82, [&[0, id], no_properties, &[0, 1, b'f', u.int_in_range(0..=3)?]].concat()),
        9 => (0xA2, [&[0, id], no_properties, &[0, 1, b'f']].concat()),
        10 => {
            let reasons = [u.arbitrary()?; 2];
            (
                *u.choose(&[0x90, 0xB0])?,
                [&[0, id], no_properties, &reasons[..u.int_in_range(0..=2)?]].concat(),
            )
        }
        11 => (*u.choose(&[0xC0, 0xD0, 0xE0])?, Vec::new()),
        _ => {
            let (kind, len) = (*u.choose(&[0x20, 0xF0, 0x10])?, u.int_in_range(0..=4)?);
            (kind, u.bytes(len)?.to_vec())
        }
    };
    Ok([&[kind, body.len() as u8][..], &body].concat())
}

/// What a peer that keeps to the rules answers.
fn answer(packet: &PacketRef<'_>, version: Version) -> Option<Vec<u8>> {
    let no_properties: &[u8] = if version.is_v5() { &[0] } else { &[] };
    let ack = |kind, id: mqtt_codec::PacketId| {
        let [high, low] = id.get().to_be_bytes();
        vec![kind, 2, high, low]
    };
    Some(match packet {
        PacketRef::Publish(publish) => match publish.delivery.qos() {
            QoS::AtMostOnce => return None,
            QoS::AtLeastOnce => ack(0x40, publish.delivery.id()?),
            QoS::ExactlyOnce => ack(0x50, publish.delivery.id()?),
        },
        PacketRef::PubRec(pubrec) if !pubrec.reason.is_error() => ack(0x62, pubrec.id),
        PacketRef::PubRel(pubrel) => ack(0x70, pubrel.id),
        PacketRef::Subscribe(subscribe) => {
            let body = [&number(subscribe.id)[..], no_properties, &vec![0; subscribe.filters.iter().count()]]
                .concat();
            [&[0x90, body.len() as u8][..], &body].concat()
        }
        PacketRef::Unsubscribe(unsubscribe) => {
            let reasons = if version.is_v5() { unsubscribe.filters.iter().count() } else { 0 };
            let body = [&number(unsubscribe.id)[..], no_properties, &vec![0; reasons]].concat();
            [&[0xB0, body.len() as u8][..], &body].concat()
        }
        PacketRef::PingReq => vec![0xD0, 0],
        _ => return None,
    })
}

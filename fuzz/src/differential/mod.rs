//! Two other codecs read what ours reads.

mod explained;
mod protocol_core;
mod rmqtt;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

use mqtt_codec::{DecodeError, Packet, PacketRef, Role, Rules, Version};

pub use explained::CLASSES;

/// Another codec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    ProtocolCore,
    Rmqtt,
}

/// What another codec makes of a packet.
#[derive(Debug)]
enum Verdict {
    Refused,
    /// It reads the packet; these bytes it writes for what it has read, `None` if it cannot.
    Accepted(Option<Vec<u8>>),
    Panicked,
}

/// Finds packets that ours refuses and another codec reads, packets that ours reads and another refuses, and packets
/// in which they read different values, each unless `DIFFERENCES.md` says why.
///
/// The input is a byte for version and reader, the first byte of a packet, and its body. Values are compared in the
/// bytes that the other codec writes for what it has read.
pub fn differential(data: &[u8]) {
    let Some(case) = Case::new(data) else { return };
    for (other, verdict) in case.verdicts() {
        if let Err(difference) = case.compare(other, &verdict) {
            panic!("{other:?} {verdict:02X?}\n{difference}\n{:02X?} in {}", case.frame, case.rules.version);
        }
    }
}

struct Case {
    frame: Vec<u8>,
    rules: Rules,
    ours: Result<Packet, DecodeError>,
}

impl Case {
    fn new(data: &[u8]) -> Option<Self> {
        let [choice, first, body @ ..] = data else { return None };
        let version = if choice & 1 == 0 { Version::V3_1_1 } else { Version::V5 };
        let role = if choice & 2 == 0 { Role::Server } else { Role::Client };
        let rules = Rules::new(version, role);
        let mut frame = vec![*first];
        let mut len = body.len();
        while len >= 128 {
            frame.push(len as u8 | 0x80);
            len >>= 7;
        }
        frame.push(len as u8);
        frame.extend_from_slice(body);
        let ours = PacketRef::decode(&frame, &rules).map(|packet| packet.to_packet());
        // a CONNECT names its version: the others would be asked for another
        if matches!(&ours, Ok(Packet::Connect(connect)) if connect.version != version) {
            return None;
        }
        Some(Self { frame, rules, ours })
    }

    fn verdicts(&self) -> [(Other, Verdict); 2] {
        let version = self.rules.version;
        [
            (Other::ProtocolCore, caught(|| protocol_core::read(&self.frame, version))),
            (Other::Rmqtt, caught(|| rmqtt::read(&self.frame, version))),
        ]
    }

    fn compare(&self, other: Other, verdict: &Verdict) -> Result<(), String> {
        let explained = match (&self.ours, verdict) {
            (Err(_), Verdict::Refused) => return Ok(()),
            (_, Verdict::Panicked) => None,
            (Err(error), Verdict::Accepted(_)) => explained::lenient(other, error, &self.frame),
            (Ok(packet), Verdict::Refused) => {
                explained::strict(other, packet, &self.frame, self.rules.version)
            }
            (Ok(_), Verdict::Accepted(None)) => None,
            (Ok(packet), Verdict::Accepted(Some(written))) => match PacketRef::decode(written, &self.rules) {
                Ok(theirs) if theirs == packet.view() => return Ok(()),
                Ok(theirs) => explained::different(other, packet, &theirs.to_packet()),
                Err(_) => None,
            },
        };
        explained.map(|_| ()).ok_or_else(|| format!("{:?}", self.ours))
    }
}

thread_local! {
    static ELSEWHERE: Cell<bool> = const { Cell::new(false) };
}

/// Runs another codec, whose panics are its own affair.
fn caught(read: impl FnOnce() -> Verdict) -> Verdict {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        // the fuzzer's hook ends the process
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !ELSEWHERE.get() {
                before(info);
            }
        }));
    });
    ELSEWHERE.set(true);
    let verdict = catch_unwind(AssertUnwindSafe(read)).unwrap_or(Verdict::Panicked);
    ELSEWHERE.set(false);
    verdict
}

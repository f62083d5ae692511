//! What it costs a broker that a client comes and goes.

use std::io::Read;
use std::time::Instant;

use super::measure::{Sample, Snapshot};
use super::options::Options;
use super::packets::Afterwards;
use super::packets::DISCONNECT_PACKET;
use super::program::Program;
use super::setup::{Accepted, io_void, open, send_connect};
use super::void::{Peer, Void};
use super::wire::Target;

/// Measures connections that are opened, accepted, and closed after DISCONNECT, a batch of `--pairs` at a time.
pub(crate) fn measure(options: &Options, program: &Program) -> Result<Sample, Void> {
    let broker = program.start()?;
    let target = broker.target();
    let deadline = Instant::now() + options.limit;
    let wanted = options.messages.unwrap_or(CONNECTIONS);
    let mut count = batch(options, target)?;
    let before = Snapshot::take(broker.process(), count)?;
    while count < before.count() + wanted {
        if Instant::now() >= deadline {
            return Err(Void::OverTime(options.limit));
        }
        count += batch(options, target)?;
    }
    Ok(Snapshot::take(broker.process(), count)?.since(&before))
}

/// Every step for all clients before the next step, so that the broker finds several connections ready.
fn batch(options: &Options, target: &Target) -> Result<u64, Void> {
    let mut connecting = Vec::new();
    for number in 0..options.pairs() {
        let peer = Peer::Client(number);
        connecting.push((open(target, peer)?, peer));
    }
    for (wire, peer) in &mut connecting {
        send_connect(wire, *peer, options.version, Afterwards::Ends)?;
    }
    let mut accepted = Vec::new();
    for (wire, peer) in connecting {
        accepted.push(Accepted::await_connack(wire, peer, options.version)?);
    }
    for client in &mut accepted {
        client.send(&DISCONNECT_PACKET)?;
    }
    for client in &mut accepted {
        // The broker closes, which shows that it is done with this client.
        match client.wire.read(&mut [0]) {
            Ok(0) => {}
            Ok(_) => return Err(Void::Unexpected(client.peer, 0)),
            Err(error) => return Err(io_void(client.peer, error)),
        }
    }
    Ok(accepted.len() as u64)
}

/// In one measurement unless `--messages` says otherwise: fewer than the ports a system has for outgoing connections.
const CONNECTIONS: u64 = 5000;

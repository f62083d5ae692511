//! What a connection costs a broker that has one subscription and no traffic.

use std::time::Instant;

use super::options::Options;
use super::packets::Afterwards;
use super::proc::resident_memory;
use super::program::Program;
use super::setup::Accepted;
use super::void::{Peer, Void};

/// Resident memory per connection in bytes.
pub(crate) fn measure(options: &Options, program: &Program, qos: u8) -> Result<f64, Void> {
    let broker = program.start()?;
    let target = broker.target();
    let connect = |number| {
        let accepted = Accepted::connect(target, Peer::Client(number), options.version, Afterwards::Ends)?;
        accepted.subscribe(&format!("load/{number:05}"), qos)
    };
    // The first connection pays for what exists once.
    let mut clients = vec![connect(0)?];
    let before = resident_memory(broker.process()).map_err(Void::Proc)?;
    let deadline = Instant::now() + options.limit;
    for number in 1..=options.pairs() {
        if Instant::now() > deadline {
            return Err(Void::OverTime(options.limit));
        }
        clients.push(connect(number)?);
    }
    let after = resident_memory(broker.process()).map_err(Void::Proc)?;
    Ok((after as f64 - before as f64) / f64::from(options.pairs()))
}

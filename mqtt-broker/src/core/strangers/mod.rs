//! Strangers: connections whose client is not known yet, counted in all and by their address.
//!
//! ```text
//!   accept ──admit──> Guest ──leave──> a client, or gone, or failed
//!              │                                          │
//!            Limit: the door stays shut              held against its address
//! ```
//!
//! [`Strangers`] is one value for the broker, since an address may knock at every shard. An address is a
//! [`Network`]: what one subscriber is usually given. What is known of it is forgotten as soon as nothing is held
//! against it, so an address costs memory only while it has connections here or has misbehaved. Where too many are
//! known, the one that would be forgotten first makes room: to have an offender forgotten, a flood from other
//! addresses must misbehave more than the offender did, from more addresses than there are places.

mod budget;
mod limit;
mod record;
mod visit;

use std::collections::BTreeSet;

use ::core::net::IpAddr;
use foldhash::fast::FixedState;
use hashbrown::HashMap;
use mqtt_session::Time;

use crate::config::{LobbyLimits, Network};
use record::Record;

pub use budget::Budget;
pub use limit::{Limit, Stage};
pub use visit::Visit;

/// How many addresses that may be forgotten are looked for when another one comes.
const FORGOTTEN_AT_ONCE: usize = 2;

/// All strangers of the broker.
#[derive(Debug)]
pub struct Strangers {
    limits: LobbyLimits,
    half_open: usize,
    records: HashMap<Network, Record, FixedState>,
    /// Addresses without connections here, by the time at which nothing is held against them.
    idle: BTreeSet<(Time, Network)>,
}

/// A place among the strangers. It is given back by [`Strangers::leave`].
#[derive(Debug)]
#[must_use = "the place is lost unless it is given back"]
pub struct Guest {
    /// Whose limits it counts in; exempt addresses have none.
    network: Option<Network>,
}

/// How a connection has left the strangers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It belongs to a client now.
    Accepted,
    /// It has ended by itself, or because the broker wanted it.
    Gone,
    /// It was refused for what it did, or did not do in time.
    Failed,
}

impl Strangers {
    /// Nobody yet. The seed decides about nothing but places in memory; it should not be guessed by strangers.
    pub fn new(limits: LobbyLimits, seed: u64) -> Self {
        let records = HashMap::with_hasher(FixedState::with_seed(seed));
        Self { limits, half_open: 0, records, idle: BTreeSet::new() }
    }

    /// Other limits from now on; whoever is here stays.
    pub fn set_limits(&mut self, limits: LobbyLimits) {
        self.limits = limits;
        let Self { limits, records, idle, .. } = self;
        let idle_at = |(network, record): (&Network, &Record)| Some((record.idle_at(limits)?, *network));
        *idle = records.iter().filter_map(idle_at).collect();
    }

    /// Takes in a connection. One without an address, such as a local socket, is only counted in all.
    ///
    /// # Errors
    /// Which limit keeps it out. [`Limit::HalfOpen`] is the last that is looked at: then another stranger may make room.
    pub fn admit(&mut self, now: Time, address: Option<IpAddr>) -> Result<Guest, Limit> {
        let network = address.and_then(|address| self.network(address));
        if let Some(network) = network {
            match self.records.get(&network) {
                Some(record) => record.check(now, &self.limits)?,
                None => self.make_room(now)?,
            }
        }
        if self.half_open >= self.limits.half_open {
            return Err(Limit::HalfOpen);
        }
        self.half_open += 1;
        if let Some(network) = network {
            self.change(network, |record, limits| record.admit(now, limits));
        }
        Ok(Guest { network })
    }

    /// The connection is of another address than it seemed: its proxy has said so. Its place stays its own.
    ///
    /// # Errors
    /// Which limit of that address keeps it out; then it still counts where it did.
    pub fn readdress(&mut self, now: Time, guest: &mut Guest, address: IpAddr) -> Result<(), Limit> {
        let network = self.network(address);
        if let Some(network) = network {
            match self.records.get(&network) {
                Some(record) => record.check(now, &self.limits)?,
                None => self.make_room(now)?,
            }
            self.change(network, |record, limits| record.admit(now, limits));
        }
        if let Some(old) = std::mem::replace(&mut guest.network, network) {
            self.change(old, |record, _| record.leave());
        }
        Ok(())
    }

    /// Gives the place of a connection back.
    pub fn leave(&mut self, now: Time, guest: Guest, departure: Departure) {
        self.half_open = self.half_open.saturating_sub(1);
        let Some(network) = guest.network else { return };
        self.change(network, |record, limits| {
            record.leave();
            if departure == Departure::Failed {
                record.fail(now, limits);
            }
        });
    }

    /// Connections that have a place.
    pub const fn half_open(&self) -> usize {
        self.half_open
    }

    /// Addresses that something is known of.
    pub fn addresses(&self) -> usize {
        self.records.len()
    }

    fn network(&self, address: IpAddr) -> Option<Network> {
        let LobbyLimits { ipv4_prefix, ipv6_prefix, exempt, .. } = &self.limits;
        let is_exempt = exempt.iter().any(|network| network.contains(address));
        (!is_exempt).then(|| Network::around(address, *ipv4_prefix, *ipv6_prefix))
    }

    /// Changes what is known of an address, and notes when that may be forgotten.
    fn change(&mut self, network: Network, change: impl FnOnce(&mut Record, &LobbyLimits)) {
        let record = self.records.entry(network).or_default();
        if let Some(idle_at) = record.idle_at(&self.limits) {
            self.idle.remove(&(idle_at, network));
        }
        change(record, &self.limits);
        if let Some(idle_at) = record.idle_at(&self.limits) {
            self.idle.insert((idle_at, network));
        }
    }

    /// Forgets addresses that nothing is held against, and one more if there is no place for another.
    fn make_room(&mut self, now: Time) -> Result<(), Limit> {
        for _ in 0..FORGOTTEN_AT_ONCE {
            match self.idle.first() {
                Some((idle_at, _)) if *idle_at <= now => self.forget_first(),
                _ => break,
            }
        }
        if self.records.len() >= self.limits.addresses {
            self.forget_first();
        }
        if self.records.len() < self.limits.addresses { Ok(()) } else { Err(Limit::Addresses) }
    }

    fn forget_first(&mut self) {
        if let Some((_, network)) = self.idle.pop_first() {
            self.records.remove(&network);
        }
    }
}

#[cfg(test)]
mod tests;

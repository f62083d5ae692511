//! What is known of one address.

use std::time::Duration;

use mqtt_session::Time;

use super::limit::Limit;
use crate::config::LobbyLimits;
use crate::core::failures::{Allowance, Failures};

/// Connections, rate and failures of one address. The default is an address that nothing is known of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// Connections that are strangers now.
    half_open: usize,
    /// When `burst` connections may come at once again: each connection moves it on by what `rate` makes of it.
    rested: Time,
    failures: Failures,
}

impl Record {
    /// Whether a connection may come now.
    pub(super) fn check(&self, now: Time, limits: &LobbyLimits) -> Result<(), Limit> {
        if self.half_open >= limits.half_open_per_address {
            return Err(Limit::HalfOpenPerAddress);
        }
        if self.failures.is_delayed(now) {
            return Err(Limit::Delay);
        }
        let ahead = interval(limits).saturating_mul(limits.burst.saturating_sub(1));
        if self.rested.since(now) > ahead { Err(Limit::Rate) } else { Ok(()) }
    }

    pub(super) fn admit(&mut self, now: Time, limits: &LobbyLimits) {
        self.half_open += 1;
        self.rested = self.rested.max(now).after(interval(limits));
    }

    pub(super) fn leave(&mut self) {
        self.half_open = self.half_open.saturating_sub(1);
    }

    /// Holds a failure against the address.
    pub(super) fn fail(&mut self, now: Time, limits: &LobbyLimits) {
        let LobbyLimits { failures, failure_recovery, delay, delay_maximum, .. } = *limits;
        self.failures.fail(now, &Allowance { failures, recovery: failure_recovery, delay, delay_maximum });
    }

    /// When nothing is held against the address; `None` while it has connections here.
    pub(super) fn idle_at(&self, limits: &LobbyLimits) -> Option<Time> {
        let forgotten = self.failures.forgotten_at(limits.failure_recovery);
        (self.half_open == 0).then(|| self.rested.max(forgotten))
    }
}

/// The time between two connections at `rate`.
fn interval(limits: &LobbyLimits) -> Duration {
    Duration::from_secs(1) / limits.rate.max(1)
}

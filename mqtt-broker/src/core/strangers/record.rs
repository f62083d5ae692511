//! What is known of one address.

use std::time::Duration;

use mqtt_session::Time;

use super::limit::Limit;
use crate::config::LobbyLimits;

/// Connections, rate and failures of one address. The default is an address that nothing is known of.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Record {
    /// Connections that are strangers now.
    half_open: usize,
    /// When `burst` connections may come at once again: each connection moves it on by what `rate` makes of it.
    rested: Time,
    /// Failures that count, as of `since`.
    failures: u32,
    /// From when on failures are forgotten, one by one. While it lies ahead, the address is turned away.
    since: Time,
}

impl Record {
    /// Whether a connection may come now.
    pub(super) fn check(&self, now: Time, limits: &LobbyLimits) -> Result<(), Limit> {
        if self.half_open >= limits.half_open_per_address {
            return Err(Limit::HalfOpenPerAddress);
        }
        if self.since > now {
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

    /// Holds a failure against the address. No failure is forgotten while it is turned away, so that the next one
    /// finds it where it was.
    pub(super) fn fail(&mut self, now: Time, limits: &LobbyLimits) {
        self.forget(now, limits.failure_recovery);
        // beyond the longest delay more failures change nothing, and need not be forgotten
        self.failures = self.failures.saturating_add(1).min(limits.failures.saturating_add(u32::BITS));
        let delay = self.delay(limits);
        if !delay.is_zero() {
            self.since = self.since.max(now.after(delay));
        }
    }

    /// When nothing is held against the address; `None` while it has connections here.
    pub(super) fn idle_at(&self, limits: &LobbyLimits) -> Option<Time> {
        let forgotten = self.since.after(limits.failure_recovery.saturating_mul(self.failures));
        (self.half_open == 0).then(|| self.rested.max(forgotten))
    }

    fn forget(&mut self, now: Time, recovery: Duration) {
        let passed = now.since(self.since);
        let forgotten = passed.as_nanos().checked_div(recovery.as_nanos()).unwrap_or(u128::MAX);
        match u32::try_from(forgotten) {
            Ok(forgotten) if forgotten < self.failures => {
                self.failures -= forgotten;
                self.since = self.since.after(recovery.saturating_mul(forgotten));
            }
            _ => (self.failures, self.since) = (0, self.since.max(now)),
        }
    }

    /// How long the address is turned away.
    fn delay(&self, limits: &LobbyLimits) -> Duration {
        match self.failures.saturating_sub(limits.failures) {
            0 => Duration::ZERO,
            beyond => {
                let doubled = 1_u32.checked_shl(beyond - 1).unwrap_or(u32::MAX);
                limits.delay.saturating_mul(doubled).min(limits.delay_maximum)
            }
        }
    }
}

/// The time between two connections at `rate`.
fn interval(limits: &LobbyLimits) -> Duration {
    Duration::from_secs(1) / limits.rate.max(1)
}

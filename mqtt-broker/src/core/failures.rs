//! Failures that are forgotten one by one, and have a growing delay as consequence.

use std::time::Duration;

use mqtt_session::Time;

/// Failures of somebody. The default is somebody who has none.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    /// Those that count, as of `since`.
    count: u32,
    /// From when on they are forgotten. While it lies ahead, whoever this is has to wait.
    since: Time,
}

/// What failures mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    /// Failures without consequence.
    pub(super) failures: u32,
    /// How long it takes until one is forgotten.
    pub(super) recovery: Duration,
    /// How long one has to wait after the first beyond these; twice as long after each further one.
    pub(super) delay: Duration,
    /// The longest such delay.
    pub(super) delay_maximum: Duration,
}

impl Failures {
    pub(super) fn is_delayed(&self, now: Time) -> bool {
        self.since > now
    }

    /// Adds one. None is forgotten during a delay, so that the next one finds them where they were.
    pub(super) fn fail(&mut self, now: Time, allowance: &Allowance) {
        self.forget(now, allowance.recovery);
        // beyond the longest delay more failures change nothing, and need not be forgotten
        self.count = self.count.saturating_add(1).min(allowance.failures.saturating_add(u32::BITS));
        let delay = self.delay(allowance);
        if !delay.is_zero() {
            self.since = self.since.max(now.after(delay));
        }
    }

    /// When all are forgotten.
    pub(super) fn forgotten_at(&self, recovery: Duration) -> Time {
        self.since.after(recovery.saturating_mul(self.count))
    }

    fn forget(&mut self, now: Time, recovery: Duration) {
        let passed = now.since(self.since);
        let forgotten = passed.as_nanos().checked_div(recovery.as_nanos()).unwrap_or(u128::MAX);
        match u32::try_from(forgotten) {
            Ok(forgotten) if forgotten < self.count => {
                self.count -= forgotten;
                self.since = self.since.after(recovery.saturating_mul(forgotten));
            }
            _ => (self.count, self.since) = (0, self.since.max(now)),
        }
    }

    fn delay(&self, allowance: &Allowance) -> Duration {
        match self.count.saturating_sub(allowance.failures) {
            0 => Duration::ZERO,
            beyond => {
                let doubled = 1_u32.checked_shl(beyond - 1).unwrap_or(u32::MAX);
                allowance.delay.saturating_mul(doubled).min(allowance.delay_maximum)
            }
        }
    }
}

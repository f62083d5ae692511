//! Keep alive: when a client pings, and when either side gives the other up.

use core::time::Duration;

use crate::time::{Time, earliest};

/// The server's side: a client may be silent for one and a half times its interval. [MQTT-3.1.2-22]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Silence {
    /// Half seconds, so that 1.5 times any interval is whole; 0 for no limit.
    half_seconds: u32,
    last: Time,
}

impl Silence {
    pub(crate) const fn new(now: Time, keep_alive: u16) -> Self {
        Self { half_seconds: keep_alive as u32 * 3, last: now }
    }

    /// A packet has come in whole.
    pub(crate) fn heard(&mut self, now: Time) {
        self.last = self.last.max(now);
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        let span = Duration::from_millis(u64::from(self.half_seconds) * 500);
        (self.half_seconds > 0).then(|| self.last.after(span))
    }
}

/// The client's side: PINGREQ when nothing else was sent, and the wait for its answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ping {
    interval: Duration,
    /// How long PINGRESP may take; `None` is the interval.
    timeout: Option<Duration>,
    last_sent: Time,
    /// Since when the server owes a sign of life: a PINGREQ went out, and nothing came in since.
    waiting: Option<Time>,
}

impl Ping {
    /// `interval` zero switches it off.
    pub(crate) const fn new(now: Time, interval: Duration, timeout: Option<Duration>) -> Self {
        Self { interval, timeout, last_sent: now, waiting: None }
    }

    /// The server has set another interval. [MQTT-3.1.2-21]
    pub(crate) const fn set_interval(&mut self, interval: Duration) {
        self.interval = interval;
    }

    pub(crate) fn sent(&mut self, now: Time) {
        self.last_sent = self.last_sent.max(now);
    }

    /// PINGREQ has been written.
    pub(crate) fn pinged(&mut self, now: Time) {
        self.sent(now);
        self.waiting = self.waiting.or(Some(now));
    }

    pub(crate) const fn answered(&mut self) {
        self.waiting = None;
    }

    /// A packet has come in whole: PINGRESP may be behind others, but the server lives.
    pub(crate) fn heard(&mut self, now: Time) {
        self.waiting = self.waiting.map(|since| since.max(now));
    }

    /// Whether PINGREQ must be sent now, also while an earlier one has no answer. [MQTT-3.1.2-20]
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.ping_at().is_some_and(|at| at <= now)
    }

    /// Whether the answer is overdue.
    pub(crate) fn is_lost(&self, now: Time) -> bool {
        self.lost_at().is_some_and(|at| at <= now)
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        earliest(self.ping_at(), self.lost_at())
    }

    fn ping_at(&self) -> Option<Time> {
        (!self.interval.is_zero()).then(|| self.last_sent.after(self.interval))
    }

    fn lost_at(&self) -> Option<Time> {
        self.waiting.map(|since| since.after(self.timeout.unwrap_or(self.interval)))
    }
}

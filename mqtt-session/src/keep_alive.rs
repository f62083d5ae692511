//! Keep alive: when a client pings, and when either side gives the other up.

use core::time::Duration;

use crate::time::Time;

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
    pub(crate) const fn heard(&mut self, now: Time) {
        self.last = now;
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
    timeout: Duration,
    last_sent: Time,
    /// When the PINGREQ went out that has no answer.
    waiting: Option<Time>,
}

impl Ping {
    /// `interval` zero switches it off.
    pub(crate) fn new(now: Time, interval: Duration, timeout: Option<Duration>) -> Self {
        Self { interval, timeout: timeout.unwrap_or(interval), last_sent: now, waiting: None }
    }

    pub(crate) const fn sent(&mut self, now: Time) {
        self.last_sent = now;
    }

    /// PINGREQ has been written.
    pub(crate) const fn pinged(&mut self, now: Time) {
        self.last_sent = now;
        self.waiting = Some(now);
    }

    pub(crate) const fn answered(&mut self) {
        self.waiting = None;
    }

    /// Whether PINGREQ must be sent now. [MQTT-3.1.2-20]
    pub(crate) fn is_due(&self, now: Time) -> bool {
        self.waiting.is_none() && self.ping_at().is_some_and(|at| at <= now)
    }

    /// Whether the answer is overdue.
    pub(crate) fn is_lost(&self, now: Time) -> bool {
        self.lost_at().is_some_and(|at| at <= now)
    }

    pub(crate) fn deadline(&self) -> Option<Time> {
        if self.waiting.is_some() { self.lost_at() } else { self.ping_at() }
    }

    fn ping_at(&self) -> Option<Time> {
        (!self.interval.is_zero()).then(|| self.last_sent.after(self.interval))
    }

    fn lost_at(&self) -> Option<Time> {
        self.waiting.map(|since| since.after(self.timeout))
    }
}

//! How fast a client may publish.

use std::time::Duration;

use mqtt_session::Time;

use super::router::SessionKey;
use super::shard::{ConnectionId, ShardCore, Slot};
use crate::config::Limits;

/// How far a client is with what it may publish.
///
/// That is one moment: when all that it has published so far would be through at `limits.publish_rate`. It may be ahead of the
/// clock by `limits.publish_burst` messages.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pace {
    through: Option<Time>,
    /// When its packets are handled again, if they have to wait.
    pub(super) resumes: Option<Time>,
}

impl Pace {
    /// The client publishes a message now.
    pub(super) fn note(&mut self, now: Time, limits: &Limits) {
        if let Some(rate) = limits.publish_rate {
            let through = self.through.map_or(now, |through| through.max(now));
            self.through = Some(through.after(span(1, rate.get())));
        }
    }

    /// Its packets wait until then, or no longer. Whether that is news.
    pub(super) fn hold_up(&mut self, until: Option<Time>) -> bool {
        let is_news = until.is_some() && until != self.resumes;
        self.resumes = until;
        is_news
    }

    /// Until when its packets have to wait, if they do.
    pub(super) fn wait(&self, now: Time, limits: &Limits) -> Option<Time> {
        let rate = limits.publish_rate?.get();
        // a message takes its place in the burst when it comes, not when it is through
        let ahead = self.through?.since(now).saturating_sub(span(limits.publish_burst.get() - 1, rate));
        (!ahead.is_zero()).then(|| now.after(ahead))
    }
}

/// What so many messages take at a rate.
fn span(messages: u32, rate: u32) -> Duration {
    Duration::from_nanos(1_000_000_000 / u64::from(rate)) * messages
}

impl ShardCore {
    /// Until when the packets of a client have to wait because it has published too fast.
    #[inline]
    pub(super) fn held_up(&mut self, now: Time, key: SessionKey) -> Option<Time> {
        self.config.limits.publish_rate?;
        self.clients.get_key(key)?.link.as_deref()?.pace.as_deref()?.wait(now, &self.config.limits)
    }

    /// A client publishes a message.
    #[inline]
    pub(super) fn note_pace(&mut self, now: Time, key: SessionKey) {
        if self.config.limits.publish_rate.is_none() {
            return;
        }
        let client = self.clients.get_key(key);
        if let Some(link) = client.and_then(|client| client.link.as_deref_mut()) {
            link.pace.get_or_insert_default().note(now, &self.config.limits);
        }
    }

    /// The next client that is to be read from again although it has taken no output.
    pub fn poll_resumed(&mut self) -> Option<ConnectionId> {
        self.work.resumed.pop()
    }

    /// Handles the packets of a client that had to wait until now, because it published too fast.
    pub(super) fn resume(&mut self, now: Time, slot: Slot) {
        let Some(client) = self.clients.get(slot) else { return };
        let Some(link) = client.link.as_deref_mut() else { return };
        let due = link.pace.as_deref_mut().and_then(|pace| pace.resumes.take_if(|at| *at <= now));
        if due.is_none() {
            return;
        }
        let connection = link.connection;
        client.session.handle_unheard(now);
        self.handle_bytes(now, slot, &[]);
        if self.wants_read(slot) {
            self.work.resumed.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limits(rate: u32, burst: u32) -> Limits {
        let burst = NonZeroU32::new(burst).expect("a burst");
        Limits { publish_rate: NonZeroU32::new(rate), publish_burst: burst, ..Limits::default() }
    }

    #[test]
    fn a_burst_goes_through_at_once_and_what_follows_at_the_rate() {
        for (rate, burst) in [(1, 1), (10, 5), (1_000, 1), (3, 1_000)] {
            let (limits, mut pace) = (limits(rate, burst), Pace::default());
            let mut now = Time::from_secs(7);
            for _ in 0..burst {
                assert_eq!(pace.wait(now, &limits), None);
                pace.note(now, &limits);
            }
            for _ in 0..20 {
                let next = pace.wait(now, &limits).expect("too fast");
                assert_eq!(next.since(now), span(1, rate), "{rate} a second");
                now = next;
                assert_eq!(pace.wait(now, &limits), None);
                pace.note(now, &limits);
            }
            // after silence there is a burst again
            now = now.after(span(burst, rate));
            assert_eq!(pace.wait(now, &limits), None);
        }
    }

    #[test]
    fn no_client_waits_longer_than_a_second_for_the_next_packet() {
        let (limits, mut pace) = (limits(1, 3), Pace::default());
        let now = Time::from_secs(1);
        (0..3).for_each(|_| pace.note(now, &limits));
        assert_eq!(pace.wait(now, &limits), Some(now.after_secs(1)));
    }

    #[test]
    fn without_a_rate_nobody_waits_and_nothing_is_noted() {
        let (limits, mut pace) = (Limits::default(), Pace::default());
        for _ in 0..10_000 {
            pace.note(Time::ZERO, &limits);
            assert_eq!(pace.wait(Time::ZERO, &limits), None);
        }
        assert_eq!(pace.through, None);
    }
}

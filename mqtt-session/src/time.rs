//! Time as the session knows it: a number that the driver hands in.

use core::fmt;
use core::num::NonZeroU64;
use core::time::Duration;

/// A moment: nanoseconds since the driver's start.
///
/// The session has no clock. Every method that depends on time takes it as its first argument; an earlier time
/// than the one before is harmless, deadlines are only seen later then.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
// one more than the nanoseconds, so that `Option<Time>`, of which sessions have many, takes no more room
pub struct Time(NonZeroU64);

impl Time {
    /// The driver's start.
    pub const ZERO: Self = Self(NonZeroU64::MIN);

    /// A moment `nanos` nanoseconds after the start.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(NonZeroU64::MIN.saturating_add(nanos))
    }

    /// A moment `seconds` seconds after the start.
    pub const fn from_secs(seconds: u64) -> Self {
        Self::from_nanos(seconds.saturating_mul(1_000_000_000))
    }

    /// Nanoseconds since the start.
    pub const fn as_nanos(self) -> u64 {
        self.0.get() - 1
    }

    /// The moment `span` later; the end of time, after 584 years, if that is not representable.
    pub fn after(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// The moment `seconds` later.
    pub const fn after_secs(self, seconds: u32) -> Self {
        Self(self.0.saturating_add(seconds as u64 * 1_000_000_000))
    }

    /// The span from `earlier` to this moment; zero if it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Default for Time {
    fn default() -> Self {
        Self::ZERO
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Time").field(&self.as_nanos()).finish()
    }
}

/// The earlier of two deadlines that may not exist.
pub(crate) fn earliest(one: Option<Time>, other: Option<Time>) -> Option<Time> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Time>>(), size_of::<u64>());
        assert_eq!((Time::ZERO.as_nanos(), Time::from_nanos(7).as_nanos()), (0, 7));
        assert_eq!(Time::default(), Time::from_nanos(0));
        let end = Time::from_nanos(u64::MAX);
        assert_eq!((end.after_secs(1), end.after(Duration::MAX)), (end, end));
        assert!(Time::ZERO < Time::from_nanos(1) && Time::from_secs(1) < end);
    }
}

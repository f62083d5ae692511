//! Limits of guessing passwords.

use std::time::Duration;

/// Wrong passwords of one user name. A password that was right a short while ago is never held up by them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuessLimits {
    /// Those from one address that have no consequence. Default 20: people mistype, and devices with an old password try it
    /// a few times.
    pub per_address: u32,
    /// Those from all addresses that have no consequence. Default 1,000.
    pub in_all: u32,
    /// How long it takes until one is forgotten. Default 10 s.
    pub recovery: Duration,
    /// For how long no password of the user is looked at that comes from the address, after one more; twice as long after
    /// each further one. Default 1 s.
    pub delay: Duration,
    /// The longest such delay. Default 60 s: about ten thousand guesses in a week.
    pub delay_maximum: Duration,
    /// For how long no password of the user is looked at, wherever it comes from, after one more than `in_all`. Default
    /// 250 ms, and it does not grow: the owner must find a gap.
    pub delay_in_all: Duration,
    /// User names, and user names at addresses, that are remembered. Default 65,536, about 6 MiB; who would be forgotten
    /// first makes room.
    pub remembered: usize,
}

impl Default for GuessLimits {
    fn default() -> Self {
        Self {
            per_address: 20,
            in_all: 1_000,
            recovery: Duration::from_secs(10),
            delay: Duration::from_secs(1),
            delay_maximum: Duration::from_secs(60),
            delay_in_all: Duration::from_millis(250),
            remembered: 65_536,
        }
    }
}

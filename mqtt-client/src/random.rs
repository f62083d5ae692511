//! Randomness for identifiers and jitter; none of it is a secret.

use std::hash::{BuildHasher, Hasher, RandomState};

/// A number that the system's seed and a counter decide.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// A client identifier that every server must take: at most 23 letters and digits. [MQTT-3.1.3-5]
pub(crate) fn client_id() -> String {
    format!("mqtt{:016x}", random())
}

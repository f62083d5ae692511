//! Hashing of keys that peers choose.

use std::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

/// A seeded hash function.
///
/// Both halves of foldhash's state come from the seed: with its fixed shared half, a peer could prepare topics
/// that collide under every seed.
#[derive(Debug, Clone)]
pub(super) struct Hashing {
    key: u64,
    shared: SharedSeed,
}

impl Hashing {
    pub(super) fn new(seed: u64) -> Self {
        Self { key: seed.rotate_left(32) ^ KEY, shared: SharedSeed::from_u64(seed) }
    }

    pub(super) fn text(&self, text: &str) -> u64 {
        let mut hasher = self.hasher();
        hasher.write(text.as_bytes());
        hasher.finish()
    }

    pub(super) fn number(&self, number: u64) -> u64 {
        let mut hasher = self.hasher();
        hasher.write_u64(number);
        hasher.finish()
    }

    fn hasher(&self) -> FoldHasher<'_> {
        FoldHasher::with_seed(self.key, &self.shared)
    }
}

/// Any odd constant: it keeps seed 0 from starting the hash at 0.
const KEY: u64 = 0x9e37_79b9_7f4a_7c15;

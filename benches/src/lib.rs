//! Shared parts of the benchmarks.

pub mod durable;
pub mod load;

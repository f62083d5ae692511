//! The bodies of the fuzz targets, as plain functions: a finding is a panic.
//!
//! `cargo +nightly fuzz run decode` runs one for as long as it is let; `cargo test` in this directory runs all of
//! them on stable, over the corpus and a few thousand random inputs.

mod codec;
mod topic;
mod websocket;

pub use codec::{decode, roundtrip};
pub use topic::topic_match;
pub use websocket::websocket;

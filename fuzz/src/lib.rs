//! The bodies of the fuzz targets, as plain functions: a finding is a panic.
//!
//! `cargo +nightly fuzz run decode` runs one for as long as it is let; `cargo test` in this directory runs all of
//! them on stable, over the corpus and a few thousand random inputs. What each target can find is in `README.md`.

mod acl;
mod aliases;
mod configuration;
mod connection;
mod decode;
mod differential;
mod frames;
mod jwt;
mod password_file;
mod proxy;
mod roundtrip;
mod scram;
mod session;
mod topic;
mod websocket;
mod wild;

pub use acl::acl;
pub use aliases::aliases;
pub use configuration::configuration;
pub use decode::decode;
pub use differential::{CLASSES, differential};
pub use frames::frames;
pub use jwt::jwt;
pub use password_file::password_file;
pub use proxy::proxy;
pub use roundtrip::roundtrip;
pub use scram::scram;
pub use session::{hostile, session};
pub use topic::topic_match;
pub use websocket::websocket;

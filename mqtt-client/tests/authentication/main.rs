//! Enhanced authentication of 5.0: when connecting, and anew.
#![allow(non_snake_case, reason = "the names of tests carry statement ids")]

#[path = "../common/mod.rs"]
mod common;

mod again;
mod connecting;
mod puzzle;
#[cfg(feature = "scram")]
mod scram;

//! Sessions of both roles, in bytes through the real codec, in virtual time.
#![expect(non_snake_case, reason = "tests carry statement ids")]

mod aliases;
mod authentication;
mod common;
mod delivery;
mod disconnect;
mod edges;
mod expiry;
mod flow_control;
mod handshake;
mod held_bytes;
mod keep_alive;
mod limits;
mod operations;
mod other_role;
mod questions;
mod reading;
mod reference;
mod requests;
mod restore;
mod resume;
mod store;

mod model;
mod traps;
mod violations;
mod withdraw;

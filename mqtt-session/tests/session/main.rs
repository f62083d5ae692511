//! Sessions of both roles, in bytes through the real codec, in virtual time.
#![expect(non_snake_case, reason = "tests carry statement ids")]

mod common;
mod delivery;
mod resume;

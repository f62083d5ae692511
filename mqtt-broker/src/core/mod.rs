//! The broker as plain values: no socket, no thread, no clock.

pub mod router;

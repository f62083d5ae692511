//! What stands for WebSocket in a broker that is built without it: nothing that could exist.

use std::io::{self, Write};

#[derive(Debug)]
pub(in crate::net) enum WebSocket {}

#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(in crate::net) enum End {}

#[derive(Debug)]
pub(super) struct Input {
    pub(super) len: usize,
    pub(super) end: Option<End>,
}

#[derive(Debug)]
pub(in crate::net) enum Closing {
    Normal,
    Shutdown,
}

impl WebSocket {
    pub(super) const fn handle_bytes(&self, _: &mut [u8]) -> Input {
        match *self {}
    }

    pub(super) const fn close(&self, _: Closing) {
        match *self {}
    }

    pub(super) const fn is_open(&self) -> bool {
        match *self {}
    }

    pub(super) const fn wants_write(&self) -> bool {
        match *self {}
    }

    pub(super) const fn held(&self) -> usize {
        match *self {}
    }

    pub(super) const fn write_pending(&self, _: &mut impl Write) -> io::Result<()> {
        match *self {}
    }

    pub(super) const fn framed<W>(&self, _: &mut W) -> io::Sink {
        match *self {}
    }
}

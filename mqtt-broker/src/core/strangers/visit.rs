//! One stranger: how far it has come, and what it may still take.

use std::time::Duration;

use mqtt_session::Time;

use super::{Budget, Guest, Limit, Stage};
use crate::config::LobbyLimits;

/// A place among the strangers, with the time and the bytes that its stage has taken.
#[derive(Debug)]
pub struct Visit {
    /// Its place.
    pub guest: Guest,
    stage: Stage,
    stage_ends: Time,
    ends: Time,
    /// Bytes that came in this stage.
    bytes: usize,
    /// Bytes of memory that it holds.
    held: usize,
}

impl Visit {
    /// A connection that begins with this stage.
    pub fn new(now: Time, guest: Guest, stage: Stage, limits: &LobbyLimits) -> Self {
        let stage_ends = now.after(timeout(stage, limits));
        Self { guest, stage, stage_ends, ends: now.after(limits.timeout), bytes: 0, held: 0 }
    }

    /// Bytes came, and now the connection is in `stage`. What came for an earlier stage does not count in the next.
    ///
    /// # Errors
    /// If the stage goes on although it has taken all bytes that it may.
    pub fn note_read(
        &mut self,
        now: Time,
        stage: Stage,
        len: usize,
        limits: &LobbyLimits,
    ) -> Result<(), Limit> {
        if stage > self.stage {
            (self.stage, self.bytes) = (stage, 0);
            self.stage_ends = now.after(timeout(stage, limits));
            if stage == Stage::Authenticate {
                // the connection waits for the broker, which has a limit of its own for that
                self.ends = self.ends.max(self.stage_ends);
            }
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(len);
        if self.bytes > most(self.stage, limits) { Err(Limit::Long(self.stage)) } else { Ok(()) }
    }

    /// The connection now holds so many bytes of memory.
    ///
    /// # Errors
    /// If that is more than it may.
    pub fn hold(&mut self, bytes: usize, budget: &Budget) -> Result<(), Limit> {
        if !budget.resize(self.held, bytes) {
            return Err(Limit::Bytes);
        }
        self.held = bytes;
        Ok(())
    }

    /// When the stage, or everything, has to be over.
    pub fn deadline(&self) -> Time {
        self.stage_ends.min(self.ends)
    }

    /// Which limit of time is reached.
    pub fn overdue(&self, now: Time) -> Option<Limit> {
        if self.ends <= now && self.stage != Stage::Authenticate {
            return Some(Limit::LateInAll);
        }
        (self.stage_ends <= now).then_some(Limit::Late(self.stage))
    }

    /// The connection has waited for the broker, and not the other way round: it gets at least `span` more.
    pub fn extend(&mut self, now: Time, span: Duration) {
        self.stage_ends = self.stage_ends.max(now.after(span));
        self.ends = self.ends.max(now.after(span));
    }

    /// The place alone; what was held is free.
    pub fn end(self, budget: &Budget) -> Guest {
        budget.resize(self.held, 0);
        self.guest
    }
}

const fn timeout(stage: Stage, limits: &LobbyLimits) -> Duration {
    match stage {
        Stage::Proxy => limits.proxy_timeout,
        Stage::Tls => limits.tls_timeout,
        Stage::Upgrade => limits.upgrade_timeout,
        Stage::Connect => limits.connect_timeout,
        Stage::Authenticate => limits.authenticate_timeout,
    }
}

/// What a stage may take. CONNECT may come in the smallest records of TLS and frames of WebSocket.
const fn most(stage: Stage, limits: &LobbyLimits) -> usize {
    match stage {
        Stage::Proxy => limits.proxy_bytes,
        Stage::Tls => limits.tls_bytes,
        Stage::Upgrade => limits.upgrade_bytes,
        Stage::Connect | Stage::Authenticate => (limits.connect_packet_size as usize).saturating_mul(FRAMING),
    }
}

/// A byte alone in a masked frame of WebSocket, itself alone in a record of TLS, takes about 30.
const FRAMING: usize = 32;

//! What a driver may ask, and what was counted.

use mqtt_codec::Version;

use super::ServerSession;
use crate::config::QueueLimits;
use crate::error::{CloseReason, DropReason};
use crate::store::StoreSeq;

/// Messages that were not delivered, by reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops([u32; DropReason::ALL.len()]);

impl Drops {
    /// How many for this reason.
    pub fn get(&self, reason: DropReason) -> u32 {
        self.0.get(reason as usize).copied().unwrap_or_default()
    }

    /// How many for all reasons.
    pub fn total(&self) -> u64 {
        self.0.iter().map(|count| u64::from(*count)).sum()
    }

    pub(super) fn count(&mut self, reason: DropReason, messages: u32) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count = count.saturating_add(messages);
        }
    }
}

impl ServerSession {
    /// Whether the driver should read: false while so many answers wait that the client must read first, or the
    /// application or the store must come to them.
    pub fn wants_read(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.wants_read())
    }

    /// Whether a connection is attached, closing or not.
    pub const fn is_connected(&self) -> bool {
        self.link.is_some()
    }

    /// Why the connection must end: flush what [`ServerSession::poll_transmit`] gave, close, then call
    /// [`ServerSession::handle_disconnected`].
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.link.as_ref().and_then(|link| link.closing)
    }

    /// The version of the attached connection.
    pub fn version(&self) -> Option<Version> {
        self.link.as_ref().map(|link| link.window.version)
    }

    /// Whether the session would be kept if the connection ended now.
    pub const fn is_persistent(&self) -> bool {
        self.life.expiry > 0
    }

    /// The limits of what waits for the client: those of the last connection.
    pub const fn queue_limits(&self) -> &QueueLimits {
        self.state.outgoing.limits()
    }

    /// Messages that wait to be sent.
    pub fn queued(&self) -> usize {
        self.state.outgoing.queued()
    }

    /// Bytes of messages that wait, or are kept until the client has said to have them: topics, payloads and
    /// properties.
    pub fn held_bytes(&self) -> usize {
        self.state.outgoing.held_bytes()
    }

    /// Messages of QoS 1 and 2 that were sent and are not acknowledged.
    pub fn in_flight(&self) -> usize {
        self.state.outgoing.in_flight()
    }

    /// Whether the client has to acknowledge something before it is sent more of QoS 1 and 2; never without a connection.
    pub fn is_window_full(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.window.is_full())
    }

    /// Whether everything up to `seq` is stored, so that an answer that waits for it may leave.
    pub fn is_stored(&self, seq: Option<StoreSeq>) -> bool {
        self.state.effects.is_stored(seq)
    }

    /// Identifiers of QoS 2 that the client has not released.
    pub fn unreleased(&self) -> usize {
        self.state.incoming.unreleased()
    }

    /// PUBLISH packets that were written since the last call, repeated ones included.
    pub const fn take_written(&mut self) -> u32 {
        core::mem::replace(&mut self.written, 0)
    }

    /// Messages of this session that were dropped since it began.
    pub const fn drops(&self) -> Drops {
        self.drops
    }
}

//! Limits of what waits for clients that are others at one listener.

use std::num::NonZeroU16;

use mqtt_session::{Overflow, QueueLimits};

/// Limits of [`QueueLimits`] that are others for the clients of one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueChanges {
    /// See [`QueueLimits::messages`].
    pub messages: Option<usize>,
    /// See [`QueueLimits::bytes`].
    pub bytes: Option<usize>,
    /// See [`QueueLimits::window`].
    pub window: Option<NonZeroU16>,
    /// See [`QueueLimits::overflow`].
    pub overflow: Option<Overflow>,
}

impl QueueChanges {
    /// The limits with these changes.
    pub fn of(&self, limits: &QueueLimits) -> QueueLimits {
        QueueLimits {
            messages: self.messages.unwrap_or(limits.messages),
            bytes: self.bytes.unwrap_or(limits.bytes),
            window: self.window.unwrap_or(limits.window),
            overflow: self.overflow.unwrap_or(limits.overflow),
            packet_ids: limits.packet_ids,
        }
    }
}

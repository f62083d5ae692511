//! What holds for the clients of one listener, and may be otherwise at the next.

mod mount_point;
mod queue;
mod rewrite;
mod subscribe;

pub use mount_point::{MountPoint, MountPointError};
pub use queue::QueueChanges;
pub use rewrite::{Rewrite, RewriteError};
pub use subscribe::{AutoSubscription, AutoSubscriptionError};

/// What holds for clients of a listener, from their CONNECT to the end of their connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Whether the store keeps what its clients publish. Default true. Without it, messages that are published here and have not
    /// reached everybody are gone with the process, and a retained one takes what was stored of its topic with it; sessions, and
    /// what others publish to them, are stored all the same. In a file: `durability = "none"`.
    pub stores: bool,
    /// What may wait for its clients, where that is other than in `session.queue`.
    pub queue: QueueChanges,
    /// The part of the broker's topics that its clients see, as if there was nothing else. Default: all.
    pub mount_point: Option<MountPoint>,
    /// Topics and filters of its clients that stand for others; the first that matches counts. They are compared with what
    /// the client writes, before the mount point comes in front. Default: none.
    pub rewrite: Vec<Rewrite>,
    /// What its clients are subscribed to without asking, whenever they connect and have no such subscription. Filters
    /// are written as a client would: they are rewritten and mounted. Default: nothing.
    pub subscribe: Vec<AutoSubscription>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            stores: true,
            queue: QueueChanges::default(),
            mount_point: None,
            rewrite: Vec::new(),
            subscribe: Vec::new(),
        }
    }
}

//! The thread that reads messages for sessions that are back, while the writer writes.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use super::shared::{Shared, lock};
use super::tables;
use crate::store::{Fetched, Request, StoredDelivery};

/// Until the store is closed.
pub(super) fn run(shared: &Arc<Shared>) {
    while let Some((behind, shard, request)) = next(shared) {
        let Request { key, session, tickets } = &request;
        let stored = shared.stored.load(Ordering::Acquire);
        let database = shared.database.read().unwrap_or_else(PoisonError::into_inner);
        let read = database.as_ref().map(|database| tables::read(database, *session, tickets));
        drop(database);
        let messages = match read {
            Some(Ok(messages)) => messages,
            Some(Err(error)) => {
                tracing::error!("messages cannot be read from the store: {error}");
                wait_for_commit(shared, behind, shard, request);
                continue;
            }
            None => {
                wait_for_commit(shared, behind, shard, request);
                continue;
            }
        };
        let is_missing = |(_, message): &(_, Option<StoredDelivery>)| message.is_none();
        if stored < behind && messages.iter().any(is_missing) {
            wait_for_commit(shared, behind, shard, request);
            continue;
        }
        shared.answer(shard, Fetched { key: *key, session: *session, messages });
    }
}

fn next(shared: &Shared) -> Option<(u64, u16, Request)> {
    let mut requests = lock(&shared.requests);
    loop {
        if requests.closing {
            return None;
        }
        if let Some(next) = requests.waiting.pop_front() {
            return Some(next);
        }
        requests = shared.readable.wait(requests).unwrap_or_else(PoisonError::into_inner);
    }
}

/// Something that was asked for is not stored yet: the request goes first again, after the next commit.
fn wait_for_commit(shared: &Shared, behind: u64, shard: u16, request: Request) {
    let mut requests = lock(&shared.requests);
    requests.waiting.push_front((behind, shard, request));
    if !requests.closing {
        // a commit that was made just now is not heard of, so this waits no longer than it has to
        let waited = shared.readable.wait_timeout(requests, shared.settings.read_again);
        drop(waited);
    }
}

//! A store that has everything in memory and answers at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::image::Image;
use super::op::{Op, WallTime};
use super::restored::Restored;
use super::{Fetched, Position, Request, Store, Wake};

/// Keeps everything for as long as the value lives: a broker that is given the same store again goes on where the last one
/// stopped. For tests, and for programs that start brokers again and again.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    image: Image,
    position: Position,
    fetched: HashMap<u16, VecDeque<Fetched>>,
    wakes: HashMap<u16, Wake>,
}

impl MemoryStore {
    /// What a broker restores that starts at `now`: connections that had not ended are taken to have ended now.
    pub fn restored(&self, now: WallTime) -> Restored {
        self.lock().image.restored(now)
    }

    /// How many sessions there are, and how many messages that some of them are owed.
    pub fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.image.sessions(), state.image.messages())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn append(&self, _shard: u16, ops: &mut Vec<Op>) -> Position {
        let mut state = self.lock();
        state.position.0 += u64::from(!ops.is_empty());
        ops.drain(..).for_each(|op| state.image.apply(op));
        state.position
    }

    fn stored(&self) -> Position {
        self.lock().position
    }

    fn is_full(&self) -> bool {
        false
    }

    fn fetch(&self, shard: u16, Request { key, session, tickets }: Request) {
        let mut state = self.lock();
        let messages = tickets.into_iter().map(|ticket| (ticket, state.image.delivery(session, ticket)));
        let messages = messages.collect();
        state.fetched.entry(shard).or_default().push_back(Fetched { key, session, messages });
        let wake = state.wakes.get(&shard).cloned();
        drop(state);
        if let Some(wake) = wake {
            wake();
        }
    }

    fn poll_fetched(&self, shard: u16) -> Option<Fetched> {
        self.lock().fetched.get_mut(&shard)?.pop_front()
    }

    fn set_wake(&self, shard: u16, wake: Wake) {
        self.lock().wakes.insert(shard, wake);
    }
}

//! The disk of the broker: appends reach it one by one and late, and a crash loses those that have not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard};

use mqtt_broker::store::{Fetched, Image, Op, Position, Request, Store, Wake, WallTime};
use mqtt_session::Time;

/// The wall clock when a world begins.
const BEGAN: WallTime = WallTime(1_700_000_000_000);

/// What time it is by the clock on the wall.
pub(crate) fn wall(now: Time) -> WallTime {
    BEGAN.after(now.since(Time::ZERO))
}

/// And back.
pub(crate) fn time_of(wall: WallTime) -> Time {
    Time::ZERO.after(wall.since(BEGAN))
}

#[derive(Default)]
pub(crate) struct BrokerDisk(Mutex<State>);

#[derive(Default)]
struct State {
    image: Image,
    /// Appends that have not reached the disk, with their shards.
    waiting: VecDeque<(u16, Vec<Op>)>,
    appended: Position,
    stored: Position,
    requests: VecDeque<(Position, u16, Request)>,
    fetched: BTreeMap<u16, VecDeque<Fetched>>,
    wakes: BTreeMap<u16, Wake>,
}

impl BrokerDisk {
    /// So many appends reach the disk, and what was asked for behind them is read; whether there was anything to do.
    pub(crate) fn sync(&self, appends: usize) -> bool {
        let mut state = self.lock();
        let mut wakes = Vec::new();
        let mut moved = false;
        for _ in 0..appends {
            let Some((shard, ops)) = state.waiting.pop_front() else { break };
            ops.into_iter().for_each(|op| state.image.apply(op));
            state.stored.0 += 1;
            wakes.extend(state.wakes.get(&shard).cloned());
            moved = true;
        }
        while state.requests.front().is_some_and(|(behind, ..)| *behind <= state.stored) {
            let Some((_, shard, Request { key, session, tickets })) = state.requests.pop_front() else {
                break;
            };
            let read = |ticket| (ticket, state.image.delivery(session, ticket));
            let messages = tickets.into_iter().map(read).collect();
            state.fetched.entry(shard).or_default().push_back(Fetched { key, session, messages });
            wakes.extend(state.wakes.get(&shard).cloned());
            moved = true;
        }
        drop(state);
        wakes.iter().for_each(|wake| wake());
        moved
    }

    /// Sessions and messages that it has.
    pub(crate) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.image.sessions(), state.image.messages())
    }

    /// The broker dies. `lucky` appends that nobody was told of have reached the disk all the same; the next one is torn,
    /// and is none.
    pub(crate) fn crash(&self, lucky: usize) -> Image {
        self.sync(lucky);
        let mut state = self.lock();
        let image = state.image.clone();
        *state = State { image: image.clone(), ..State::default() };
        image
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

impl Store for BrokerDisk {
    fn append(&self, shard: u16, ops: &mut Vec<Op>) -> Position {
        let mut state = self.lock();
        if !ops.is_empty() {
            state.appended.0 += 1;
            state.waiting.push_back((shard, std::mem::take(ops)));
        }
        state.appended
    }

    fn stored(&self) -> Position {
        self.lock().stored
    }

    fn is_full(&self) -> bool {
        false
    }

    fn fetch(&self, shard: u16, request: Request) {
        let mut state = self.lock();
        let behind = state.appended;
        state.requests.push_back((behind, shard, request));
    }

    fn poll_fetched(&self, shard: u16) -> Option<Fetched> {
        self.lock().fetched.get_mut(&shard)?.pop_front()
    }

    fn set_wake(&self, shard: u16, wake: Wake) {
        self.lock().wakes.insert(shard, wake);
    }
}

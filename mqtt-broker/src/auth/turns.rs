//! Who is next, where many wait for little.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::config::Network;

/// A few places that are given to those who wait, one address after the other: an address from which thousands wait keeps
/// another waiting for one of them, not for all.
#[derive(Debug)]
pub(super) struct Turns(Mutex<State>);

/// Where somebody comes from; none for those on the same machine that have no address.
type Origin = Option<Network>;

#[derive(Debug)]
struct State {
    /// Places that nobody has. While there are some, nobody waits.
    free: usize,
    /// Each origin from which somebody waits, once: the first is the next.
    order: VecDeque<Origin>,
    waiting: HashMap<Origin, VecDeque<oneshot::Sender<Turn>>>,
}

/// A place. Dropping it gives it to the next.
#[derive(Debug)]
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    pub(super) fn new(places: usize) -> Arc<Self> {
        Arc::new(Self(Mutex::new(State { free: places, order: VecDeque::new(), waiting: HashMap::new() })))
    }

    /// Waits for a place. Dropped on the way, it leaves its turn to others.
    pub(super) async fn next(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<Turn> {
        let given = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Some(Turn(Some(Arc::clone(self))));
            }
            // as guesses of passwords are counted
            state.wait(peer.map(|peer| Network::around(peer, 32, 64)))
        };
        given.await.ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(&mut self, origin: Origin) -> oneshot::Receiver<Turn> {
        let (sender, receiver) = oneshot::channel();
        let queue = self.waiting.entry(origin).or_default();
        if queue.is_empty() {
            self.order.push_back(origin);
        }
        queue.push_back(sender);
        receiver
    }

    /// Somebody who waits, maybe no longer.
    fn pop(&mut self) -> Option<oneshot::Sender<Turn>> {
        let origin = self.order.pop_front()?;
        let queue = self.waiting.get_mut(&origin)?;
        while queue.len() > 1 && queue.front().is_some_and(oneshot::Sender::is_closed) {
            queue.pop_front();
        }
        let next = queue.pop_front();
        if queue.is_empty() {
            self.waiting.remove(&origin);
        } else {
            self.order.push_back(origin);
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Some(turns) = self.0.take() else { return };
        loop {
            let next = {
                let mut state = turns.state();
                let next = state.pop();
                state.free += usize::from(next.is_none());
                next
            };
            let Some(next) = next else { return };
            match next.send(Self(Some(Arc::clone(&turns)))) {
                Ok(()) => return,
                // it is gone, and what comes back is no second place
                Err(mut back) => back.0 = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn peer(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    /// Has somebody of each of these addresses wait, in this order; says who got a turn.
    fn wait(turns: &Arc<Turns>, peers: &[u8], served: &mpsc::Sender<u8>) -> Vec<tokio::task::JoinHandle<()>> {
        let wait = |&last: &u8| {
            let (turns, served) = (Arc::clone(turns), served.clone());
            tokio::spawn(async move {
                let _turn = turns.next(peer(last)).await.expect("it comes");
                served.send(last).expect("somebody listens");
            })
        };
        peers.iter().map(wait).collect()
    }

    #[tokio::test]
    async fn addresses_take_turns_however_many_wait_there() {
        let turns = Turns::new(1);
        let first = turns.next(None).await;
        let (sender, served) = mpsc::channel();
        let tasks = wait(&turns, &[1, 1, 1, 1, 2, 2, 3], &sender);
        tokio::task::yield_now().await;
        drop(first);
        for task in tasks {
            task.await.expect("no panic");
        }
        assert_eq!(served.try_iter().collect::<Vec<_>>(), [1, 2, 3, 1, 2, 1, 1]);
    }

    #[tokio::test]
    async fn who_goes_away_takes_no_place_along() {
        let turns = Turns::new(2);
        let taken = [turns.next(None).await, turns.next(None).await];
        let (sender, served) = mpsc::channel();
        let tasks = wait(&turns, &[1, 1, 2, 1, 3], &sender);
        tokio::task::yield_now().await;
        // before they are asked, and after they were given a turn that they do not know of yet
        tasks[0].abort();
        tokio::task::yield_now().await;
        drop(taken);
        tasks[1].abort();
        for task in tasks {
            let _ = task.await;
        }
        assert_eq!(served.try_iter().collect::<Vec<_>>(), [2, 3, 1]);
        let state = turns.state();
        assert_eq!((state.free, state.order.len(), state.waiting.len()), (2, 0, 0));
    }
}

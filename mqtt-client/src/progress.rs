//! What became of one message: written by the driver, awaited by one handle.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use mqtt_codec::ReasonCode;

use crate::error::PublishError;

/// How far a message has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Accepted,
    Written,
    Taken,
    Over(Result<ReasonCode, PublishError>),
}

#[derive(Debug)]
struct State {
    stage: Stage,
    waker: Option<Waker>,
}

/// The driver's end. Dropped without a word it says that the client has ended.
#[derive(Debug)]
pub(crate) struct Reporter(Arc<Mutex<State>>);

/// The handle's end. Nothing happens when it is dropped.
#[derive(Debug)]
pub(crate) struct Progress(Arc<Mutex<State>>);

pub(crate) fn progress() -> (Reporter, Progress) {
    let state = Arc::new(Mutex::new(State { stage: Stage::Accepted, waker: None }));
    (Reporter(Arc::clone(&state)), Progress(state))
}

impl Reporter {
    pub(crate) fn written(&self) {
        self.advance(Stage::Written);
    }

    pub(crate) fn taken(&self) {
        self.advance(Stage::Taken);
    }

    pub(crate) fn over(self, outcome: Result<ReasonCode, PublishError>) {
        self.advance(Stage::Over(outcome));
    }

    /// Sets a later stage; a message that is sent again does not go back.
    fn advance(&self, stage: Stage) {
        let mut state = lock(&self.0);
        if state.stage.rank() >= stage.rank() {
            return;
        }
        state.stage = stage;
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.advance(Stage::Over(Err(PublishError::Closed)));
    }
}

impl Progress {
    /// The stage once it is at least `wanted`.
    pub(crate) fn poll_reached(&self, wanted: Stage, cx: &Context<'_>) -> Poll<Stage> {
        let mut state = lock(&self.0);
        if state.stage.rank() >= wanted.rank() {
            return Poll::Ready(state.stage);
        }
        match &mut state.waker {
            Some(waker) => waker.clone_from(cx.waker()),
            None => state.waker = Some(cx.waker().clone()),
        }
        Poll::Pending
    }
}

impl Stage {
    const fn rank(self) -> u8 {
        match self {
            Self::Accepted => 0,
            Self::Written => 1,
            Self::Taken => 2,
            Self::Over(_) => 3,
        }
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

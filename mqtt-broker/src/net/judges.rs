//! The thread on which authenticators judge, apart from all that serve clients.

use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::shard_loop::Shared;
use crate::auth::{Attempt, Chain, Identity, Refused, Rejected};
use crate::core::ConnectionId;

/// Blocking work at once beside the hashing of passwords: looking up names, what authenticators of an embedding program do.
const BLOCKING: usize = 4;

/// Where the lobby hands in what strangers show. The thread ends with it.
pub(super) struct Judges {
    /// None once it ends.
    cases: Option<mpsc::Sender<Case>>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What was found out about a stranger.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) id: ConnectionId,
    pub(super) outcome: Result<Identity, Rejected>,
}

/// A judgement that is awaited: dropping this drops it.
#[derive(Debug)]
pub(super) struct Awaited(#[expect(dead_code, reason = "dropping it is what counts")] oneshot::Sender<()>);

struct Case {
    chain: Arc<Chain>,
    attempt: Box<Attempt>,
    /// Ends when the stranger does.
    gone: oneshot::Receiver<()>,
    answer: Answer,
}

/// Owes the lobby an answer: one that is dropped, since an authenticator has panicked, says that there is none.
struct Answer {
    id: ConnectionId,
    /// None once it is given.
    shared: Option<Arc<Shared>>,
}

impl Judges {
    pub(super) fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let config = shared.hub.config();
        // the lobby has no more strangers than these
        let (cases, receiver) = mpsc::channel(config.lobby.half_open.clamp(1, 1 << 20));
        let workers = usize::from(config.auth.workers.get());
        let runtime =
            Builder::new_current_thread().enable_all().max_blocking_threads(workers + BLOCKING).build()?;
        let linger = config.limits.linger;
        let thread = thread::Builder::new().name("mqtt-auth".to_owned()).spawn(move || {
            run(&runtime, receiver);
            runtime.shutdown_timeout(linger);
        })?;
        Ok(Self { cases: Some(cases), shared: Arc::clone(shared), thread: Some(thread) })
    }

    /// Has a stranger judged; None if too many are.
    pub(super) fn submit(
        &self,
        id: ConnectionId,
        chain: Arc<Chain>,
        attempt: Box<Attempt>,
    ) -> Option<Awaited> {
        let (sender, gone) = oneshot::channel();
        let place = self.cases.as_ref()?.try_reserve().ok()?;
        let answer = Answer { id, shared: Some(Arc::clone(&self.shared)) };
        place.send(Case { chain, attempt, gone, answer });
        Some(Awaited(sender))
    }
}

impl Drop for Judges {
    fn drop(&mut self) {
        self.cases = None;
        if let Some(thread) = self.thread.take() {
            // it has told of its panic
            let _ = thread.join();
        }
    }
}

fn run(runtime: &Runtime, mut cases: mpsc::Receiver<Case>) {
    runtime.block_on(async {
        while let Some(case) = cases.recv().await {
            tokio::spawn(case.judge());
        }
    });
}

impl Case {
    async fn judge(self) {
        let Self { chain, attempt, gone, mut answer } = self;
        tokio::select! {
            biased;
            _ = gone => answer.shared = None,
            outcome = chain.judge(&attempt) => answer.give(outcome),
        }
    }
}

impl Answer {
    fn give(&mut self, outcome: Result<Identity, Rejected>) {
        let Some(shared) = self.shared.take() else { return };
        let mut findings = shared.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(Finding { id: self.id, outcome });
        let is_first = findings.len() == 1;
        drop(findings);
        if is_first {
            shared.hub.wake(shared.hub.lobby());
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.give(Err(Rejected { refused: Refused::Unavailable, by: None }));
    }
}

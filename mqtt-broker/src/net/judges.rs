//! The thread on which authenticators judge, apart from all that serve clients.

use std::io;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bytes::Bytes;
use mqtt_codec::Text;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, oneshot};

use super::shard_loop::Shared;
use crate::auth::{Attempt, AuthStep, Chain, Identity, Refused, Rejected};
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

/// What was found out about a connection.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) id: ConnectionId,
    pub(super) judgement: Judgement,
}

/// What follows for the connection.
#[derive(Debug)]
pub(super) enum Judgement {
    /// This is who it is, and by what the server proves itself.
    Admitted(Identity, Option<Bytes>),
    /// Enhanced authentication asks this of the client.
    Asked(Bytes),
    Rejected(Rejected),
}

/// A judgement that is awaited: dropping this drops it.
#[derive(Debug)]
pub(super) struct Awaited {
    /// What the client says in enhanced authentication.
    words: mpsc::Sender<Option<Bytes>>,
    #[expect(dead_code, reason = "dropping it is what counts")]
    gone: oneshot::Sender<()>,
}

impl Awaited {
    /// Passes on what the client has answered; false if nobody listens.
    pub(super) fn say(&self, data: Option<Bytes>) -> bool {
        self.words.try_send(data).is_ok()
    }
}

/// What is to be judged.
#[derive(Debug)]
pub(super) struct Plea {
    pub(super) id: ConnectionId,
    /// Where the connection lives.
    pub(super) shard: u16,
    pub(super) chain: Arc<Chain>,
    pub(super) attempt: Box<Attempt>,
    /// The method of enhanced authentication, and its first data.
    pub(super) enhanced: Option<(Text, Option<Bytes>)>,
    /// How long it may take, if the connection itself has no deadline for that.
    pub(super) timeout: Option<Duration>,
}

pub(super) struct Case {
    plea: Plea,
    words: mpsc::Receiver<Option<Bytes>>,
    /// Ends when the connection does.
    gone: oneshot::Receiver<()>,
    answer: Answer,
}

/// Owes a shard an answer: one that is dropped, since an authenticator has panicked, says that there is none.
struct Answer {
    id: ConnectionId,
    shard: u16,
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

    /// Where others hand in, as long as this lives.
    pub(super) fn entrance(&self) -> Option<mpsc::WeakSender<Case>> {
        self.cases.as_ref().map(mpsc::Sender::downgrade)
    }

    /// Has a stranger judged; None if too many are.
    pub(super) fn submit(&self, plea: Plea) -> Option<Awaited> {
        submit(self.cases.as_ref()?, &self.shared, plea)
    }
}

/// Has a connection judged; None if too many are.
pub(super) fn submit(cases: &mpsc::Sender<Case>, shared: &Arc<Shared>, plea: Plea) -> Option<Awaited> {
    let place = cases.try_reserve().ok()?;
    let (sender, gone) = oneshot::channel();
    // whoever answers was asked before
    let (words, heard) = mpsc::channel(1);
    let answer = Answer { id: plea.id, shard: plea.shard, shared: Some(Arc::clone(shared)) };
    place.send(Case { plea, words: heard, gone, answer });
    Some(Awaited { words, gone: sender })
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
        let Self { plea: Plea { chain, attempt, enhanced, timeout, .. }, words, gone, mut answer } = self;
        let judging = async {
            match enhanced {
                None => match chain.judge(&attempt).await {
                    Ok(identity) => Judgement::Admitted(identity, None),
                    Err(rejected) => Judgement::Rejected(rejected),
                },
                Some((method, first)) => converse(&chain, &attempt, &method, first, words, &answer)
                    .await
                    .unwrap_or_else(Judgement::Rejected),
            }
        };
        let late = async {
            match timeout {
                Some(timeout) => tokio::time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        let judgement = tokio::select! {
            biased;
            _ = gone => None,
            judgement = judging => Some(judgement),
            () = late => Some(Judgement::Rejected(Rejected { refused: Refused::NotAuthorized, by: None })),
        };
        match judgement {
            Some(judgement) => answer.give(judgement),
            None => answer.shared = None,
        }
    }
}

/// Enhanced authentication, step by step, until it is known what follows.
async fn converse(
    chain: &Chain,
    attempt: &Attempt,
    method: &str,
    first: Option<Bytes>,
    mut words: mpsc::Receiver<Option<Bytes>>,
    answer: &Answer,
) -> Result<Judgement, Rejected> {
    let (judge, mut exchange) = chain.exchange(method, attempt)?;
    let mut data = first;
    loop {
        match exchange.step(data.as_deref()).await {
            AuthStep::Continue(challenge) => answer.tell(Judgement::Asked(challenge)),
            AuthStep::Admit { identity, data } => {
                judge.note_admitted();
                return Ok(Judgement::Admitted(identity, data));
            }
            AuthStep::Refuse(refused) => return Err(judge.reject(refused)),
        }
        // the connection ends together with its words
        data = words.recv().await.ok_or(Rejected { refused: Refused::Unavailable, by: None })?;
    }
}

impl Answer {
    /// The last word.
    fn give(&mut self, judgement: Judgement) {
        self.tell(judgement);
        self.shared = None;
    }

    fn tell(&self, judgement: Judgement) {
        let Some(shared) = &self.shared else { return };
        let Some(findings) = shared.findings.get(usize::from(self.shard)) else { return };
        let mut findings = findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.push(Finding { id: self.id, judgement });
        let is_first = findings.len() == 1;
        drop(findings);
        if is_first {
            shared.hub.wake(self.shard);
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.tell(Judgement::Rejected(Rejected { refused: Refused::Unavailable, by: None }));
    }
}

//! An authenticator that does what the user name says.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mqtt_broker::auth::{Attempt, Authenticator, Decision, Identity, Judging, Refused};
use tokio::sync::Semaphore;

/// Judges by the user name alone: `wrong`, `barred`, `down`, `expired`, `short`, `gated`, `never` and `panic` are special,
/// everybody else is admitted. About who has no user name it says nothing.
#[derive(Debug)]
pub(crate) struct ByName {
    /// Lets users of the name `gated` in, one for each permit.
    gate: Semaphore,
    heard: Mutex<Sender<Heard>>,
}

/// What became of a judgement of a user of the name `never`.
#[derive(Debug, PartialEq)]
pub(crate) enum Heard {
    Begun,
    Dropped,
}

/// Says when it begins and ends.
struct Told(Sender<Heard>);

impl Told {
    fn new(heard: Sender<Heard>) -> Self {
        // the test may be over
        let _ = heard.send(Heard::Begun);
        Self(heard)
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        // the test may be over
        let _ = self.0.send(Heard::Dropped);
    }
}

impl ByName {
    /// The receiver hears of judgements of users of the name `never`.
    pub(crate) fn new() -> (Arc<Self>, Receiver<Heard>) {
        let (heard, receiver) = channel();
        (Arc::new(Self { gate: Semaphore::new(0), heard: Mutex::new(heard) }), receiver)
    }

    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    async fn judge(&self, attempt: &Attempt) -> Decision {
        let Some(name) = &attempt.user_name else { return Decision::Pass };
        let mut identity = Identity { user_name: Some(name.clone()), ..Identity::default() };
        match &**name {
            "wrong" => return Decision::Refuse(Refused::Credentials),
            "barred" => return Decision::Refuse(Refused::NotAuthorized),
            "down" => return Decision::Refuse(Refused::Unavailable),
            "expired" => identity.expires = Some(SystemTime::UNIX_EPOCH),
            "short" => identity.expires = Some(SystemTime::now() + Duration::from_millis(50)),
            "gated" => self.gate.acquire().await.expect("it stays open").forget(),
            "never" => {
                let _told = Told::new(self.heard.lock().expect("no panic").clone());
                return std::future::pending().await;
            }
            "panic" => panic!("the test wants it"),
            _ => {}
        }
        Decision::Admit(identity)
    }
}

impl Authenticator for ByName {
    fn name(&self) -> &'static str {
        "by_name"
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        Box::pin(self.judge(attempt))
    }
}

//! What a client and the server say to each other.

use std::mem;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;
use mqtt_codec::Text;

use super::Shared;
use super::error::Doubt;
use super::keys::Keys;
use super::message::{First, Last};
use super::users::prepare;
use crate::auth::{Attempt, AuthStep, Exchange, Identity, Judging};

/// Bytes of randomness that a nonce of the server adds.
const NONCE: usize = 18;

/// One client that authenticates.
pub(super) struct Conversation {
    shared: Arc<Shared>,
    peer: Option<IpAddr>,
    client_id: Text,
    /// User Name of CONNECT, if it matters.
    user_name: Option<Text>,
    /// Prepared, once it has said who it is.
    user: Option<Text>,
    pub(super) state: State,
}

pub(super) enum State {
    New,
    Asked(Box<Asked>),
    Over,
}

/// What was said so far.
pub(super) struct Asked {
    user: Text,
    pub(super) keys: Keys,
    is_known: bool,
    /// Whether the client wants to act for somebody else.
    is_for_other: bool,
    header: String,
    nonce: String,
    /// The first message of the client without its header, and that of the server: both sides sign them.
    messages: String,
}

impl Exchange for Conversation {
    fn step<'a>(&'a mut self, data: Option<&'a [u8]>) -> Judging<'a, AuthStep> {
        Box::pin(async move {
            self.judge(data.unwrap_or_default()).unwrap_or_else(|doubt| {
                // as debug text: names may contain anything
                let (user, client_id) = (self.user.as_deref(), self.client_id.as_str());
                tracing::debug!(?user, ?client_id, "a client that speaks SCRAM is refused: {doubt}");
                AuthStep::Refuse(doubt.refused())
            })
        })
    }
}

impl Conversation {
    pub(super) fn new(shared: &Arc<Shared>, attempt: &Attempt) -> Self {
        Self {
            shared: Arc::clone(shared),
            peer: attempt.peer,
            client_id: attempt.client_id.clone(),
            user_name: attempt.user_name.clone().filter(|_| shared.match_user_name),
            user: None,
            state: State::New,
        }
    }

    pub(super) fn judge(&mut self, data: &[u8]) -> Result<AuthStep, Doubt> {
        let state = mem::replace(&mut self.state, State::Over);
        if data.len() > self.shared.message_size {
            return Err(Doubt::Long);
        }
        let text = str::from_utf8(data).map_err(|_| Doubt::Malformed)?;
        match state {
            State::New => {
                let mut more = [0; NONCE];
                getrandom::fill(&mut more).map_err(|_| Doubt::Random)?;
                self.ask(text, &BASE64.encode(&more))
            }
            State::Asked(asked) => self.conclude(*asked, text),
            State::Over => Err(Doubt::Unexpected),
        }
    }

    pub(super) fn ask(&mut self, text: &str, more: &str) -> Result<AuthStep, Doubt> {
        let First { header, authorization, bare, user, nonce } = First::parse(text)?;
        let user = prepare(&user).and_then(|user| Text::new(&user).ok()).ok_or(Doubt::UserName)?;
        self.user = Some(user.clone());
        self.check_guesses(&user)?;
        // made for everybody, which takes the same time for everybody
        let unknown = self.shared.unknown.keys(&user);
        let known = self.shared.users.keys(&user);
        let keys = known.cloned().unwrap_or(unknown);
        let nonce = format!("{nonce}{more}");
        let challenge = format!("r={nonce},s={},i={}", BASE64.encode(&keys.salt), keys.iterations);
        if challenge.len() > Text::MAX_LEN {
            // no AUTH could hold it
            return Err(Doubt::Long);
        }
        self.state = State::Asked(Box::new(Asked {
            is_known: known.is_some(),
            is_for_other: authorization.is_some_and(|name| prepare(&name).as_deref() != Some(&*user)),
            messages: format!("{bare},{challenge}"),
            header: header.to_owned(),
            user,
            keys,
            nonce,
        }));
        Ok(AuthStep::Continue(challenge.into()))
    }

    fn conclude(&self, asked: Asked, text: &str) -> Result<AuthStep, Doubt> {
        let Asked { user, keys, is_known, is_for_other, header, nonce, messages } = asked;
        let last = Last::parse(text)?;
        if last.header != header.as_bytes() {
            return Err(Doubt::Binding);
        }
        if last.nonce != nonce {
            return Err(Doubt::Nonce);
        }
        // again: of many that began together others may have failed meanwhile
        self.check_guesses(&user)?;
        let message = format!("{messages},{}", last.without_proof);
        if !(keys.verify(&message, &last.proof) & is_known) {
            self.shared.guesses().fail(self.shared.now(), &user, self.peer);
            return Err(Doubt::Proof);
        }
        self.shared.guesses().succeed(&user, self.peer);
        if is_for_other {
            return Err(Doubt::OtherAuthorization);
        }
        if self.user_name.as_ref().is_some_and(|name| *name != user) {
            return Err(Doubt::OtherUserName);
        }
        let proof = format!("v={}", BASE64.encode(&keys.signature(&message)));
        let identity = Identity { user_name: Some(user), ..Identity::default() };
        Ok(AuthStep::Admit { identity, data: Some(Bytes::from(proof)) })
    }

    /// No proof of a user is looked at for a while after many that were wrong.
    fn check_guesses(&self, user: &str) -> Result<(), Doubt> {
        let is_delayed = self.shared.guesses().is_delayed(self.shared.now(), user, self.peer);
        if is_delayed { Err(Doubt::Guessing) } else { Ok(()) }
    }
}

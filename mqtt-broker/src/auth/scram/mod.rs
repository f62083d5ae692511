//! Passwords that are proved and not shown: SCRAM-SHA-256 of RFC 5802 and RFC 7677, as enhanced authentication of 5.0.
//!
//! ```text
//!  client                                             server
//!    | CONNECT        n,,n=USER,r=NONCE                 |
//!    |------------------------------------------------->|  keys of the user, or made up ones
//!    | AUTH           r=NONCE+MORE,s=SALT,i=ITERATIONS  |
//!    |<-------------------------------------------------|
//!    | AUTH           c=biws,r=NONCE+MORE,p=PROOF       |
//!    |------------------------------------------------->|  guesses? proof?
//!    | CONNACK        v=SIGNATURE                       |
//!    |<-------------------------------------------------|
//! ```
//!
//! Authenticating anew goes the same way, from an AUTH to an AUTH. Who is unknown is asked as others are: with the iterations
//! and the length of salt that most users have, and a salt that belongs to the name. Channel binding is another method,
//! SCRAM-SHA-256-PLUS, which nobody speaks here.

mod error;
mod keys;
mod message;
mod users;

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::mem;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use data_encoding::BASE64;
use mqtt_codec::Text;
use mqtt_session::Time;

use super::password::{LineError, warn_if_open};
use super::{Attempt, AuthStep, Authenticator, Decision, Exchange, Identity, Judging};
use crate::config::{GuessLimits, ScramSettings};
use crate::core::Guesses;
use error::Doubt;
use keys::{Key, Keys};
use message::{First, Last};
use users::{Unknown, prepare};

pub use error::{NewUserError, ScramFileError};
pub use users::Users;

/// Iterations of a new password unless somebody says otherwise: what OWASP's Password Storage Cheat Sheet recommends for
/// PBKDF2 with HMAC-SHA-256. Clients do them, some 0.2 s of a processor of today; the server does none.
pub const DEFAULT_ITERATIONS: u32 = 600_000;

/// The least iterations, which RFC 7677 allows and clients accept. Enough for passwords that are random and long.
pub const LEAST_ITERATIONS: u32 = keys::LEAST_ITERATIONS;

/// Bytes of the salt of a new password.
pub const SALT: usize = 16;

/// Bytes of randomness that a nonce of the server adds.
const NONCE: usize = 18;

/// Judges by SCRAM-SHA-256.
pub struct Scram(Arc<Shared>);

/// What all conversations have in common.
struct Shared {
    path: PathBuf,
    users: Users,
    unknown: Unknown,
    match_user_name: bool,
    message_size: usize,
    guesses: Mutex<Guesses>,
    start: Instant,
}

impl Scram {
    /// What it is called in counters and in the `auth` of listeners.
    pub const NAME: &str = "scram";

    /// The Authentication Method.
    pub const METHOD: &str = "SCRAM-SHA-256";

    /// Reads the file with the users. A later change of it is not seen.
    ///
    /// # Errors
    /// If the file cannot be read, or which line is none of such a file.
    pub fn new(settings: &ScramSettings, guesses: &GuessLimits) -> Result<Self, ScramFileError> {
        if settings.file.as_os_str().is_empty() {
            return Err(ScramFileError::NoFile);
        }
        let users = read(&settings.file)?;
        Self::of(users, settings, guesses.clone())
    }

    fn of(users: Users, settings: &ScramSettings, guesses: GuessLimits) -> Result<Self, ScramFileError> {
        let secret = users.secret().map_or_else(secret_of_process, Ok).map_err(ScramFileError::Random)?;
        Ok(Self(Arc::new(Shared {
            path: settings.file.clone(),
            unknown: users.unknown(&secret),
            users,
            match_user_name: settings.match_user_name,
            message_size: settings.message_size,
            guesses: Mutex::new(Guesses::new(guesses, RandomState::new().hash_one(0))),
            start: Instant::now(),
        })))
    }
}

impl Authenticator for Scram {
    fn name(&self) -> &str {
        Self::NAME
    }

    /// A password that is shown is nothing for SCRAM.
    fn authenticate<'a>(&'a self, _: &'a Attempt) -> Judging<'a, Decision> {
        Box::pin(async { Decision::Pass })
    }

    fn exchange(&self, method: &str, attempt: &Attempt) -> Option<Box<dyn Exchange>> {
        (method == Self::METHOD).then(|| Box::new(Conversation::new(&self.0, attempt)) as _)
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scram")
            .field("path", &self.0.path)
            .field("users", &self.0.users)
            .finish_non_exhaustive()
    }
}

fn read(path: &Path) -> Result<Users, ScramFileError> {
    let unreadable = |error| ScramFileError::Read { path: path.to_owned(), error };
    let text = fs::read(path).map_err(unreadable)?;
    let wrong = |error| ScramFileError::Line { path: path.to_owned(), error };
    let text = str::from_utf8(&text).map_err(|error| wrong(LineError::no_text(&text, error)))?;
    let users = text.parse().map_err(wrong)?;
    warn_if_open(path);
    Ok(users)
}

/// For files without one. It outlives a reload, but not the process.
fn secret_of_process() -> io::Result<Key> {
    static SECRET: OnceLock<Key> = OnceLock::new();
    if let Some(secret) = SECRET.get() {
        return Ok(*secret);
    }
    let mut secret = Key::default();
    getrandom::fill(&mut secret)?;
    Ok(*SECRET.get_or_init(|| secret))
}

/// One client that authenticates.
struct Conversation {
    shared: Arc<Shared>,
    peer: Option<IpAddr>,
    client_id: Text,
    /// User Name of CONNECT, if it matters.
    user_name: Option<Text>,
    state: State,
}

enum State {
    New,
    Asked(Box<Asked>),
    Over,
}

/// What was said so far.
struct Asked {
    /// Prepared.
    user: String,
    keys: Keys,
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
                let client_id = self.client_id.as_str();
                tracing::debug!(client_id, "a client that speaks SCRAM is refused: {doubt}");
                AuthStep::Refuse(doubt.refused())
            })
        })
    }
}

impl Conversation {
    fn new(shared: &Arc<Shared>, attempt: &Attempt) -> Self {
        Self {
            shared: Arc::clone(shared),
            peer: attempt.peer,
            client_id: attempt.client_id.clone(),
            user_name: attempt.user_name.clone().filter(|_| shared.match_user_name),
            state: State::New,
        }
    }

    fn judge(&mut self, data: &[u8]) -> Result<AuthStep, Doubt> {
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

    fn ask(&mut self, text: &str, more: &str) -> Result<AuthStep, Doubt> {
        let First { header, authorization, bare, user, nonce } = First::parse(text)?;
        let user = prepare(&user).ok_or(Doubt::UserName)?;
        self.check_guesses(&user)?;
        // made for everybody, which takes the same time for everybody
        let unknown = self.shared.unknown.keys(&user);
        let known = self.shared.users.keys(&user);
        let keys = known.cloned().unwrap_or(unknown);
        let nonce = format!("{nonce}{more}");
        let challenge = format!("r={nonce},s={},i={}", BASE64.encode(&keys.salt), keys.iterations);
        self.state = State::Asked(Box::new(Asked {
            is_known: known.is_some(),
            is_for_other: authorization.is_some_and(|name| prepare(&name).as_ref() != Some(&user)),
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
        if self.user_name.as_deref().is_some_and(|name| name != user) {
            return Err(Doubt::OtherUserName);
        }
        let user_name = Some(Text::new(&user).map_err(|_| Doubt::UserName)?);
        let proof = format!("v={}", BASE64.encode(&keys.signature(&message)));
        let identity = Identity { user_name, ..Identity::default() };
        Ok(AuthStep::Admit { identity, data: Some(Bytes::from(proof)) })
    }

    /// No proof of a user is looked at for a while after many that were wrong.
    fn check_guesses(&self, user: &str) -> Result<(), Doubt> {
        let is_delayed = self.shared.guesses().is_delayed(self.shared.now(), user, self.peer);
        if is_delayed { Err(Doubt::Guessing) } else { Ok(()) }
    }
}

impl Shared {
    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }
}

#[cfg(test)]
mod tests;

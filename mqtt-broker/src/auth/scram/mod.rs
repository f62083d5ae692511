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

mod conversation;
mod error;
mod keys;
mod message;
mod users;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use mqtt_session::Time;

use super::password::{LineError, warn_if_open};
use super::{Attempt, Authenticator, Decision, Exchange, Judging};
use crate::config::{GuessLimits, ScramSettings};
use crate::core::Guesses;
use crate::files;
use conversation::Conversation;
use keys::Key;
use users::Unknown;

pub use error::{NewUserError, ScramFileError};
pub use users::Users;

/// Iterations of a new password unless somebody says otherwise: what OWASP's Password Storage Cheat Sheet recommends for
/// PBKDF2 with HMAC-SHA-256. Clients do them, some 0.2 s of a processor of today; the server does none.
pub const DEFAULT_ITERATIONS: u32 = 600_000;

/// The least iterations, which RFC 7677 allows and clients accept. Enough for passwords that are random and long.
pub const LEAST_ITERATIONS: u32 = keys::LEAST_ITERATIONS;

/// Bytes of the salt of a new password.
pub const SALT: usize = 16;

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
    let text = files::read(path).map_err(unreadable)?;
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

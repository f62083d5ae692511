//! Users with passwords, from a file.
//!
//! ```text
//!  user, password ---> cache? ---> a worker is free? ---> too many guesses? ---> hash, compare
//!                        | hit                               |
//!                        v                                   v
//!                      Admit                               Refuse
//! ```
//!
//! Whether a user is known makes no difference on this way but at its end: a user who is not takes the place of one whose
//! password never matches, with the same kind of hash. That was a wrong guess unless somebody who is asked later knows the
//! user: those whom a server knows are not held up by a file in which they are not.

mod cache;
mod edit;
mod error;
mod users;
mod verifier;

use std::fmt;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use mqtt_codec::Text;
use mqtt_session::Time;

use super::turns::Turns;
use super::{Attempt, Authenticator, Decision, Identity, Judging, Refused};
use crate::config::AuthSettings;
use crate::core::Guesses;
use crate::files;
use cache::{Cache, Key};
use verifier::Verifier;

#[cfg(feature = "scram")]
pub(super) use edit::replaced;
pub use error::{LineError, LineFault, PasswordFileError, UserNameError};
pub use users::Users;
#[cfg(feature = "scram")]
pub(super) use users::check_name;

/// Judges by user name and password, which a file holds as hashes.
pub struct PasswordFile {
    path: PathBuf,
    users: Users,
    /// Who may hash.
    workers: Arc<Turns>,
    cache: Mutex<Cache>,
    guesses: Mutex<Guesses>,
    start: Instant,
}

impl PasswordFile {
    /// What it is called in counters and in the `auth` of listeners.
    pub const NAME: &str = "password_file";

    /// Reads a file. A later change of it is not seen.
    ///
    /// # Errors
    /// If the file cannot be read, or which line is none of a password file.
    pub fn read(path: &Path, settings: &AuthSettings) -> Result<Self, PasswordFileError> {
        let unreadable = |error| PasswordFileError::Read { path: path.to_owned(), error };
        let text = files::read(path).map_err(unreadable)?;
        let wrong = |error| PasswordFileError::Line { path: path.to_owned(), error };
        let text = str::from_utf8(&text).map_err(|error| wrong(LineError::no_text(&text, error)))?;
        let users = text.parse().map_err(wrong)?;
        warn_if_open(path);
        Ok(Self::new(path.to_owned(), users, settings))
    }

    fn new(path: PathBuf, users: Users, settings: &AuthSettings) -> Self {
        Self {
            path,
            users,
            workers: Turns::new(settings.workers.get().into()),
            cache: Mutex::new(Cache::new(settings.cache, settings.cache_time)),
            guesses: Mutex::new(Guesses::new(settings.guesses.clone(), RandomState::new().hash_one(0))),
            start: Instant::now(),
        }
    }

    async fn judge(&self, attempt: &Attempt) -> Decision {
        let (Some(user), Some(password)) = (&attempt.user_name, &attempt.password) else {
            return Decision::Pass;
        };
        let Some((verifier, is_known)) = self.users.verifier(user) else { return Decision::Pass };
        let key = self.cache().key(user, password.expose(), &verifier);
        if is_known && self.cache().contains(self.now(), &key) {
            return admit(user);
        }
        let Some(worker) = self.workers.next(attempt.peer).await else {
            return Decision::Refuse(Refused::Unavailable);
        };
        // somebody with the same password may have been here meanwhile
        if is_known && self.cache().contains(self.now(), &key) {
            return admit(user);
        }
        if self.guesses().is_delayed(self.now(), user, attempt.peer) {
            return Decision::Refuse(Refused::Guessing);
        }
        let password = password.clone();
        let hashing = tokio::task::spawn_blocking(move || {
            // also if nobody waits for the answer any more, the core is busy until then
            let _worker = worker;
            verifier.verify(password.expose())
        });
        let Ok(matches) = hashing.await else { return Decision::Refuse(Refused::Unavailable) };
        if is_known {
            return self.conclude(attempt, user, key, matches);
        }
        tracing::debug!(
            ?user,
            client_id = attempt.client_id.as_str(),
            "a password is refused: the file has no such user"
        );
        Decision::Pass
    }

    fn conclude(&self, attempt: &Attempt, user: &Text, key: Key, matches: bool) -> Decision {
        if !matches {
            tracing::debug!(
                ?user,
                client_id = attempt.client_id.as_str(),
                "a password is refused: the user has another one"
            );
            self.guesses().fail(self.now(), user, attempt.peer);
            return Decision::Refuse(Refused::Credentials);
        }
        self.guesses().succeed(user, attempt.peer);
        self.cache().insert(self.now(), key);
        admit(user)
    }

    fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guesses(&self) -> MutexGuard<'_, Guesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }
}

impl Authenticator for PasswordFile {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        Box::pin(self.judge(attempt))
    }

    fn note_refused(&self, attempt: &Attempt) {
        if let (Some(user), Some(_)) = (&attempt.user_name, &attempt.password)
            && self.users.verifier(user).is_some_and(|(_, is_known)| !is_known)
        {
            self.guesses().fail(self.now(), user, attempt.peer);
        }
    }
}

impl fmt::Debug for PasswordFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordFile")
            .field("path", &self.path)
            .field("users", &self.users)
            .finish_non_exhaustive()
    }
}

fn admit(user: &Text) -> Decision {
    Decision::Admit(Identity { user_name: Some(user.clone()), ..Identity::default() })
}

/// Hashes that anybody on the machine can read are guessed at leisure. A group may read them: that of the broker.
#[cfg(unix)]
pub(super) fn warn_if_open(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = fs::metadata(path) else { return };
    if metadata.is_file() && metadata.permissions().mode() & 0o026 != 0 {
        let path = path.display();
        tracing::warn!("{path} can be read by everybody, or changed by others: chmod 640 it");
    }
}

#[cfg(not(unix))]
pub(super) fn warn_if_open(_: &Path) {}

#[cfg(test)]
mod tests;

//! A server that is asked over HTTP: `POST` with what a client shows, as JSON.
//!
//! ```text
//!  {"client_id": "c", "user_name": "alice", "password": "pencil", "peer": "192.0.2.1", "listener": "tls://0.0.0.0:8883",
//!   "protocol_version": 5, "certificate_subject": "CN=c"}
//!
//!  200  {"result": "allow", "user_name": "alice", "groups": ["g"], "expires_in": 3600, "acl": {"publish": ["a/#"]}}
//!       {"result": "deny"}       wrong, and nobody else is asked
//!       {"result": "ignore"}     others may be asked
//!  204  allow
//!  401  wrong credentials        403  known, and not allowed to connect
//! ```
//!
//! In an answer only `result` has to be there; the user name of CONNECT is that of the client then. Any other status (the
//! broker follows no redirection), an answer that is none, one that is too long or takes too long, and a server that is not
//! there let nobody in: the client is told that the server is unavailable. A server that is asked in vain is logged once,
//! and once more when it answers again.

mod answer;
mod cache;
mod connections;
mod error;
mod question;
mod target;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use super::{Attempt, Authenticator, Decision, Judging, Refused};
use crate::config::HttpSettings;
use answer::decision;
use cache::Cache;
use connections::Connections;
use error::Failure;
pub use error::HttpError;
use question::question;
use target::Target;

/// Has a server judge clients.
#[derive(Debug)]
pub struct Http {
    connections: Connections,
    timeout: Duration,
    cache: Mutex<Cache>,
    /// Whether the last question had no answer.
    is_silent: AtomicBool,
}

impl Http {
    /// Reads what it takes to ask; the server is not asked yet.
    ///
    /// # Errors
    /// If that is not how a server can be asked.
    pub fn new(settings: &HttpSettings) -> Result<Self, HttpError> {
        let target = Target::new(settings)?;
        Ok(Self {
            connections: Connections::new(target, settings),
            timeout: settings.timeout,
            cache: Mutex::new(Cache::new(settings)),
            is_silent: AtomicBool::new(false),
        })
    }

    async fn judge(&self, attempt: &Attempt) -> Decision {
        let question = question(attempt);
        let fingerprint = {
            let cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            let fingerprint = cache.fingerprint(&question);
            let known = fingerprint.and_then(|found| cache.get(&found, Instant::now(), SystemTime::now()));
            if let Some(known) = known {
                return known;
            }
            fingerprint
        };
        let asked = self.ask(question, attempt);
        let outcome = tokio::time::timeout(self.timeout, asked).await.unwrap_or(Err(Failure::Timeout));
        self.note(outcome.as_ref().err());
        let Ok(decision) = outcome else { return Decision::Refuse(Refused::Unavailable) };
        if let Some(fingerprint) = fingerprint {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            cache.insert(fingerprint, &decision, Instant::now());
        }
        decision
    }

    async fn ask(&self, question: Bytes, attempt: &Attempt) -> Result<Decision, Failure> {
        let (status, body) = self.connections.ask(question, attempt.peer).await?;
        decision(status, &body, attempt, SystemTime::now())
    }

    /// Logs when the server falls silent, and when it is back.
    fn note(&self, failure: Option<&Failure>) {
        let was_silent = self.is_silent.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(failure) if !was_silent => {
                tracing::warn!("auth.http lets nobody in until the server answers: {failure}");
            }
            None if was_silent => tracing::info!("the server of auth.http answers again"),
            _ => {}
        }
    }
}

impl Authenticator for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        Box::pin(self.judge(attempt))
    }
}

#[cfg(test)]
mod tests;

//! A server that is asked.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

/// An HTTP server that is asked who a client is, by POST with what the client shows as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// Where it is: `https://auth.example/mqtt`. Over `http://` passwords can be read on the way. No default.
    pub url: String,
    /// PEM file with the CAs that may have signed the certificate of the server. Default: those that the system trusts.
    pub ca: Option<PathBuf>,
    /// File with a token by which the broker shows who it is, in the header `Authorization: Bearer`. A line break at its
    /// end is no part of it. Default: none.
    pub bearer_token: Option<PathBuf>,
    /// How long the answer may take, with all that comes before it. Default 3 s: clients wait for it.
    pub timeout: Duration,
    /// Connections to the server, and so questions at once; further ones wait. They are kept open. Default 16.
    pub connections: NonZeroU16,
    /// Bytes of an answer. Default 16 KiB.
    pub answer_size: usize,
    /// Answers that are remembered: so many by which a client was admitted, and so many others. Default 10,000; 0 switches it
    /// off. Neither passwords nor anything that they could be found out from are kept.
    pub cache: usize,
    /// How long it is remembered that a client was admitted, and so how long a client may come back that the server would
    /// refuse by now. Default 60 s: after a restart of the broker or of the network most clients come twice.
    pub cache_admitted: Duration,
    /// How long it is remembered that a client was not admitted. Default 5 s: clients with a wrong password try again at
    /// once, and people who have set it right do not wait.
    pub cache_refused: Duration,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            ca: None,
            bearer_token: None,
            timeout: Duration::from_secs(3),
            connections: NonZeroU16::new(16).unwrap_or(NonZeroU16::MIN),
            answer_size: 16 << 10,
            cache: 10_000,
            cache_admitted: Duration::from_secs(60),
            cache_refused: Duration::from_secs(5),
        }
    }
}

//! What is wrong with the settings of the server that is asked, and what to do about it; and with the server.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Why no server can be asked.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HttpError {
    /// A file with no CA that could be used.
    #[error("auth.http.ca {} cannot be used: {error}; it has to be a PEM file with certificates", path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong in it.
        error: String,
    },
    /// A file cannot be read.
    #[error("cannot read auth.http.{option} {}: {error}", path.display())]
    Read {
        /// The setting.
        option: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// TLS does not find what the system trusts.
    #[error("auth.http: TLS cannot be used: {0}")]
    Tls(rustls::Error),
    /// Something that no header can carry.
    #[error("auth.http.bearer_token {} is empty, or has characters that no HTTP header has", path.display())]
    Token {
        /// The file.
        path: PathBuf,
    },
    /// A place that cannot be asked.
    #[error(
        "auth.http.url \"{url}\" has to be http:// or https:// with a host, and without user name and password: those belong \
         into a file, see bearer_token"
    )]
    Url {
        /// The setting, without what stands before an @.
        url: String,
    },
}

impl HttpError {
    pub(in crate::auth) fn setting(&self) -> &'static str {
        match self {
            Self::Ca { .. } | Self::Read { option: "ca", .. } => "auth.http.ca",
            Self::Read { .. } | Self::Token { .. } => "auth.http.bearer_token",
            Self::Url { url } if !url.is_empty() => "auth.http.url",
            Self::Tls(_) | Self::Url { .. } => "auth.http",
        }
    }
}

/// Why a question has no answer.
#[derive(Debug, Error)]
pub(super) enum Failure {
    #[error("its answer cannot be understood: {0}")]
    Answer(serde_json::Error),
    #[error("it cannot be reached: {0}")]
    Connect(io::Error),
    #[error("it does not keep to HTTP, or has closed the connection: {0}")]
    Http(#[from] hyper::Error),
    #[error("its answer has more than {0} bytes (auth.http.answer_size), or ends too early")]
    Size(usize),
    #[error("it answers with status {0}, which is neither 200 nor 204, 401, 403")]
    Status(u16),
    #[error("its answer takes longer than auth.http.timeout")]
    Timeout,
}

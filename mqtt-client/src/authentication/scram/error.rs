//! What can go wrong with SCRAM.

/// Why SCRAM was not begun, or not gone on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramError {
    /// The server says that it failed, and why in SCRAM's own words.
    #[error("the server says: {0}")]
    Failed(String),
    /// An attribute is no base64.
    #[error("the server's {0}= is no base64")]
    Base64(char),
    /// The server asks for an extension that has to be understood.
    #[error("the server wants an extension of SCRAM that is unknown here")]
    Extension,
    /// The iteration count is no number of 32 bits.
    #[error("the server's iteration count is no number")]
    Iterations,
    /// A message has more than it should, in another form.
    #[error("the server's message has an attribute that is none")]
    Malformed,
    /// An attribute is not where it should be.
    #[error("the server's message lacks {0}=, or has something else in its place")]
    Missing(char),
    /// The server's nonce does not begin with that of the client, or adds nothing to it.
    #[error("the server's nonce does not continue the client's: it answers somebody else")]
    Nonce,
    /// The message is not UTF-8.
    #[error("the server's message is not UTF-8")]
    NotText,
    /// The password holds characters that SASLprep prohibits.
    #[error("the password holds characters that SASLprep prohibits")]
    Password,
    /// The system has no random numbers to give.
    #[error("the system gives no random numbers: {0}")]
    Random(String),
    /// The server signs what it cannot know without the password: wrongly.
    #[error("the server's signature is wrong: it does not know the password")]
    Signature,
    /// Fewer iterations than RFC 7677 allows: the proof would tell too much about the password.
    #[error("the server wants {0} iterations, and RFC 7677 at least 4096")]
    TooFewIterations(u32),
    /// More iterations than the client is ready to do.
    #[error("the server wants {iterations} iterations, and this client does {maximum} at most")]
    TooManyIterations {
        /// What the server wants.
        iterations: u32,
        /// See [`Scram::maximum_iterations`](super::Scram::maximum_iterations).
        maximum: u32,
    },
    /// The server says more, or the end, at the wrong time.
    #[error("the server's message is not the one that is due")]
    Unexpected,
    /// The user name is empty, or holds characters that SASLprep prohibits.
    #[error("the user name is empty, or holds characters that SASLprep prohibits")]
    UserName,
}

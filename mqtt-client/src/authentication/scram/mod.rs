//! SCRAM-SHA-256 of RFC 5802 and RFC 7677, without channel binding.

mod error;
mod keys;
mod message;

#[cfg(test)]
mod tests;

use std::error::Error;
use std::fmt;
use std::mem;
use std::sync::Arc;

use bytes::Bytes;
use data_encoding::BASE64;

use super::Authentication;

pub use error::ScramError;

use keys::{Salted, Verifier};
use message::Challenge;

/// The least that RFC 7677 lets a server want.
const LEAST_ITERATIONS: u32 = 4_096;

const MAXIMUM_ITERATIONS: u32 = 1_000_000;

/// Bytes of randomness in a nonce.
const NONCE: usize = 18;

/// A user and a password for the method `SCRAM-SHA-256`: the server never sees the password, and proves that it knows
/// it, or what it has kept of it.
///
/// TLS is not made needless: everything after CONNACK can be read without, and whoever is connected to in place of the
/// server can try passwords against the proof that he gets.
///
/// `Debug` shows no secret. A clone begins anew, and shares what has been computed from the password for the salt that
/// the server has used last.
///
/// ```
/// # use mqtt_client::{ConnectOptions, Scram, Version};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let scram = Scram::new("sensor", "secret")?;
/// let options = ConnectOptions::new("mqtts://broker.local")?
///     .version(Version::V5)
///     .authentication(move || scram.clone());
/// # Ok(())
/// # }
/// ```
pub struct Scram {
    /// As it is sent.
    user: String,
    password: Arc<str>,
    maximum_iterations: u32,
    salted: Salted,
    state: State,
}

#[derive(Default)]
enum State {
    #[default]
    New,
    /// The server has `client-first-message-bare`, which ends with the nonce.
    Begun {
        nonce: String,
        bare: String,
    },
    /// The server has the proof, and owes its own.
    Proved(Verifier),
    Over,
}

impl Scram {
    /// Both are prepared by SASLprep, so that it does not matter how a keyboard composes a letter.
    ///
    /// # Errors
    /// Characters that SASLprep prohibits, or an empty user name.
    pub fn new(user_name: &str, password: &str) -> Result<Self, ScramError> {
        let user = stringprep::saslprep(user_name).ok().filter(|name| !name.is_empty());
        let user = user.ok_or(ScramError::UserName)?.replace('=', "=3D").replace(',', "=2C");
        let password = stringprep::saslprep(password).map_err(|_| ScramError::Password)?;
        Ok(Self {
            user,
            password: password.into(),
            maximum_iterations: MAXIMUM_ITERATIONS,
            salted: Salted::default(),
            state: State::New,
        })
    }

    /// The most iterations that a server may want. Default 1,000,000: more than servers use, and about a second of
    /// one processor today.
    ///
    /// Whoever is connected to decides how much is computed, before he has proved anything. It is done on a thread for
    /// such work, while the connection goes on.
    #[must_use]
    pub const fn maximum_iterations(mut self, maximum: u32) -> Self {
        self.maximum_iterations = maximum;
        self
    }

    fn begin(&mut self, nonce: String) -> String {
        let bare = format!("n={},r={nonce}", self.user);
        let first = format!("n,,{bare}");
        self.state = State::Begun { nonce, bare };
        first
    }

    async fn prove(&mut self, first: &str) -> Result<String, Box<dyn Error + Send + Sync>> {
        let State::Begun { nonce, bare } = mem::replace(&mut self.state, State::Over) else {
            return Err(ScramError::Unexpected.into());
        };
        let Challenge { nonce: both, salt, iterations } = Challenge::parse(first)?;
        if both.len() == nonce.len()
            || !both.starts_with(&nonce)
            || !both.bytes().all(|b| b.is_ascii_graphic())
        {
            return Err(ScramError::Nonce.into());
        }
        let maximum = self.maximum_iterations;
        if iterations < LEAST_ITERATIONS {
            return Err(ScramError::TooFewIterations(iterations).into());
        }
        if iterations > maximum {
            return Err(ScramError::TooManyIterations { iterations, maximum }.into());
        }
        let (keys, password) = (self.salted.clone(), Arc::clone(&self.password));
        let salted = tokio::task::spawn_blocking(move || keys.password(&password, &salt, iterations)).await?;
        // what is bound to no channel is the header "n,,"
        let last = format!("c=biws,r={both}");
        let message = format!("{bare},{first},{last}");
        self.state = State::Proved(Verifier::new(&salted, &message));
        Ok(format!("{last},p={}", BASE64.encode(&keys::proof(&salted, &message))))
    }

    fn verify(&mut self, last: &str) -> Result<(), ScramError> {
        let State::Proved(verifier) = mem::replace(&mut self.state, State::Over) else {
            return Err(ScramError::Unexpected);
        };
        let signature = message::signature(last)?;
        if verifier.verify(&signature) { Ok(()) } else { Err(ScramError::Signature) }
    }
}

impl Authentication for Scram {
    fn method(&self) -> &str {
        "SCRAM-SHA-256"
    }

    async fn start(&mut self) -> Result<Option<Bytes>, Box<dyn Error + Send + Sync>> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|error| ScramError::Random(error.to_string()))?;
        Ok(Some(self.begin(BASE64.encode(&nonce)).into()))
    }

    async fn step(&mut self, data: Option<&[u8]>) -> Result<Option<Bytes>, Box<dyn Error + Send + Sync>> {
        Ok(Some(self.prove(text(data)?).await?.into()))
    }

    fn finish(&mut self, data: Option<&[u8]>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.verify(text(data)?)?)
    }
}

fn text(data: Option<&[u8]>) -> Result<&str, ScramError> {
    str::from_utf8(data.unwrap_or_default()).map_err(|_| ScramError::NotText)
}

impl Clone for Scram {
    fn clone(&self) -> Self {
        Self {
            user: self.user.clone(),
            password: Arc::clone(&self.password),
            maximum_iterations: self.maximum_iterations,
            salted: self.salted.clone(),
            state: State::New,
        }
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scram")
            .field("user", &self.user)
            .field("password", &"...")
            .field("maximum_iterations", &self.maximum_iterations)
            .finish_non_exhaustive()
    }
}

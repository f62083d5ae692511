//! What a password file says.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::error::{LineError, LineFault, UserNameError};
use super::verifier::Verifier;

/// Users with the hashes of their passwords.
///
/// Each line of the text is `USER:HASH`; lines that are empty or begin with `#` say nothing. A hash is that of argon2 as a
/// PHC string (`$argon2id$...`), or one of Mosquitto's: `$7$` (PBKDF2) or `$6$` (SHA-512).
#[derive(Clone, Default)]
pub struct Users {
    verifiers: HashMap<Box<str>, Arc<Verifier>>,
    /// Takes as long as most others.
    typical: Option<Arc<Verifier>>,
}

impl Users {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.verifiers.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.verifiers.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn contains(&self, user: &str) -> bool {
        self.verifiers.contains_key(user)
    }

    /// Whether this is the password of this user. It takes the time of a hash, also for users who are not there.
    pub fn verify(&self, user: &str, password: &[u8]) -> bool {
        self.verifier(user).is_some_and(|(verifier, is_known)| verifier.verify(password) && is_known)
    }

    /// What the password of a user has to match, and whether there is such a user. For others it is that of somebody
    /// else, so that they take as long; none if there is nobody at all.
    pub(super) fn verifier(&self, user: &str) -> Option<(Arc<Verifier>, bool)> {
        match self.verifiers.get(user) {
            Some(verifier) => Some((Arc::clone(verifier), true)),
            None => Some((Arc::clone(self.typical.as_ref()?), false)),
        }
    }

    /// The hash that takes as long as most others do.
    fn find_typical(&self) -> Option<Arc<Verifier>> {
        let mut counts = HashMap::new();
        for verifier in self.verifiers.values() {
            counts.entry(verifier.cost()).or_insert((0_usize, verifier)).0 += 1;
        }
        let most = counts.into_values().max_by_key(|(count, _)| *count);
        most.map(|(_, verifier)| Arc::clone(verifier))
    }
}

impl FromStr for Users {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let mut users = Self::default();
        let mut lines = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |fault| LineError { line: number, fault };
            let (user, verifier) = entry(line).map_err(wrong)?;
            if let Some(first) = lines.insert(user, number) {
                return Err(wrong(LineFault::Twice { first }));
            }
            users.verifiers.insert(user.into(), Arc::new(verifier));
        }
        users.typical = users.find_typical();
        Ok(users)
    }
}

/// Neither names nor hashes: they have no place in a log.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.len())
    }
}

fn entry(line: &str) -> Result<(&str, Verifier), LineFault> {
    let (user, hash) = line.split_once(':').ok_or(LineFault::NoColon)?;
    check_name(user).map_err(LineFault::User)?;
    Ok((user, Verifier::parse(hash.trim_end())?))
}

/// Refuses names that a line cannot hold, or a CONNECT cannot.
pub(in crate::auth) fn check_name(user: &str) -> Result<(), UserNameError> {
    if user.is_empty() {
        return Err(UserNameError::Empty);
    }
    if user.len() > usize::from(u16::MAX) {
        return Err(UserNameError::Long);
    }
    // some editors put U+FEFF before a text, where nobody sees it
    if user.starts_with(['#', '\u{feff}']) || user.trim() != user {
        return Err(UserNameError::Edges);
    }
    if user.contains(|c: char| c == ':' || c.is_control()) {
        return Err(UserNameError::Characters);
    }
    Ok(())
}

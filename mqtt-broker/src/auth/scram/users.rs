//! What a file of keys says.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha512;

use super::error::NewUserError;
use super::keys::{Key, Keys};
use super::{DEFAULT_ITERATIONS, SALT};
use crate::auth::password::{LineError, LineFault, UserNameError, check_name, replaced};

/// What a line without user begins with: the secret that salts of unknown users are made of.
const SECRET: &str = "unknown$";

/// Users with what SCRAM-SHA-256 keeps of their passwords.
///
/// Each line of the text is `USER:SCRAM-SHA-256$ITERATIONS:SALT$STORED-KEY:SERVER-KEY`, with what stands behind the user as
/// RFC 5803 and PostgreSQL write it; lines that are empty or begin with `#` say nothing. User names count as SASLprep
/// prepares them. One line may have no user: `:unknown$SECRET`. Of that secret the salts of users are made that are not
/// there, so that these are the same each time, as those of others are.
#[derive(Clone, Default)]
pub struct Users {
    keys: HashMap<Box<str>, Keys>,
    secret: Option<Key>,
}

/// Makes up keys for users that are not there.
pub(super) struct Unknown {
    secret: Hmac<Sha512>,
    /// As those of most users.
    iterations: u32,
    salt: usize,
}

impl Users {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether there is a user of this name.
    pub fn contains(&self, user: &str) -> bool {
        prepare(user).is_some_and(|user| self.keys.contains_key(&*user))
    }

    /// The text in which the user has this password, by this salt, which has to be random. All other lines stay as they are,
    /// whatever they say. It takes the time of the iterations.
    ///
    /// # Errors
    /// If nobody can have that name, or that password.
    pub fn with_password(
        text: &str,
        user: &str,
        password: &str,
        salt: [u8; SALT],
        iterations: u32,
    ) -> Result<String, NewUserError> {
        let user = checked(user)?;
        let password = prepare(password).ok_or(NewUserError::Password)?;
        let line = format!("{user}:{}", Keys::derive(&password, &salt, iterations).to_text());
        Ok(replaced(text, |name| prepare(name).as_deref() == Some(&*user), Some(&line)).0)
    }

    /// The text without this user; none if it is not there.
    pub fn without(text: &str, user: &str) -> Option<String> {
        let user = prepare(user)?;
        let (text, found) = replaced(text, |name| prepare(name).as_deref() == Some(&*user), None);
        found.then_some(text)
    }

    /// The text with this secret for salts of users that are not there, which has to be random; as it is if it has one.
    pub fn with_secret(text: &str, secret: [u8; 32]) -> String {
        let has_one = text.lines().any(|line| line.starts_with(':'));
        if has_one { text.to_owned() } else { format!(":{SECRET}{}\n{text}", BASE64.encode(&secret)) }
    }

    /// What is kept of the password of a prepared user.
    pub(super) fn keys(&self, user: &str) -> Option<&Keys> {
        self.keys.get(user)
    }

    pub(super) const fn secret(&self) -> Option<Key> {
        self.secret
    }

    /// What stands for the keys of others.
    pub(super) fn unknown(&self, secret: &Key) -> Unknown {
        let mut counts = BTreeMap::new();
        for keys in self.keys.values() {
            *counts.entry((keys.iterations, keys.salt.len())).or_insert(0_usize) += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let (iterations, salt) = most.map_or((DEFAULT_ITERATIONS, SALT), |(cost, _)| cost);
        let secret = Hmac::new_from_slice(secret).expect("HMAC takes keys of any length");
        Unknown { secret, iterations, salt }
    }

    fn add(&mut self, user: &str, text: &str) -> Result<Box<str>, LineFault> {
        if user.is_empty()
            && let Some(secret) = text.strip_prefix(SECRET)
        {
            let secret = BASE64.decode(secret.as_bytes()).ok().and_then(|secret| secret.try_into().ok());
            self.secret = Some(secret.ok_or(LineFault::Damaged { kind: "unknown" })?);
            return Ok("".into());
        }
        let user: Box<str> = checked(user).map_err(LineFault::User)?.into();
        self.keys.insert(user.clone(), Keys::parse(text)?);
        Ok(user)
    }
}

impl FromStr for Users {
    type Err = LineError;

    fn from_str(text: &str) -> Result<Self, LineError> {
        let mut users = Self::default();
        let mut lines = HashMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = |fault| LineError { line: number, fault };
            let (user, text) = line.split_once(':').ok_or_else(|| wrong(LineFault::NoColon))?;
            let user = users.add(user, text.trim_end()).map_err(wrong)?;
            if let Some(first) = lines.insert(user, number) {
                return Err(wrong(LineFault::Twice { first }));
            }
        }
        Ok(users)
    }
}

/// Neither names nor keys: they have no place in a log.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} users", self.len())
    }
}

impl Unknown {
    /// What nobody can tell from the keys of a user, and no proof fits.
    pub(super) fn keys(&self, user: &str) -> Keys {
        let mut salt = self.bytes(b"salt", user).to_vec();
        salt.truncate(self.salt);
        let bytes = self.bytes(b"keys", user);
        let (mut stored, mut server) = (Key::default(), Key::default());
        stored.iter_mut().chain(&mut server).zip(bytes).for_each(|(byte, random)| *byte = random);
        Keys::new(self.iterations, salt.into(), stored, server)
    }

    fn bytes(&self, purpose: &[u8; 4], user: &str) -> [u8; 64] {
        self.secret.clone().chain_update(purpose).chain_update(user).finalize().into_bytes().into()
    }
}

/// A text as SASLprep prepares it; none if it prohibits it, or leaves nothing of it.
pub(super) fn prepare(text: &str) -> Option<String> {
    stringprep::saslprep(text).ok().map(String::from).filter(|text| !text.is_empty())
}

fn checked(user: &str) -> Result<String, UserNameError> {
    check_name(user)?;
    let user = prepare(user).ok_or(UserNameError::Prohibited)?;
    // what was prepared may be what a line cannot hold
    check_name(&user)?;
    Ok(user)
}

//! Changes to the text of a password file.

use super::error::UserNameError;
use super::users::{Users, check_name};
use super::verifier::Verifier;

impl Users {
    /// The text of a password file in which the user has this password, hashed with argon2id and this salt, which has to be
    /// random. All other lines stay as they are, whatever they say.
    ///
    /// # Errors
    /// If nobody can have that name.
    pub fn with_password(
        text: &str,
        user: &str,
        password: &[u8],
        salt: [u8; 16],
    ) -> Result<String, UserNameError> {
        check_name(user)?;
        let line = format!("{user}:{}", Verifier::new(password, salt).to_text());
        Ok(replaced(text, |name| name == user, Some(&line)).0)
    }

    /// The text of a password file without this user; none if it is not there.
    pub fn without(text: &str, user: &str) -> Option<String> {
        let (text, found) = replaced(text, |name| name == user, None);
        found.then_some(text)
    }
}

/// The text with another line for a user, or none, and whether there was one. A new one comes last.
pub(in crate::auth) fn replaced(
    text: &str,
    is_user: impl Fn(&str) -> bool,
    line: Option<&str>,
) -> (String, bool) {
    let mut found = false;
    let mut result = String::with_capacity(text.len() + line.map_or(0, str::len) + 1);
    for old in text.lines() {
        let is_it = old.split_once(':').is_some_and(|(name, _)| is_user(name));
        let kept = match line {
            _ if !is_it => Some(old),
            // a user who was there twice is there once
            Some(new) if !found => Some(new),
            _ => None,
        };
        found |= is_it;
        result.extend(kept.into_iter().flat_map(|kept| [kept, "\n"]));
    }
    if let Some(line) = line.filter(|_| !found) {
        result.extend([line, "\n"]);
    }
    (result, found)
}

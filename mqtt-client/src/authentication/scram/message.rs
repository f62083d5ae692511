//! The two messages of the server.

use data_encoding::BASE64;

use super::ScramError;

/// `r=NONCE,s=SALT,i=COUNT`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Challenge<'a> {
    pub(super) nonce: &'a str,
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
}

impl<'a> Challenge<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ScramError> {
        let mut attributes = text.split(',');
        let nonce = value(attributes.next(), 'r')?;
        let salt = base64(attributes.next(), 's')?;
        let iterations = value(attributes.next(), 'i')?;
        extensions(attributes)?;
        // a sign or leading zeroes are no number here
        let is_number = !iterations.starts_with('0') && iterations.bytes().all(|byte| byte.is_ascii_digit());
        let iterations = iterations.parse().ok().filter(|_| is_number).ok_or(ScramError::Iterations)?;
        Ok(Self { nonce, salt, iterations })
    }
}

/// The signature in `v=SIGNATURE`, if the message is not `e=ERROR`.
pub(super) fn signature(text: &str) -> Result<Vec<u8>, ScramError> {
    let mut attributes = text.split(',');
    let first = attributes.next();
    if let Some(error) = first.and_then(|first| first.strip_prefix("e=")) {
        return Err(ScramError::Failed(error.escape_debug().to_string()));
    }
    let signature = base64(first, 'v')?;
    extensions(attributes)?;
    Ok(signature)
}

fn base64(attribute: Option<&str>, name: char) -> Result<Vec<u8>, ScramError> {
    let value = value(attribute, name)?;
    BASE64.decode(value.as_bytes()).map_err(|_| ScramError::Base64(name))
}

/// What stands behind `NAME=`.
fn value(attribute: Option<&str>, name: char) -> Result<&str, ScramError> {
    let attribute = attribute.unwrap_or_default();
    let value = attribute.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ if attribute.starts_with("m=") => Err(ScramError::Extension),
        _ => Err(ScramError::Missing(name)),
    }
}

/// Optional extensions mean nothing, but have a form; one that may not be left out has the name `m`.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), ScramError> {
    for attribute in attributes {
        match attribute.as_bytes() {
            [b'm', b'=', ..] => return Err(ScramError::Extension),
            [name, b'=', value @ ..]
                if name.is_ascii_alphabetic() && !value.is_empty() && !value.contains(&0) => {}
            _ => return Err(ScramError::Malformed),
        }
    }
    Ok(())
}

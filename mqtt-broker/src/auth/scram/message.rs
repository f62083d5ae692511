//! The two messages of the client.

use data_encoding::BASE64;

use super::error::Doubt;
use super::keys::Key;

/// `n,,n=USER,r=NONCE`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct First<'a> {
    /// `n,,`: what the client will bind its proof to.
    pub(super) header: &'a str,
    /// For whom it wants to act, if it says so.
    pub(super) authorization: Option<String>,
    /// What follows the header.
    pub(super) bare: &'a str,
    /// As the client writes it.
    pub(super) user: String,
    pub(super) nonce: &'a str,
}

impl<'a> First<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Doubt> {
        let (binding, rest) = text.split_once(',').ok_or(Doubt::Malformed)?;
        match binding {
            // it does not bind, or would if the server did
            "n" | "y" => {}
            _ if binding.starts_with("p=") => return Err(Doubt::ChannelBinding),
            _ => return Err(Doubt::Malformed),
        }
        let (authorization, bare) = rest.split_once(',').ok_or(Doubt::Malformed)?;
        let authorization = match authorization {
            "" => None,
            _ => Some(name(Some(authorization), 'a')?),
        };
        let header = text.strip_suffix(bare).ok_or(Doubt::Malformed)?;
        let mut attributes = bare.split(',');
        let user = name(attributes.next(), 'n')?;
        let nonce = value(attributes.next(), 'r')?;
        extensions(attributes)?;
        if !nonce.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Doubt::Malformed);
        }
        Ok(Self { header, authorization, bare, user, nonce })
    }
}

/// `c=HEADER,r=NONCE,p=PROOF`
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Last<'a> {
    pub(super) header: Vec<u8>,
    pub(super) nonce: &'a str,
    /// All before the proof.
    pub(super) without_proof: &'a str,
    pub(super) proof: Key,
}

impl<'a> Last<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, Doubt> {
        let (without_proof, proof) = text.rsplit_once(",p=").ok_or(Doubt::Malformed)?;
        let mut attributes = without_proof.split(',');
        let header = base64(value(attributes.next(), 'c')?)?;
        let nonce = value(attributes.next(), 'r')?;
        extensions(attributes)?;
        let proof = base64(proof)?.try_into().map_err(|_| Doubt::Malformed)?;
        Ok(Self { header, nonce, without_proof, proof })
    }
}

fn base64(text: &str) -> Result<Vec<u8>, Doubt> {
    BASE64.decode(text.as_bytes()).map_err(|_| Doubt::Malformed)
}

/// A name in which comma and equals sign are written as `=2C` and `=3D`.
fn name(attribute: Option<&str>, key: char) -> Result<String, Doubt> {
    let value = value(attribute, key)?;
    let mut parts = value.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match part.strip_prefix("2C") {
            Some(rest) => (',', rest),
            None => ('=', part.strip_prefix("3D").ok_or(Doubt::Malformed)?),
        };
        name.push(sign);
        name.push_str(rest);
    }
    Ok(name)
}

/// What stands behind `KEY=`.
fn value(attribute: Option<&str>, key: char) -> Result<&str, Doubt> {
    let attribute = attribute.unwrap_or_default();
    match attribute.strip_prefix(key).and_then(|rest| rest.strip_prefix('=')) {
        Some(value) if !value.is_empty() && !value.contains('\0') => Ok(value),
        _ if attribute.starts_with("m=") => Err(Doubt::Extension),
        _ => Err(Doubt::Malformed),
    }
}

/// Optional extensions mean nothing, but have a form; one that may not be left out has the name `m`.
fn extensions<'a>(attributes: impl Iterator<Item = &'a str>) -> Result<(), Doubt> {
    for attribute in attributes {
        match attribute.as_bytes() {
            [b'm', b'=', ..] => return Err(Doubt::Extension),
            [name, b'=', value @ ..]
                if name.is_ascii_alphabetic() && !value.is_empty() && !value.contains(&0) => {}
            _ => return Err(Doubt::Malformed),
        }
    }
    Ok(())
}

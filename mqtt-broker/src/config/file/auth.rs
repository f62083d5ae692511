//! The table `[auth]`.

use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer};

use super::evidence::{certificate, http, jwt, scram};
use super::scalar::duration;
use crate::config::{
    AuthSettings, CertificateSettings, GuessLimits, HttpSettings, JwtSettings, ScramSettings,
};

#[derive(serde::Deserialize)]
#[serde(remote = "AuthSettings", default = "AuthSettings::default", deny_unknown_fields)]
pub(super) struct AuthTable {
    allow_anonymous: bool,
    #[serde(deserialize_with = "path")]
    password_file: Option<PathBuf>,
    workers: NonZeroU16,
    cache: usize,
    #[serde(deserialize_with = "duration")]
    cache_time: Duration,
    #[serde(with = "GuessTable")]
    guesses: GuessLimits,
    sessions_have_owners: bool,
    order: Vec<String>,
    #[serde(deserialize_with = "certificate")]
    certificate: Option<CertificateSettings>,
    #[serde(deserialize_with = "jwt")]
    jwt: Option<JwtSettings>,
    #[serde(deserialize_with = "scram")]
    scram: Option<ScramSettings>,
    #[serde(deserialize_with = "http")]
    http: Option<HttpSettings>,
    #[serde(deserialize_with = "path")]
    acl_file: Option<PathBuf>,
}

#[derive(serde::Deserialize)]
#[serde(remote = "GuessLimits", default = "GuessLimits::default", deny_unknown_fields)]
struct GuessTable {
    per_address: u32,
    in_all: u32,
    #[serde(deserialize_with = "duration")]
    recovery: Duration,
    #[serde(deserialize_with = "duration")]
    delay: Duration,
    #[serde(deserialize_with = "duration")]
    delay_maximum: Duration,
    #[serde(deserialize_with = "duration")]
    delay_in_all: Duration,
    remembered: usize,
}

/// A file; an empty text is none, so that a setting can be written down without a value.
fn path<'de, D: Deserializer<'de>>(input: D) -> Result<Option<PathBuf>, D::Error> {
    let path = PathBuf::deserialize(input)?;
    Ok((!path.as_os_str().is_empty()).then_some(path))
}

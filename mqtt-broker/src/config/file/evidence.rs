//! The tables `[auth.certificate]`, `[auth.jwt]`, `[auth.scram]` and `[auth.http]`.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::{self, Deserialize, Deserializer};

use super::scalar::{duration, size};
use crate::config::{CertificateName, CertificateSettings, HttpSettings, JwtSettings, ScramSettings};

#[derive(serde::Deserialize)]
#[serde(remote = "CertificateSettings", default = "CertificateSettings::default", deny_unknown_fields)]
struct CertificateTable {
    #[serde(deserialize_with = "certificate_name")]
    name: CertificateName,
    #[serde(deserialize_with = "template")]
    user_name: Option<String>,
    user_names: BTreeMap<String, String>,
    match_user_name: bool,
}

#[derive(serde::Deserialize)]
#[serde(remote = "JwtSettings", default = "JwtSettings::default", deny_unknown_fields)]
struct JwtTable {
    secret: Option<PathBuf>,
    public_keys: Option<PathBuf>,
    key_set: Option<PathBuf>,
    issuers: Vec<String>,
    audiences: Vec<String>,
    require_expiry: bool,
    #[serde(deserialize_with = "duration")]
    leeway: Duration,
    user_name_claim: String,
    match_user_name: bool,
    client_id_claim: Option<String>,
    groups_claim: String,
    acl_claim: String,
    #[serde(deserialize_with = "size")]
    token_size: usize,
}

#[derive(serde::Deserialize)]
#[serde(remote = "ScramSettings", default = "ScramSettings::default", deny_unknown_fields)]
struct ScramTable {
    file: PathBuf,
    match_user_name: bool,
    #[serde(deserialize_with = "size")]
    message_size: usize,
}

#[derive(serde::Deserialize)]
#[serde(remote = "HttpSettings", default = "HttpSettings::default", deny_unknown_fields)]
struct HttpTable {
    url: String,
    ca: Option<PathBuf>,
    bearer_token: Option<PathBuf>,
    #[serde(deserialize_with = "duration")]
    timeout: Duration,
    connections: NonZeroU16,
    #[serde(deserialize_with = "size")]
    answer_size: usize,
    cache: usize,
    #[serde(deserialize_with = "duration")]
    cache_admitted: Duration,
    #[serde(deserialize_with = "duration")]
    cache_refused: Duration,
}

pub(super) fn certificate<'de, D: Deserializer<'de>>(
    input: D,
) -> Result<Option<CertificateSettings>, D::Error> {
    CertificateTable::deserialize(input).map(Some)
}

pub(super) fn jwt<'de, D: Deserializer<'de>>(input: D) -> Result<Option<JwtSettings>, D::Error> {
    JwtTable::deserialize(input).map(Some)
}

pub(super) fn scram<'de, D: Deserializer<'de>>(input: D) -> Result<Option<ScramSettings>, D::Error> {
    ScramTable::deserialize(input).map(Some)
}

pub(super) fn http<'de, D: Deserializer<'de>>(input: D) -> Result<Option<HttpSettings>, D::Error> {
    HttpTable::deserialize(input).map(Some)
}

/// What a user name is made of; the word for that it is not made of anything.
fn template<'de, D: Deserializer<'de>>(input: D) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(input)?;
    Ok(Some(text).filter(|text| text != "none"))
}

fn certificate_name<'de, D: Deserializer<'de>>(input: D) -> Result<CertificateName, D::Error> {
    match String::deserialize(input)?.as_str() {
        "common-name" => Ok(CertificateName::CommonName),
        "subject" => Ok(CertificateName::Subject),
        "dns" => Ok(CertificateName::Dns),
        "email" => Ok(CertificateName::Email),
        "uri" => Ok(CertificateName::Uri),
        other => Err(de::Error::unknown_variant(other, &["common-name", "subject", "dns", "email", "uri"])),
    }
}

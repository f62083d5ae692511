//! The table `[auth]`.

use std::num::NonZeroU16;

use super::evidence::{certificate, http, jwt};
use crate::config::{AuthSettings, CertificateSettings, HttpSettings, JwtSettings};

#[derive(serde::Deserialize)]
#[serde(remote = "AuthSettings", default = "AuthSettings::default", deny_unknown_fields)]
pub(super) struct AuthTable {
    allow_anonymous: bool,
    workers: NonZeroU16,
    sessions_have_owners: bool,
    order: Vec<String>,
    #[serde(deserialize_with = "certificate")]
    certificate: Option<CertificateSettings>,
    #[serde(deserialize_with = "jwt")]
    jwt: Option<JwtSettings>,
    #[serde(deserialize_with = "http")]
    http: Option<HttpSettings>,
}

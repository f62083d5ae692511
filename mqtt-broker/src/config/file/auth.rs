//! The table `[auth]`.

use std::num::NonZeroU16;

use crate::config::AuthSettings;

#[derive(serde::Deserialize)]
#[serde(remote = "AuthSettings", default = "AuthSettings::default", deny_unknown_fields)]
pub(super) struct AuthTable {
    allow_anonymous: bool,
    workers: NonZeroU16,
    sessions_have_owners: bool,
}

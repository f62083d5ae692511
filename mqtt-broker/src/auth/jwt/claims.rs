//! What a token says, once it is believed.

use std::time::{Duration, SystemTime};

use mqtt_codec::Text;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Doubt;
use crate::auth::{Identity, Permissions};
use crate::config::JwtSettings;

/// The claims of a token, by name.
pub(super) type Claims = Map<String, Value>;

/// Who the token says that the client is.
pub(super) fn identity(claims: &Claims, settings: &JwtSettings) -> Result<Identity, Doubt> {
    let user_name = text(claim(claims, &settings.user_name_claim).ok_or(Doubt::UserName)?);
    Ok(Identity {
        user_name: Some(user_name.ok_or(Doubt::UserName)?),
        groups: claim(claims, &settings.groups_claim)
            .map_or(Some(Vec::new()), groups)
            .ok_or(Doubt::Groups)?,
        expires: claims.get("exp").map(|value| expiry(value, settings.leeway)).transpose()?,
        permissions: claim(claims, &settings.acl_claim)
            .map(|value| Permissions::deserialize(value).map_err(|_| Doubt::Permissions))
            .transpose()?,
    })
}

/// A claim by its name, or by the names that lead to it.
pub(super) fn claim<'a>(claims: &'a Claims, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let (first, rest) = name.split_once('.')?;
    claim(claims.get(first)?.as_object()?, rest)
}

/// A name that MQTT can carry, and that is not empty.
pub(super) fn text(value: &Value) -> Option<Text> {
    let text = value.as_str().filter(|text| !text.is_empty())?;
    Text::new(text).ok()
}

fn groups(value: &Value) -> Option<Vec<Text>> {
    match value {
        Value::Array(values) => values.iter().map(text).collect(),
        one => Some(vec![text(one)?]),
    }
}

/// When the token holds no longer. Parts of a second (RFC 7519, 2: NumericDate) count as a whole one, as they do for the
/// library that has judged the token.
fn expiry(value: &Value, leeway: Duration) -> Result<SystemTime, Doubt> {
    let seconds = match value.as_u64() {
        Some(seconds) => Some(Duration::from_secs(seconds)),
        None => value.as_f64().and_then(|seconds| Duration::try_from_secs_f64(seconds.round()).ok()),
    };
    let end = seconds.and_then(|seconds| SystemTime::UNIX_EPOCH.checked_add(seconds)?.checked_add(leeway));
    end.ok_or(Doubt::Expiry)
}

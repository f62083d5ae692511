//! What the server says of a client.

use std::time::{Duration, SystemTime};

use hyper::StatusCode;
use mqtt_codec::Text;
use serde::de::{self, Deserialize, Deserializer};

use super::error::Failure;
use crate::auth::{Attempt, Decision, Identity, Permissions, Refused};

/// The answer in JSON. A name that is not here is a mistake, and maybe a restriction that is spelled wrong.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    result: Outcome,
    #[serde(default, deserialize_with = "name")]
    user_name: Option<Text>,
    #[serde(default, deserialize_with = "names")]
    groups: Vec<Text>,
    /// Seconds.
    expires_in: Option<u64>,
    acl: Option<Permissions>,
}

#[derive(serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    Allow,
    Deny,
    Ignore,
}

/// The decision in an answer that has come at the time `now`.
pub(super) fn decision(
    status: StatusCode,
    body: &[u8],
    attempt: &Attempt,
    now: SystemTime,
) -> Result<Decision, Failure> {
    match status {
        StatusCode::OK => {
            let answer: Answer = serde_json::from_slice(body).map_err(Failure::Answer)?;
            Ok(answer.decision(attempt, now))
        }
        StatusCode::NO_CONTENT => {
            let user_name = attempt.user_name.clone();
            Ok(Decision::Admit(Identity { user_name, ..Identity::default() }))
        }
        StatusCode::UNAUTHORIZED => Ok(Decision::Refuse(Refused::Credentials)),
        StatusCode::FORBIDDEN => Ok(Decision::Refuse(Refused::NotAuthorized)),
        other => Err(Failure::Status(other.as_u16())),
    }
}

impl Answer {
    fn decision(self, attempt: &Attempt, now: SystemTime) -> Decision {
        match self.result {
            Outcome::Allow => Decision::Admit(Identity {
                user_name: self.user_name.or_else(|| attempt.user_name.clone()),
                groups: self.groups,
                // a time that no clock reaches is none
                expires: self.expires_in.and_then(|seconds| now.checked_add(Duration::from_secs(seconds))),
                permissions: self.acl,
            }),
            Outcome::Deny => Decision::Refuse(Refused::Credentials),
            Outcome::Ignore => Decision::Pass,
        }
    }
}

fn name<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Text>, D::Error> {
    Option::<String>::deserialize(input)?.map(text).transpose()
}

fn names<'de, D: Deserializer<'de>>(input: D) -> Result<Vec<Text>, D::Error> {
    Vec::<String>::deserialize(input)?.into_iter().map(text).collect()
}

fn text<E: de::Error>(name: String) -> Result<Text, E> {
    if name.is_empty() {
        return Err(E::custom("an empty name"));
    }
    Text::new(&name).map_err(E::custom)
}

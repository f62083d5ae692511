//! The part of the broker's topics that clients of a listener see.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::core::access::{Pattern, PatternError};

/// The beginning of topics that clients of a listener neither write nor see: they live below it as if it was all there is.
///
/// From text such as `site-7` or `tenants/%u`: with `%u` and `%c` each user or client has its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint(Pattern);

/// Why a text is no mount point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MountPointError {
    /// It could not be the beginning of a topic.
    #[error("a mount point is the beginning of topics: {0}")]
    Topic(#[from] PatternError),
    /// It matches more than one beginning.
    #[error("a mount point has neither + nor #: each client sees one part of the topics")]
    Wildcard,
    /// Filters with wildcards would not reach below it.
    #[error("a mount point does not begin with $: such topics are the broker's own")]
    Dollar,
    /// Topics below it would have little room.
    #[error("a mount point has at most {} bytes", MountPoint::LENGTH)]
    Long,
}

impl MountPoint {
    /// The most bytes of one, as it is written and as it is for a client.
    pub const LENGTH: usize = 1_024;

    /// The text, with `/` behind it, for one client; `None` if with its names it would be none.
    pub(crate) fn of(&self, client_id: &str, user_name: Option<&str>) -> Option<Box<str>> {
        let mut text = self.0.resolve_for(client_id, user_name)?.into_owned();
        text.push('/');
        (text.len() <= Self::LENGTH).then(|| text.into())
    }
}

impl FromStr for MountPoint {
    type Err = MountPointError;

    fn from_str(text: &str) -> Result<Self, MountPointError> {
        let text = text.strip_suffix('/').unwrap_or(text);
        if text.contains(['+', '#']) {
            return Err(MountPointError::Wildcard);
        }
        if text.starts_with('$') {
            return Err(MountPointError::Dollar);
        }
        if text.len() >= Self::LENGTH {
            return Err(MountPointError::Long);
        }
        Ok(Self(Pattern::new(text)?))
    }
}

impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_point_ends_with_a_slash_however_it_is_written() {
        for text in ["site/7", "site/7/"] {
            let mount_point: MountPoint = text.parse().expect(text);
            assert_eq!(mount_point.of("c", None).as_deref(), Some("site/7/"));
            assert_eq!(mount_point.to_string(), "site/7/");
        }
    }

    #[test]
    fn users_have_their_own_and_names_that_would_escape_have_none() {
        let mount_point: MountPoint = "tenants/%u/of %c".parse().expect("a mount point");
        assert_eq!(mount_point.of("c", Some("ann")).as_deref(), Some("tenants/ann/of c/"));
        for (client_id, user_name) in [("c", None), ("c", Some("a/b")), ("+", Some("ann")), ("", Some("ann"))]
        {
            assert_eq!(mount_point.of(client_id, user_name), None, "{client_id:?} {user_name:?}");
        }
        assert_eq!(mount_point.of(&"c".repeat(MountPoint::LENGTH), Some("ann")), None);
    }

    #[test]
    fn what_is_no_beginning_of_topics_is_refused() {
        use MountPointError::{Dollar, Long, Wildcard};
        let long = "x".repeat(MountPoint::LENGTH);
        let cases = [("a/+", Wildcard), ("#", Wildcard), ("$SYS", Dollar), (long.as_str(), Long)];
        for (text, error) in cases {
            assert_eq!(text.parse::<MountPoint>(), Err(error), "{text}");
        }
        assert!(matches!("".parse::<MountPoint>(), Err(MountPointError::Topic(_))));
    }
}

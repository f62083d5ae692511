//! Topics as a client writes them, and as the broker has them.
//!
//! ```text
//!   client writes   old/7/temp
//!   rewritten       sensors/7/temp
//!   mounted         tenants/ann/sensors/7/temp     what rules of permission, subscribers and the store see
//! ```
//!
//! On the way out only the mount point is taken away again, by the session, which writes the packets.

use std::sync::Arc;

use mqtt_codec::{Connect, Message, Topic, TopicFilter, TopicFilterRef};

use crate::config::{Rewrite, Terms};

/// The names of a client whose topics are not those of the broker.
#[derive(Clone, Debug)]
pub(super) struct Names {
    /// Empty, or with `/` at its end.
    mount: Box<str>,
    terms: Arc<Terms>,
}

/// The client has a mount point with its names in it, and these could not be there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unmountable;

impl Names {
    /// Those of a client that connects; none if its topics are those of the broker.
    pub(super) fn of(
        terms: &Arc<Terms>,
        client_id: &str,
        user_name: Option<&str>,
    ) -> Result<Option<Self>, Unmountable> {
        let mount = match &terms.mount_point {
            Some(mount_point) => mount_point.of(client_id, user_name).ok_or(Unmountable)?,
            None if terms.rewrite.is_empty() => return Ok(None),
            None => Box::default(),
        };
        Ok(Some(Self { mount, terms: Arc::clone(terms) }))
    }

    /// Bytes of topics that the client does not see.
    pub(super) fn hidden(&self) -> u16 {
        // at most MountPoint::LENGTH
        u16::try_from(self.mount.len()).unwrap_or_default()
    }

    /// The broker's topic for one that the client publishes to; `None` if there is none.
    pub(super) fn topic(&self, topic: &str) -> Option<Topic> {
        let rewritten = self.rewrite(topic);
        let topic = rewritten.as_deref().unwrap_or(topic);
        // the topics of the broker itself are outside
        if self.is_mounted() && topic.starts_with('$') {
            return None;
        }
        Topic::new(&[&*self.mount, topic].concat()).ok()
    }

    /// The broker's filter for one that the client subscribes to; `None` if there is none.
    pub(super) fn filter(&self, filter: TopicFilterRef<'_>) -> Option<TopicFilter> {
        let (share, inner) = match filter.share() {
            Ok(Some(share)) => (Some(share.name), share.filter.as_str()),
            Ok(None) => (None, filter.as_str()),
            Err(_) => return None,
        };
        let rewritten = self.rewrite(inner);
        let inner = rewritten.as_deref().unwrap_or(inner);
        if self.is_mounted() && inner.starts_with('$') {
            return None;
        }
        let filter = match share {
            Some(name) => ["$share/", name, "/", &self.mount, inner].concat(),
            None => [&*self.mount, inner].concat(),
        };
        TopicFilter::new(&filter).ok()
    }

    /// Gives the Will the broker's topic; false if there is none.
    pub(super) fn name_will(&self, connect: &mut Connect) -> bool {
        let Some(will) = &mut connect.will else { return true };
        let Some(topic) = self.topic(will.message.topic.as_str()) else { return false };
        will.message = Arc::new(Message { topic, ..Message::clone(&will.message) });
        true
    }

    /// Whether a filter of the broker reaches nothing but what the client sees.
    pub(super) fn encloses(&self, filter: TopicFilterRef<'_>) -> bool {
        let inner = match filter.share() {
            Ok(Some(share)) => share.filter.as_str(),
            _ => filter.as_str(),
        };
        inner.starts_with(&*self.mount)
    }

    fn is_mounted(&self) -> bool {
        !self.mount.is_empty()
    }

    fn rewrite(&self, text: &str) -> Option<String> {
        self.terms.rewrite.iter().find_map(|rewrite: &Rewrite| rewrite.apply(text))
    }
}

/// Whether a client that does not see the first `hidden` bytes of topics sees this one. The broker's own topics begin with `$`, and
/// are outside; the mount point itself is no topic below it.
pub(super) fn sees(hidden: u16, topic: &str) -> bool {
    hidden == 0
        || topic.get(usize::from(hidden)..).is_some_and(|rest| !rest.is_empty() && !rest.starts_with('$'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(mount_point: Option<&str>, rewrite: &[(&str, &str)]) -> Names {
        let mount_point = mount_point.map(|text| text.parse().expect("a mount point"));
        let rewrite = rewrite.iter().map(|(from, to)| Rewrite::new(from, to).expect("a rule")).collect();
        let terms = Terms { mount_point, rewrite, ..Terms::default() };
        Names::of(&Arc::new(terms), "c", Some("ann")).expect("mountable").expect("names of its own")
    }

    #[test]
    fn topics_are_rewritten_by_the_first_rule_that_matches_and_then_mounted() {
        let names = names(Some("tenants/%u"), &[("old/+", "new/{1}"), ("old/#", "never"), ("up", "$SYS/x")]);
        let topic = |topic: &str| names.topic(topic).map(|topic| topic.as_str().to_owned());
        assert_eq!(topic("old/1").as_deref(), Some("tenants/ann/new/1"));
        assert_eq!(topic("other").as_deref(), Some("tenants/ann/other"));
        assert_eq!(topic("up"), None);
        assert_eq!(topic("$SYS/x"), None);
        assert_eq!(topic(&"x".repeat(65_530)), None, "longer than a topic can be");
    }

    #[test]
    fn filters_of_groups_are_named_behind_the_name_of_the_group() {
        let names = names(Some("m"), &[("old/#", "new/{1}")]);
        let filter = |text: &str| {
            let filter = names.filter(TopicFilterRef::new(text).expect("a filter"));
            filter.map(|filter| filter.as_str().to_owned())
        };
        assert_eq!(filter("#").as_deref(), Some("m/#"));
        assert_eq!(filter("old/#").as_deref(), Some("m/new/#"));
        assert_eq!(filter("$share/g/old/+").as_deref(), Some("$share/g/m/new/+"));
        assert_eq!(filter("$share/g"), None);
        assert_eq!(filter("$SYS/#"), None);
        let encloses = |text: &str| names.encloses(TopicFilterRef::new(text).expect("a filter"));
        assert!(encloses("m/#") && encloses("$share/g/m/x") && !encloses("n/#") && !encloses("#"));
    }

    #[test]
    fn what_is_below_the_mount_point_is_seen() {
        assert!(sees(0, "$SYS/x") && sees(2, "m/t"));
        assert!(!sees(2, "m") && !sees(2, "m/") && !sees(2, "m/$t"));
    }
}

//! Topic Names and Topic Filters.

use mqtt_codec::{TopicFilterRef, TopicRef};

/// Finds names and filters that are taken or refused, and pairs that match or do not, unlike the naive rules here.
///
/// The input is a filter and a topic, a line each.
pub fn topic_match(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (filter, topic) = text.split_once('\n').unwrap_or((&text, "a/b"));
    let levels: Vec<&str> = filter.split('/').collect();
    let names: Vec<&str> = topic.split('/').collect();
    let (checked_filter, checked_topic) = (TopicFilterRef::new(filter), TopicRef::new(topic));
    assert_eq!(checked_filter.is_ok(), is_text(filter) && is_filter(&levels), "{filter:?}");
    assert_eq!(checked_topic.is_ok(), is_text(topic) && !topic.contains(['+', '#']), "{topic:?}");
    let (Ok(filter), Ok(topic)) = (checked_filter, checked_topic) else { return };
    let hidden = names[0].starts_with('$') && matches!(levels[0], "+" | "#");
    assert_eq!(filter.matches(topic), !hidden && matches(&levels, &names), "{filter} and {topic}");
    assert_eq!(filter.has_wildcard(), levels.iter().any(|level| matches!(*level, "+" | "#")), "{filter}");
    match (filter.share(), &levels[..]) {
        (Ok(Some(share)), ["$share", name, rest @ ..]) => {
            assert_eq!((share.name, share.filter.as_str()), (*name, &*rest.join("/")));
            assert!(is_share_name(name) && is_filter(rest) && !rest.join("/").is_empty(), "{filter}");
            let hidden = names[0].starts_with('$') && matches!(rest[0], "+" | "#");
            assert_eq!(share.filter.matches(topic), !hidden && matches(rest, &names), "{filter} and {topic}");
        }
        (Ok(None), levels) => assert_ne!(levels[0], "$share", "{filter}"),
        (Err(_), ["$share", name, rest @ ..]) => {
            assert!(!is_share_name(name) || rest.is_empty() || rest == [""], "{filter}");
        }
        (share, _) => assert!(filter.as_str() == "$share" && share.is_err(), "{filter}: {share:?}"),
    }
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= 65_535 && !text.contains('\0')
}

fn is_share_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(['+', '#'])
}

fn is_filter(levels: &[&str]) -> bool {
    let wildcard_alone = |level: &&str| level.len() == 1 || !level.contains(['+', '#']);
    levels.iter().all(wildcard_alone) && levels.iter().rev().skip(1).all(|level| *level != "#")
}

fn matches(levels: &[&str], names: &[&str]) -> bool {
    match (levels, names) {
        (["#"], _) => true,
        (["+", levels @ ..], [_, names @ ..]) => matches(levels, names),
        ([level, levels @ ..], [name, names @ ..]) => level == name && matches(levels, names),
        ([], []) => true,
        _ => false,
    }
}

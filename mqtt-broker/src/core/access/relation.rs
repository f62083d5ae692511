//! How two topic filters stand to each other: by the topics that they match.

/// Whether `outer` matches every topic that `inner` does.
pub(super) fn covers(outer: &str, inner: &str) -> bool {
    if hides(outer, inner) {
        return false;
    }
    let (mut outer, mut inner) = (levels(outer), levels(inner));
    loop {
        match (outer.next(), inner.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(level)) if level != "#" => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// Whether some topic is matched by both.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    if hides(one, other) || hides(other, one) {
        return false;
    }
    let (mut one, mut other) = (levels(one), levels(other));
    loop {
        match (one.next(), other.next()) {
            (Some("#"), _) | (_, Some("#")) | (None, None) => return true,
            (Some("+"), Some(_)) | (Some(_), Some("+")) => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

/// The filter for the topics that both match; `None` if there are none. Topics that two filters share are those of one
/// filter: level by level the narrower of the two.
pub(super) fn intersection(one: &str, other: &str) -> Option<String> {
    if hides(one, other) || hides(other, one) {
        return None;
    }
    let mut common = Vec::new();
    let (mut one, mut other) = (levels(one), levels(other));
    loop {
        let level = match (one.next(), other.next()) {
            (None, None) => break,
            (Some("#"), level) => {
                common.extend(level.into_iter().chain(other));
                break;
            }
            (level, Some("#")) => {
                common.extend(level.into_iter().chain(one));
                break;
            }
            (Some("+"), Some(level)) | (Some(level), Some("+")) => level,
            (Some(one), Some(other)) if one == other => one,
            _ => return None,
        };
        common.push(level);
    }
    Some(common.join("/"))
}

/// [MQTT-4.7.2-1] a wildcard in the first level does not match what `other` has there.
fn hides(wildcard: &str, other: &str) -> bool {
    wildcard.starts_with(['+', '#']) && other.starts_with('$')
}

/// The levels of a filter. `#` alone needs a first level, whatever it is: it is taken as `+/#`, which matches the same.
fn levels(filter: &str) -> impl Iterator<Item = &str> {
    let first = (filter == "#").then_some("+");
    first.into_iter().chain(filter.split('/'))
}

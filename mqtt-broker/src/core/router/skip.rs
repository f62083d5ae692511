//! Where the next match of a filter can be, in a list of topics in byte order.

/// How a topic stands to a filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// The filter matches the topic.
    Matches,
    /// It does not, but may match the very next topic.
    NotThis,
    /// It does not, nor any later topic before the bound that was written.
    NotBefore,
    /// It does not, nor any later topic.
    NoneAfter,
}

/// Compares a topic with a filter, level by level.
///
/// The bound of `NotBefore` is greater than the topic, and no topic between the two matches.
pub(super) fn fit(filter: &str, topic: &str, bound: &mut String) -> Fit {
    if topic.starts_with('$') && filter.starts_with(['+', '#']) {
        // [MQTT-4.7.2-1]
        return write(bound, &[AFTER_DOLLAR]);
    }
    let mut levels = filter.split('/').peekable();
    let mut rest = Some(topic);
    // The end of the topic's level that the last `+` took, to go on from when nothing more matches below it.
    let mut taken = None;
    while let Some(level) = levels.next() {
        if level == "#" {
            return Fit::Matches;
        }
        let Some(text) = rest else {
            return ended(topic, taken, bound);
        };
        let start = topic.len() - text.len();
        let (text, more) = text.split_once('/').map_or((text, None), |(text, more)| (text, Some(more)));
        let end = start + text.len();
        if level == "+" {
            taken = Some(end);
        } else if level != text {
            let more_levels = levels.peek().is_some();
            return differs(level, more_levels, topic, start, taken, bound);
        }
        rest = more;
    }
    if rest.is_none() { Fit::Matches } else { exhausted(topic, taken, bound) }
}

/// The topic has fewer levels than the filter, and no `#` makes up for it.
fn ended(topic: &str, taken: Option<usize>, bound: &mut String) -> Fit {
    if taken == Some(topic.len()) {
        // `+` may take any longer level that comes next.
        return Fit::NotThis;
    }
    write(bound, &[topic, "/"])
}

/// The filter's level is not the topic's level that begins at `start`.
fn differs(
    level: &str,
    more_levels: bool,
    topic: &str,
    start: usize,
    taken: Option<usize>,
    bound: &mut String,
) -> Fit {
    let (before, rest) = topic.split_at(start);
    if level > rest {
        return write(bound, &[before, level]);
    }
    // With `/` after it the level may still come later: `a!` lies between `a` and `a/b`.
    if more_levels && rest.bytes().lt(level.bytes().chain([b'/'])) {
        return write(bound, &[before, level, "/"]);
    }
    exhausted(topic, taken, bound)
}

/// Nothing else can match with the level that the last `+` took: leave all topics that begin with it.
fn exhausted(topic: &str, taken: Option<usize>, bound: &mut String) -> Fit {
    match taken {
        Some(end) => write(bound, &[&topic[..end], AFTER_SLASH]),
        None => Fit::NoneAfter,
    }
}

fn write(bound: &mut String, parts: &[&str]) -> Fit {
    bound.clear();
    parts.iter().for_each(|part| bound.push_str(part));
    Fit::NotBefore
}

/// The character after `/`, so the first text after all that begin with `/`.
const AFTER_SLASH: &str = "0";
/// The character after `$`.
const AFTER_DOLLAR: &str = "%";

//! Relations of filters, against the sets of topics that they match.

use super::super::relation::{covers, intersection, overlap};
use super::{filters, matches, topics};

/// The topics that a filter matches, one bit for each.
fn matched(filter: &str, topics: &[String]) -> Vec<u64> {
    let mut bits = vec![0; topics.len().div_ceil(64)];
    for (index, _) in topics.iter().enumerate().filter(|(_, topic)| matches(filter, topic)) {
        bits[index / 64] |= 1 << (index % 64);
    }
    bits
}

/// Every pair of filters over a small alphabet: the topics have one level more, and a text that no filter names, so that
/// they tell apart whatever differs.
#[test]
fn covering_and_intersection_are_those_of_the_sets_of_topics() {
    let topics = topics();
    let filters = filters();
    let sets: Vec<_> = filters.iter().map(|filter| matched(filter, &topics)).collect();
    for (one, one_set) in filters.iter().zip(&sets) {
        for (other, other_set) in filters.iter().zip(&sets) {
            let common: Vec<u64> = one_set.iter().zip(other_set).map(|(one, other)| one & other).collect();
            assert_eq!(covers(one, other), common == *other_set, "{one} covers {other}");
            let expected = common.iter().any(|bits| *bits != 0);
            assert_eq!(overlap(one, other), expected, "{one} and {other}");
            let filter = intersection(one, other);
            assert_eq!(filter.is_some(), expected, "{one} and {other}");
            if let Some(filter) = filter {
                assert_eq!(matched(&filter, &topics), common, "{one} and {other} have {filter} in common");
            }
        }
    }
}

#[test]
fn a_filter_and_the_level_above_it_have_that_level_in_common() {
    assert_eq!(intersection("a/#", "a").as_deref(), Some("a"));
    assert_eq!(intersection("a/#", "+/b/#").as_deref(), Some("a/b/#"));
    assert_eq!(intersection("#", "$SYS/#"), None);
}

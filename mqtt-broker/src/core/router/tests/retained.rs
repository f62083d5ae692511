//! The retained store against a map, and walks while it changes.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::{Cursor, Progress, Retained};
use super::{filter, naive_matches, topic};

fn store(topics: impl IntoIterator<Item = String>) -> Retained<Vec<u8>> {
    let mut retained = Retained::new(Vec::len, 5);
    for topic in topics {
        retained.set(&topic, vec![1]);
    }
    retained
}

/// Walks on by at most `limit` topics and says what was visited.
fn walk(
    retained: &Retained<Vec<u8>>,
    filter: &str,
    cursor: &mut Cursor,
    limit: usize,
) -> (Vec<String>, Progress) {
    let mut visited = Vec::new();
    let progress = retained.matching_from(filter, cursor, limit, |topic, _| {
        visited.push(topic.to_owned());
        ControlFlow::Continue(())
    });
    (visited, progress)
}

proptest! {
    #[test]
    fn the_store_does_what_a_map_does(
        steps in prop::collection::vec((topic(), prop::option::of(0usize..9), filter()), 1..100)
    ) {
        let (mut retained, mut model) = (store([]), BTreeMap::new());
        for (topic, message, filter) in steps {
            match message.map(|len| vec![0; len]) {
                Some(message) => {
                    prop_assert_eq!(retained.set(&topic, message.clone()), model.insert(topic.clone(), message));
                }
                None => prop_assert_eq!(retained.remove(&topic), model.remove(&topic)),
            }
            prop_assert_eq!(retained.get(&topic), model.get(&topic));
            let bytes: usize = model.iter().map(|(topic, message)| topic.len() + message.len()).sum();
            prop_assert_eq!((retained.len(), retained.bytes()), (model.len(), bytes));
            let mut found = Vec::new();
            retained.matching(&filter, |topic, message| found.push((topic.to_owned(), message.clone())));
            let expected = model.clone().into_iter().filter(|(topic, _)| naive_matches(&filter, topic));
            prop_assert_eq!(found, expected.collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_walk_visits_each_topic_that_stays_exactly_once(
        topics in prop::collection::btree_set(topic(), 0..60),
        filter in filter(),
        changes in prop::collection::vec((1usize..4, topic(), any::<bool>()), 1..60)
    ) {
        let mut retained = store(topics.clone());
        let mut staying: BTreeSet<String> = topics.into_iter().filter(|each| naive_matches(&filter, each)).collect();
        let (mut cursor, mut visited) = (Cursor::default(), Vec::new());
        for (limit, topic, keep) in changes {
            visited.extend(walk(&retained, &filter, &mut cursor, limit).0);
            if keep {
                retained.set(&topic, vec![2]);
            } else {
                retained.remove(&topic);
                staying.remove(&topic);
            }
        }
        let (rest, progress) = walk(&retained, &filter, &mut cursor, usize::MAX);
        visited.extend(rest);
        prop_assert_eq!(progress, Progress::Done);
        prop_assert!(visited.is_sorted_by(|one, next| one < next), "{:?}", visited);
        prop_assert!(visited.iter().all(|topic| naive_matches(&filter, topic)));
        prop_assert!(staying.iter().all(|topic| visited.contains(topic)), "{:?} lacks some of {:?}", visited, staying);
    }
}

#[test]
fn a_visitor_that_stops_has_taken_the_last_message() {
    let retained = store(["a/1", "a/2", "b", "c/1"].map(str::to_owned));
    let mut cursor = Cursor::default();
    let mut first = Vec::new();
    let progress = retained.matching_from("+/1", &mut cursor, usize::MAX, |topic, _| {
        first.push(topic.to_owned());
        ControlFlow::Break(())
    });
    assert_eq!((first, progress), (vec!["a/1".to_owned()], Progress::Stopped));
    assert_eq!(walk(&retained, "+/1", &mut cursor, 9), (vec!["c/1".to_owned()], Progress::Done));
    assert_eq!(walk(&retained, "+/1", &mut cursor, 9), (vec![], Progress::Done));
}

#[test]
fn a_walk_jumps_over_what_cannot_match() {
    let crowd = |site: &str| (0..1000).map(|n| format!("{site}/m/{n}")).collect::<Vec<_>>();
    let few = ["a", "a/z", "b/z", "b/z/1", "$SYS/z"].map(str::to_owned);
    let retained = store(few.into_iter().chain(crowd("a")).chain(crowd("b")).chain(crowd("$SYS")));
    for (filter, expected) in [("+/z", vec!["a/z", "b/z"]), ("b/z/#", vec!["b/z", "b/z/1"]), ("c/#", vec![])]
    {
        let looked_at = 12;
        let found = walk(&retained, filter, &mut Cursor::default(), looked_at);
        assert_eq!(found, (expected.into_iter().map(str::to_owned).collect(), Progress::Done), "{filter}");
    }
}

#[test]
fn a_walk_of_one_topic_at_a_time_jumps_too() {
    let retained = store((0..1000).map(|n| format!("a/m/{n}")).chain(["b/z".to_owned()]));
    let mut cursor = Cursor::default();
    let found: Vec<String> = (0..5).flat_map(|_| walk(&retained, "+/z", &mut cursor, 1).0).collect();
    assert_eq!(found, ["b/z"]);
}

#[test]
fn a_walk_that_may_look_at_nothing_stays_where_it_is() {
    let retained = store(["a".to_owned()]);
    let mut cursor = Cursor::default();
    assert_eq!(walk(&retained, "#", &mut cursor, 0), (vec![], Progress::Stopped));
    assert_eq!(walk(&retained, "#", &mut cursor, 2), (vec!["a".to_owned()], Progress::Done));
}

#[test]
fn one_topic_is_visited_once_even_by_a_walk_that_goes_on() {
    let mut retained = store(["a".to_owned(), "a/b".to_owned()]);
    let mut cursor = Cursor::default();
    assert_eq!(walk(&retained, "a", &mut cursor, 0), (vec![], Progress::Stopped));
    assert_eq!(walk(&retained, "a", &mut cursor, 1), (vec!["a".to_owned()], Progress::Done));
    retained.set("a", vec![2]);
    assert_eq!(walk(&retained, "a", &mut cursor, 1), (vec![], Progress::Done));
}

//! Share groups: whose turn it is.

use proptest::prelude::*;

use super::super::{GroupId, Matched, ShareGroup, Subscriptions};
use super::{granted, matches, session};

fn group_of(members: u32) -> Subscriptions {
    let mut subscriptions = Subscriptions::new(1);
    for slot in 0..members {
        assert_eq!(subscriptions.subscribe_shared("g", "a/+", session(slot), granted(1)), None);
    }
    subscriptions
}

fn only_group_id(subscriptions: &Subscriptions) -> GroupId {
    match matches(subscriptions, "a/b")[..] {
        [Matched::Group(id)] => id,
        ref other => panic!("not one group: {other:?}"),
    }
}

fn only_group(subscriptions: &Subscriptions) -> &ShareGroup {
    subscriptions.group(only_group_id(subscriptions)).expect("a matched group exists")
}

fn next(subscriptions: &Subscriptions) -> u32 {
    only_group(subscriptions).next_member(|_| true).expect("everybody can take").0.slot
}

#[test]
fn a_group_is_matched_once_and_its_members_take_turns() {
    let subscriptions = group_of(3);
    let turns: Vec<u32> = (0..7).map(|_| next(&subscriptions)).collect();
    assert_eq!(turns, [0, 1, 2, 0, 1, 2, 0]);
}

#[test]
fn a_member_that_cannot_take_is_passed_over_and_asked_once() {
    let subscriptions = group_of(3);
    let group = only_group(&subscriptions);
    let mut asked = Vec::new();
    let turns: Vec<u32> = (0..4)
        .filter_map(|_| {
            group.next_member(|session| {
                asked.push(session.slot);
                session.slot != 1
            })
        })
        .map(|(session, _)| session.slot)
        .collect();
    assert_eq!((turns, asked), (vec![0, 2, 0, 2], vec![0, 1, 2, 0, 1, 2]));
    assert_eq!(group.next_member(|_| false), None);
    assert_eq!(next(&subscriptions), 0);
}

#[test]
fn two_groups_on_one_filter_get_one_copy_each() {
    let mut subscriptions = group_of(2);
    subscriptions.subscribe_shared("h", "a/+", session(0), granted(0));
    subscriptions.subscribe("a/+", session(0), granted(2));
    let found = matches(&subscriptions, "a/b");
    let groups = found.iter().filter(|each| matches!(each, Matched::Group(_))).count();
    assert_eq!((found.len(), groups, subscriptions.share_groups()), (3, 2, 2));
}

#[test]
fn subscribing_again_changes_a_members_options_and_not_the_turns() {
    let mut subscriptions = group_of(3);
    assert_eq!(next(&subscriptions), 0);
    assert_eq!(subscriptions.subscribe_shared("g", "a/+", session(1), granted(2)), Some(granted(1)));
    assert_eq!(subscriptions.shared_subscriptions(), 3);
    let chosen = only_group(&subscriptions).next_member(|_| true);
    assert_eq!(chosen, Some((session(1), granted(2))));
    assert_eq!(next(&subscriptions), 2);
}

#[test]
fn the_id_of_a_group_that_has_ended_names_no_other_group() {
    let mut subscriptions = group_of(1);
    let ended = only_group_id(&subscriptions);
    assert_eq!(subscriptions.unsubscribe_shared("g", "a/+", session(0)), Some(granted(1)));
    subscriptions.subscribe_shared("secret", "a/+", session(1), granted(1));
    assert!(subscriptions.group(ended).is_none());
    let group = only_group(&subscriptions);
    assert_eq!((group.name(), group.filter(), group.len()), ("secret", "a/+", 1));
}

#[test]
fn leaving_a_group_that_one_is_not_in_changes_nothing() {
    let mut subscriptions = group_of(2);
    for (group, filter, slot) in [("g", "a/+", 5), ("h", "a/+", 0), ("g", "a/b", 0)] {
        assert_eq!(subscriptions.unsubscribe_shared(group, filter, session(slot)), None);
    }
    assert_eq!(subscriptions.unsubscribe("a/+", session(0)), None);
    assert_eq!(subscriptions.shared_subscriptions(), 2);
}

proptest! {
    #[test]
    fn members_that_leave_take_no_turn_from_the_others(
        members in 2u32..40, turns in 0u32..80, leavers in prop::collection::vec(0u32..40, 1..20)
    ) {
        let mut subscriptions = group_of(members);
        let mut had_turn: Vec<u32> = (0..turns).map(|_| next(&subscriptions)).collect();
        had_turn.drain(..(turns - turns % members) as usize);
        let mut left: Vec<u32> = (0..members).collect();
        for leaver in leavers {
            if left.len() > 1 && left.contains(&leaver) {
                left.retain(|&slot| slot != leaver);
                subscriptions.unsubscribe_shared("g", "a/+", session(leaver));
            }
        }
        let waiting: Vec<u32> = left.iter().copied().filter(|slot| !had_turn.contains(slot)).collect();
        let mut rest_of_round: Vec<u32> = waiting.iter().map(|_| next(&subscriptions)).collect();
        rest_of_round.sort_unstable();
        prop_assert_eq!(rest_of_round, waiting);
        let mut next_round: Vec<u32> = left.iter().map(|_| next(&subscriptions)).collect();
        next_round.sort_unstable();
        prop_assert_eq!(next_round, left);
    }
}

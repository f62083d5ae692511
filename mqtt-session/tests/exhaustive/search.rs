//! Depth-first search over all states, each visited once.

use std::collections::HashMap;

use crate::world::{Action, Case, World};

/// How a state was reached first: from which one, by what.
type Reached = HashMap<u64, (u64, Action)>;

/// Visits every state of `case`, and returns how many there are.
pub(crate) fn enumerate(case: Case) -> usize {
    let start = World::established(case);
    let root = start.fingerprint();
    let mut reached = Reached::new();
    reached.insert(root, (root, Action::Reconnect));
    let mut left = vec![(root, start)];
    while let Some((from, world)) = left.pop() {
        let mut is_last = true;
        for action in world.actions() {
            let mut next = world.clone();
            if let Err(violation) = next.apply(action) {
                panic!("{violation}\n{case:?}\n{}", path(&reached, root, from, Some(action)));
            }
            let to = next.fingerprint();
            is_last &= to == from || action.is_fault();
            if let std::collections::hash_map::Entry::Vacant(entry) = reached.entry(to) {
                entry.insert((from, action));
                left.push((to, next));
            }
        }
        if is_last && let Err(violation) = world.check_end() {
            panic!("{violation}\n{case:?}\n{}\n{world:#?}", path(&reached, root, from, None));
        }
    }
    reached.len()
}

/// What led to a violation, an action a line.
fn path(reached: &Reached, root: u64, mut at: u64, last: Option<Action>) -> String {
    let mut actions: Vec<_> = last.into_iter().collect();
    while at != root {
        let (from, action) = reached[&at];
        actions.push(action);
        at = from;
    }
    let lines = actions.iter().rev().map(|action| format!("  {action:?}"));
    lines.collect::<Vec<_>>().join("\n")
}

//! Shared Subscriptions: groups of Sessions that split the messages of a filter among them.

use std::sync::atomic::{AtomicUsize, Ordering};

use hashbrown::HashTable;

use super::hashing::Hashing;
use super::keyed_list::{Keyed, KeyedList};
use super::matched::{Granted, GroupId, SessionKey};
use super::slab::Slab;

/// The Sessions that subscribed to one `$share/GROUP/FILTER`.
///
/// The turn goes round. It is kept so that it can move while many threads read: two that choose in the same moment may
/// choose the same member.
#[derive(Debug)]
pub struct ShareGroup {
    name: Box<str>,
    filter: Box<str>,
    serial: u32,
    members: KeyedList<(SessionKey, Granted)>,
    turn: AtomicUsize,
}

impl Keyed for (SessionKey, Granted) {
    type Key = SessionKey;

    fn key(&self) -> SessionKey {
        self.0
    }

    fn number(key: SessionKey) -> u64 {
        key.number()
    }
}

impl ShareGroup {
    /// Gives the turn to the next member that can take a message, and returns it; `None` if nobody can.
    ///
    /// `can_take` is asked at most once for each member.
    pub fn next_member(&self, mut can_take: impl FnMut(SessionKey) -> bool) -> Option<(SessionKey, Granted)> {
        let turn = self.turn.load(Ordering::Relaxed);
        let (before, after) = self.members.as_slice().split_at(turn);
        let ahead = after.iter().chain(before).position(|&(session, _)| can_take(session))?;
        let chosen = (turn + ahead) % self.len();
        self.turn.store((chosen + 1) % self.len(), Ordering::Relaxed);
        Some(self.members.as_slice()[chosen])
    }

    /// The members, in the order of their turns.
    pub fn members(&self) -> impl Iterator<Item = (SessionKey, Granted)> + '_ {
        let (before, after) = self.members.as_slice().split_at(self.turn.load(Ordering::Relaxed));
        after.iter().chain(before).copied()
    }

    /// The ShareName.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The Topic Filter behind the ShareName.
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// How many Sessions are members; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a group without members does not exist")]
    pub fn len(&self) -> usize {
        self.members.as_slice().len()
    }

    /// Removes a member without taking or giving anybody else a turn.
    fn remove(&mut self, session: SessionKey, hashing: &Hashing) -> Option<Granted> {
        let mut gap = self.members.position(session, hashing)?;
        let turn = self.turn.get_mut();
        if gap < *turn {
            // The last member will fill the gap and has not had its turn: bring the gap to where that is next.
            *turn -= 1;
            self.members.swap(gap, *turn, hashing);
            gap = *turn;
        }
        let (_, granted) = self.members.swap_remove(gap, hashing);
        if *turn >= self.members.as_slice().len() {
            *turn = 0;
        }
        Some(granted)
    }
}

/// All share groups, by ShareName and filter.
#[derive(Debug)]
pub(super) struct ShareGroups {
    groups: Slab<ShareGroup>,
    by_name: HashTable<u32>,
    /// Counts groups, so that an id that is still held somewhere never names a later group.
    serial: u32,
}

/// What joining a group did.
pub(super) enum Joined {
    /// The group is new; its filter must now find it.
    Created(GroupId),
    /// The Session was a member; what it had is replaced.
    Replaced(Granted),
    Added,
}

/// What leaving a group did.
pub(super) struct Left {
    pub(super) granted: Granted,
    /// The group's id, if that was the last member: its filter must no longer find it.
    pub(super) dissolved: Option<GroupId>,
}

impl ShareGroups {
    pub(super) fn new() -> Self {
        Self { groups: Slab::new(), by_name: HashTable::new(), serial: 0 }
    }

    pub(super) fn join(
        &mut self,
        name: &str,
        filter: &str,
        member: (SessionKey, Granted),
        hashing: &Hashing,
    ) -> Joined {
        if let Some(place) = self.find(name, filter, hashing) {
            return match self.groups[place].members.insert(member, hashing) {
                Some((_, previous)) => Joined::Replaced(previous),
                None => Joined::Added,
            };
        }
        self.serial = self.serial.wrapping_add(1);
        let (serial, turn) = (self.serial, AtomicUsize::new(0));
        let mut members = KeyedList::new();
        members.insert(member, hashing);
        let group = ShareGroup { name: name.into(), filter: filter.into(), serial, members, turn };
        let place = self.groups.insert(group);
        let groups = &self.groups;
        self.by_name.insert_unique(hash(name, filter, hashing), place, |&each| {
            hash(&groups[each].name, &groups[each].filter, hashing)
        });
        Joined::Created(GroupId { place, serial })
    }

    pub(super) fn leave(
        &mut self,
        name: &str,
        filter: &str,
        session: SessionKey,
        hashing: &Hashing,
    ) -> Option<Left> {
        let place = self.find(name, filter, hashing)?;
        let granted = self.groups[place].remove(session, hashing)?;
        let dissolved = (self.groups[place].len() == 0).then(|| {
            let entry = self.by_name.find_entry(hash(name, filter, hashing), |&each| each == place);
            entry.expect("each group is in the table").remove();
            GroupId { place, serial: self.groups.remove(place).serial }
        });
        Some(Left { granted, dissolved })
    }

    pub(super) fn get(&self, id: GroupId) -> Option<&ShareGroup> {
        self.groups.get(id.place).filter(|group| group.serial == id.serial)
    }

    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    fn find(&self, name: &str, filter: &str, hashing: &Hashing) -> Option<u32> {
        let is_it = |group: &ShareGroup| *group.name == *name && *group.filter == *filter;
        self.by_name.find(hash(name, filter, hashing), |&each| is_it(&self.groups[each])).copied()
    }
}

fn hash(name: &str, filter: &str, hashing: &Hashing) -> u64 {
    hashing.number(hashing.text(name) ^ hashing.text(filter).rotate_left(1))
}

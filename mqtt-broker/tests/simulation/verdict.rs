//! Whether what a client gets is what it is owed.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker::core::ConnectionId;
use mqtt_codec::QoS;
use mqtt_session::Time;

use super::client::EMPTY;
use super::ledger::{Got, Opened};
use super::model::{Kept, Model, SharedDue, matches};

impl Model {
    /// A message comes to the client of a session.
    pub(crate) fn deliver(&mut self, session: u32, now: Time, got: &Got) -> Result<(), String> {
        let ledger = &mut self.ledgers[session as usize];
        if let Some(repeated) = ledger.repeats(got) {
            return repeated;
        }
        let replay = self.find_replay(session, got);
        // the same message may have come to the broker more than once, and the group may have chosen anybody each time
        let is_unique = self.routed.get(&got.number) == Some(&1);
        let is_shared = self.shared.iter().any(|due| due.explains(session, got));
        // after a crash of the broker one that came to it more than once, or may come again, does not say which time it is
        let may_repeat = self.ledgers[session as usize].may_repeat(got.number);
        let is_certain = is_unique || !(is_shared || self.has_crashed);
        let is_exact = replay.is_none() && is_certain && !may_repeat;
        let mut is_replay = false;
        let (expires, order) = if let Some((expires, publisher, seq)) = self.settle_due(session, got, false) {
            (expires, Some((publisher, seq)))
        } else if let Some(index) = self.find_group(session, got) {
            let due = &self.shared[index];
            (due.expires, Some((due.publisher, due.seq)))
        } else if let Some((expires, ..)) = self.settle_due(session, got, true) {
            (expires, None)
        } else if let Some(expires) = self.settle_replay(session, got) {
            is_replay = true;
            (expires, None)
        } else {
            return Err("came although nothing matches".to_owned());
        };
        let ledger = &mut self.ledgers[session as usize];
        let is_first = ledger.seen.insert(got.number);
        if replay.is_some() && !is_replay {
            // it may as well have come from there
            *ledger.replayed.entry(got.number).or_default() += 1;
        }
        if let Some(id) = got.id {
            ledger.opened.insert(id, Opened { number: got.number, qos: got.qos, program: got.program });
        }
        // of a message that came to the broker more than once each has what was left of its life then
        check_expiry(now, expires.map(|expires| is_unique.then_some(expires)), got)?;
        match order {
            // a replay keeps no order with what is routed
            Some((publisher, seq)) if is_exact && got.number < EMPTY => {
                ledger.note_order(got, publisher, seq, is_first)
            }
            _ => Ok(()),
        }
    }

    fn settle_due(
        &mut self,
        session: u32,
        got: &Got,
        is_optional: bool,
    ) -> Option<(Option<Time>, usize, u64)> {
        let ledger = &mut self.ledgers[session as usize];
        let index = ledger.find_due(got, is_optional)?;
        let due = &mut ledger.dues[index];
        due.done = true;
        Some((due.expires, due.publisher, due.seq))
    }

    fn settle_replay(&mut self, session: u32, got: &Got) -> Option<Option<Time>> {
        let kept = self.find_replay(session, got)?;
        let ledger = &mut self.ledgers[session as usize];
        *ledger.visits.entry(got.topic.clone()).or_default() += 1;
        *ledger.replayed.entry(got.number).or_default() += 1;
        Some(self.kept[kept].heard.expires)
    }

    /// The group message that this is; that others were replays is believed only if it cannot be otherwise.
    fn find_group(&mut self, session: u32, got: &Got) -> Option<usize> {
        let certain = self.settle_group(session, got, false, &mut BTreeSet::new());
        certain.or_else(|| self.settle_group(session, got, true, &mut BTreeSet::new()))
    }

    /// Nothing says for which share group a message came, or that it was for one: what was taken to be one group's may
    /// turn out to have come for another reason.
    fn settle_group(
        &mut self,
        session: u32,
        got: &Got,
        may_replay: bool,
        tried: &mut BTreeSet<usize>,
    ) -> Option<usize> {
        let explaining = |(index, due): (usize, &SharedDue)| due.explains(session, got).then_some(index);
        let mut candidates: Vec<usize> = self.shared.iter().enumerate().filter_map(explaining).collect();
        candidates
            .sort_by_key(|index| (self.shared[*index].claim.is_some(), self.shared[*index].is_optional));
        candidates.into_iter().find(|&index| {
            let is_free = tried.insert(index)
                && match self.shared[index].claim.clone() {
                    None => true,
                    Some((other, before)) => {
                        self.settle_due(other, &before, false).is_some()
                            || self.settle_due(other, &before, true).is_some()
                            || self.settle_group(other, &before, may_replay, tried).is_some()
                            || (may_replay && self.may_be_replayed(other, &before))
                    }
                };
            if is_free {
                self.shared[index].claim = Some((session, got.clone()));
            }
            is_free
        })
    }

    /// The retained message that a replay may have brought. Each replay brings one of each topic at most; which one it
    /// was cannot be seen, so they are counted.
    fn find_replay(&self, session: u32, got: &Got) -> Option<usize> {
        let ledger = &self.ledgers[session as usize];
        let replays = || ledger.replays.iter().filter(|replay| matches(&replay.filter, &got.topic));
        let visits = ledger.visits.get(&got.topic).copied().unwrap_or_default();
        if visits >= replays().count() || !self.may_be_replayed(session, got) {
            return None;
        }
        self.kept.iter().position(|kept| replays().any(|replay| replay.explains(kept, got)))
    }

    fn may_be_replayed(&self, session: u32, got: &Got) -> bool {
        let replays = &self.ledgers[session as usize].replays;
        let explained = |kept: &Kept| replays.iter().any(|replay| replay.explains(kept, got));
        got.retain && self.kept.iter().any(explained)
    }

    /// What is still owed although nothing is on its way any more.
    pub(crate) fn missing(&self, now: Time) -> Vec<Missing> {
        let mut missing = Vec::new();
        for (client, session) in self.sessions.iter().enumerate() {
            let Some(session) = session else { continue };
            let ledger = &self.ledgers[session.number as usize];
            let stayed =
                |connection: Option<ConnectionId>| connection.is_some() && connection == session.connection;
            for (number, dues) in &ledger.by_number {
                // a message that came more than once does not say which time it is: they are counted
                let dues = dues.iter().map(|due| &ledger.dues[*due]);
                let came = dues.clone().filter(|due| due.done && !due.is_optional).count();
                let sure = dues.filter(|due| {
                    !due.is_optional
                        && (due.qos > QoS::AtMostOnce || stayed(due.connection))
                        && due.expires.is_none_or(|at| at > now)
                });
                missing.extend(sure.skip(came).map(|due| Missing {
                    client: Some(client),
                    number: *number,
                    qos: due.qos,
                    why: "routed",
                }));
            }
            let there = |kept: &&Kept| kept.to.is_none() && kept.heard.expires.is_none_or(|at| at > now);
            for kept in self.kept.iter().filter(there) {
                let sure = ledger.replays.iter().filter(|replay| {
                    let qos = kept.heard.qos.min(replay.qos);
                    replay.meets(kept) && (qos > QoS::AtMostOnce || stayed(replay.connection))
                });
                let came = ledger.replayed.get(&kept.heard.number).copied().unwrap_or_default();
                missing.extend(sure.skip(came).map(|replay| Missing {
                    client: Some(client),
                    number: kept.heard.number,
                    qos: kept.heard.qos.min(replay.qos),
                    why: "retained",
                }));
            }
        }
        missing.extend(self.missing_of_groups(now));
        missing
    }

    /// Who is a member of two groups does not say for which of them a message came, so they are counted.
    fn missing_of_groups(&self, now: Time) -> Vec<Missing> {
        let mut surplus: BTreeMap<u32, i64> = BTreeMap::new();
        // a message that may come again after a crash of the broker may be taken for another one of the same number
        let unsure: BTreeSet<u32> =
            self.shared.iter().filter(|due| due.is_optional).map(|due| due.number).collect();
        let may_repeat = |number| self.ledgers.iter().any(|ledger| ledger.may_repeat(number));
        for due in self.shared.iter().filter(|due| !unsure.contains(&due.number) && !may_repeat(due.number)) {
            let balance = i64::from(due.claim.is_some()) - i64::from(self.is_sure(now, due));
            *surplus.entry(due.number).or_default() += balance;
        }
        let lacking = surplus.into_iter().filter(|(_, surplus)| *surplus < 0);
        let missing =
            |(number, _)| Missing { client: None, number, qos: QoS::AtLeastOnce, why: "routed to a group" };
        lacking.map(missing).collect()
    }

    /// A share group may have chosen a session that ended since, or that loses messages by right. What came to the broker
    /// more than once may have been taken for an earlier time, which was lost by right.
    fn is_sure(&self, now: Time, due: &SharedDue) -> bool {
        let is_unique = due.expires.is_none() && due.number < EMPTY;
        due.qos > QoS::AtMostOnce
            && (is_unique || self.routed.get(&due.number) == Some(&1))
            && due.expires.is_none_or(|at| at > now)
            && !self.ends.contains(&due.at)
            && due.members.iter().all(|(session, granted)| {
                granted.qos > QoS::AtMostOnce && !self.ledgers[*session as usize].has_ended
            })
    }
}

impl SharedDue {
    fn explains(&self, session: u32, got: &Got) -> bool {
        self.number == got.number
            && self.members.get(&session).is_some_and(|granted| {
                self.qos.min(granted.qos) == got.qos
                    && (self.retain && granted.retain_as_published) == got.retain
                    && (!got.v5 || got.ids.iter().copied().eq(granted.id))
            })
    }
}

impl std::fmt::Display for Missing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { client, number, qos, why } = self;
        match client {
            Some(client) => write!(f, "{number} at {qos:?} to c{client}, {why}"),
            None => write!(f, "{number} at {qos:?}, {why}"),
        }
    }
}

/// A message that somebody was owed and did not get.
pub(crate) struct Missing {
    pub(crate) client: Option<usize>,
    pub(crate) number: u32,
    pub(crate) qos: QoS,
    pub(crate) why: &'static str,
}

/// What was left of its life when it was sent is at least what is left now.
fn check_expiry(now: Time, expires: Option<Option<Time>>, got: &Got) -> Result<(), String> {
    // messages without a payload cannot be told apart
    if !got.v5 || got.number >= EMPTY {
        return Ok(());
    }
    match (expires, got.expiry) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err("has a Message Expiry Interval that nobody gave it".to_owned()),
        (Some(_), None) => Err("has lost its Message Expiry Interval".to_owned()),
        (Some(_), Some(0)) if !got.dup => Err("was sent after it had expired".to_owned()),
        (Some(None), Some(_)) => Ok(()),
        (Some(Some(expires)), Some(left)) => {
            let least = expires.since(now).as_nanos().div_ceil(1_000_000_000);
            if u128::from(left) < least {
                Err(format!("has {left} s left instead of {least}"))
            } else {
                Ok(())
            }
        }
    }
}

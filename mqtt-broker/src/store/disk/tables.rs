//! The tables of the engine: written from a batch, read when the broker starts.

use std::collections::BTreeSet;
use std::num::NonZeroU64;

use mqtt_codec::TopicFilter;
use mqtt_session::Ticket;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::error::EngineError;
use super::ledger::{Account, Batch, Ledger};
use super::records::{
    read_granted, read_head, read_life, read_message, read_progress, read_retained, write_granted,
    write_life, write_progress,
};
use super::value::Reader;
use crate::store::{Owed, Restored, RestoredSession, SessionNumber, StoredDelivery, Waiting, WallTime};

pub(super) const MESSAGES: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("messages");
pub(super) const SESSIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("sessions");
pub(super) const PROGRESS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("progress");
pub(super) const SUBSCRIPTIONS: TableDefinition<'_, (u64, &str), &[u8]> =
    TableDefinition::new("subscriptions");
pub(super) const RETAINED: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("retained");
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

pub(super) const FORMAT: &str = "format";
const ALIVE: &str = "alive";
const LAST_TICKET: &str = "last ticket";
const LAST_SESSION: &str = "last session";
/// The format of all tables together.
pub(super) const FORMAT_VERSION: u64 = 1;

/// Writes a batch as one transaction, which is durable when this returns.
pub(super) fn write(
    database: &Database,
    ledger: &Ledger,
    batch: &Batch,
    alive: WallTime,
) -> Result<(), EngineError> {
    let transaction = database.begin_write()?;
    {
        let mut messages = transaction.open_table(MESSAGES)?;
        for ticket in &batch.gone {
            messages.remove(ticket.0)?;
        }
        for (ticket, value) in &batch.messages {
            messages.insert(ticket.0, value.as_slice())?;
        }
        let (mut sessions, mut progress) =
            (transaction.open_table(SESSIONS)?, transaction.open_table(PROGRESS)?);
        let mut subscriptions = transaction.open_table(SUBSCRIPTIONS)?;
        for session in &batch.ended {
            let number = session.0.get();
            sessions.remove(number)?;
            progress.remove(number)?;
            subscriptions.retain_in((number, "")..(number + 1, ""), |_, _| false)?;
        }
        for session in &batch.lives {
            if let Some(account) = ledger.sessions.get(session) {
                sessions.insert(session.0.get(), write_life(*session, &account.life).as_slice())?;
            }
        }
        for session in &batch.progress {
            if let Some(Account { high, owed, life }) = ledger.sessions.get(session).map(Box::as_ref) {
                let value = write_progress(*session, *high, owed, &life.state);
                progress.insert(session.0.get(), value.as_slice())?;
            }
        }
        for ((session, filter), granted) in &batch.subscriptions {
            let key = (session.0.get(), filter.as_str());
            match granted {
                Some(granted) => {
                    let value = write_granted(&subscription_key(key), granted);
                    subscriptions.insert(key, value.as_slice())?;
                }
                None => drop(subscriptions.remove(key)?),
            }
        }
        let mut retained = transaction.open_table(RETAINED)?;
        for (topic, value) in &batch.retained {
            match value {
                Some(value) => drop(retained.insert(topic.as_str(), value.as_slice())?),
                None => drop(retained.remove(topic.as_str())?),
            }
        }
        let mut meta = transaction.open_table(META)?;
        meta.insert(FORMAT, FORMAT_VERSION)?;
        meta.insert(ALIVE, alive.0)?;
        if batch.last_ticket > Ticket::default() {
            meta.insert(LAST_TICKET, batch.last_ticket.0)?;
        }
        if batch.last_session > 0 {
            meta.insert(LAST_SESSION, batch.last_session)?;
        }
    }
    transaction.commit()?;
    Ok(())
}

/// What the checksum of a subscription is over besides its value.
pub(super) fn subscription_key((session, filter): (u64, &str)) -> Vec<u8> {
    [&session.to_be_bytes(), filter.as_bytes()].concat()
}

/// Whether a value is as it was written.
pub(super) fn is_intact(key: &[u8], value: &[u8]) -> bool {
    Reader::new(key, value).is_some()
}

/// What [`load`] has found: also how many values were damaged, and messages that nobody needs.
type Loaded = (Ledger, Restored, u64, BTreeSet<Ticket>);

/// Everything that is there.
pub(super) fn load(database: &Database) -> Result<Loaded, EngineError> {
    let mut ledger = Ledger::default();
    let mut restored = Restored::default();
    let (mut damaged, mut trash) = (0, BTreeSet::new());
    let transaction = database.begin_read()?;
    let meta = match transaction.open_table(META) {
        // nothing was ever written
        Err(TableError::TableDoesNotExist(_)) => return Ok((ledger, restored, damaged, trash)),
        meta => meta?,
    };
    let number = |name| Ok::<_, EngineError>(meta.get(name)?.map_or(0, |value| value.value()));
    match number(FORMAT)? {
        FORMAT_VERSION => {}
        format => return Err(EngineError::Newer(format)),
    }
    restored.alive = WallTime(number(ALIVE)?);
    restored.last_ticket = Ticket(number(LAST_TICKET)?);
    restored.last_session = number(LAST_SESSION)?;

    let progress = transaction.open_table(PROGRESS)?;
    for entry in transaction.open_table(SESSIONS)?.iter()? {
        let (key, value) = entry?;
        let Some(number) = NonZeroU64::new(key.value()).map(SessionNumber) else { continue };
        restored.last_session = restored.last_session.max(number.0.get());
        let Some(mut life) = read_life(number, value.value()) else {
            damaged += 1;
            continue;
        };
        let mut account = (Ticket::default(), Default::default());
        if let Some(value) = progress.get(number.0.get())? {
            match read_progress(number, value.value(), &mut life.state) {
                Some(progress) => account = progress,
                None => damaged += 1,
            }
        }
        let (high, owed) = account;
        // in a file that was salvaged these may be all that is left of the numbers that were given
        restored.last_ticket = restored.last_ticket.max(high);
        ledger.sessions.insert(number, Box::new(Account { life, owed, high }));
    }
    damaged += load_messages(&transaction, &mut ledger, &mut restored, &mut trash)?;
    for entry in transaction.open_table(RETAINED)?.iter()? {
        let (key, value) = entry?;
        match read_retained(key.value(), value.value()) {
            Some(kept) => restored.retained.push(kept),
            None => damaged += 1,
        }
    }
    Ok((ledger, restored, damaged, trash))
}

/// Finds out who is owed what, and makes the sessions of it.
fn load_messages(
    transaction: &ReadTransaction,
    ledger: &mut Ledger,
    restored: &mut Restored,
    trash: &mut BTreeSet<Ticket>,
) -> Result<u64, EngineError> {
    let mut damaged = 0;
    let mut sizes = std::collections::HashMap::<SessionNumber, Vec<Waiting>>::new();
    let messages = transaction.open_table(MESSAGES)?;
    for entry in messages.iter()? {
        let (key, value) = entry?;
        let ticket = Ticket(key.value());
        restored.last_ticket = restored.last_ticket.max(ticket);
        let Some(head) = read_head(ticket, value.value()) else {
            damaged += 1;
            continue;
        };
        let mut needed = 0;
        for Owed { session, .. } in head.owed {
            restored.last_session = restored.last_session.max(session.0.get());
            let Some(account) = ledger.sessions.get_mut(&session) else { continue };
            if ticket > account.high || account.owed.contains(ticket) {
                account.owed.insert(ticket);
                needed += 1;
                sizes.entry(session).or_default().push(Waiting { ticket, bytes: head.bytes });
            }
        }
        if needed > 0 {
            ledger.note_needed(ticket, needed);
        } else {
            trash.insert(ticket);
        }
    }
    let subscriptions = transaction.open_table(SUBSCRIPTIONS)?;
    let mut numbers: Vec<SessionNumber> = ledger.sessions.keys().copied().collect();
    numbers.sort_unstable();
    for number in numbers {
        let Some(account) = ledger.sessions.get_mut(&number) else { continue };
        let mut waiting = sizes.remove(&number).unwrap_or_default();
        // what was named as owed and is not there is lost
        let is_there = |ticket: Ticket| waiting.binary_search_by_key(&ticket, |each| each.ticket).is_ok();
        account.owed.retain(is_there);
        let last = account.life.state.exchanges().sent.iter().map(|(_, ticket)| *ticket).max();
        let behind = waiting.partition_point(|each| Some(each.ticket) <= last);
        let in_flight = waiting.drain(..behind).map(|each| read_one(&messages, number, each.ticket));
        let in_flight = in_flight.collect::<Result<Vec<_>, _>>()?;
        waiting.shrink_to_fit();
        let mut own = Vec::new();
        for entry in subscriptions.range((number.0.get(), "")..(number.0.get() + 1, ""))? {
            let (key, value) = entry?;
            let granted = read_granted(&subscription_key(key.value()), value.value());
            match (TopicFilter::new(key.value().1), granted) {
                (Ok(filter), Some(granted)) => own.push((filter, granted)),
                _ => damaged += 1,
            }
        }
        restored.sessions.push(RestoredSession {
            number,
            client_id: account.life.client.client_id.clone(),
            user: account.life.client.user.clone(),
            state: account.life.state.clone(),
            detached: account.life.detached,
            subscriptions: own,
            in_flight: in_flight.into_iter().flatten().collect(),
            waiting,
        });
    }
    Ok(damaged)
}

/// Messages of one session; `None` for those that are not there or damaged.
pub(super) fn read(
    database: &Database,
    session: SessionNumber,
    tickets: &[Ticket],
) -> Result<Vec<(Ticket, Option<StoredDelivery>)>, EngineError> {
    let transaction = database.begin_read()?;
    let messages = match transaction.open_table(MESSAGES) {
        Err(TableError::TableDoesNotExist(_)) => {
            return Ok(tickets.iter().map(|ticket| (*ticket, None)).collect());
        }
        messages => messages?,
    };
    tickets.iter().map(|ticket| Ok((*ticket, read_one(&messages, session, *ticket)?))).collect()
}

fn read_one(
    messages: &impl ReadableTable<u64, &'static [u8]>,
    session: SessionNumber,
    ticket: Ticket,
) -> Result<Option<StoredDelivery>, EngineError> {
    let Some(value) = messages.get(ticket.0)? else { return Ok(None) };
    let Some((kept, head)) = read_message(ticket, value.value()) else { return Ok(None) };
    let owed = head.owed.into_iter().find(|owed| owed.session == session);
    Ok(owed.map(|Owed { qos, retain, subscription_ids, .. }| StoredDelivery {
        ticket,
        kept,
        qos,
        retain,
        subscription_ids,
    }))
}

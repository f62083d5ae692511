//! All values of a store, one after the other, for those who look into it.

use mqtt_session::Ticket;
use redb::{Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableError};

use super::error::EngineError;
use super::records::{read_message, read_retained};
use super::tables::{FORMAT, FORMAT_VERSION, MESSAGES, META, PROGRESS, RETAINED, SESSIONS, SUBSCRIPTIONS};
use crate::store::{Kept, Owed};

/// A message of the store, whoever needs it.
pub(super) enum Value {
    Message { ticket: Ticket, kept: Kept, owed: Vec<Owed> },
    Retained(Kept),
}

/// Fails if the tables are of a version that is not understood.
pub(super) fn format(database: &Database) -> Result<(), EngineError> {
    let Some(transaction) = written(database)? else { return Ok(()) };
    match transaction.open_table(META)?.get(FORMAT)?.map(|value| value.value()) {
        Some(FORMAT_VERSION) => Ok(()),
        format => Err(EngineError::Newer(format.unwrap_or_default())),
    }
}

/// How many values there are in all tables.
pub(super) fn values(database: &Database) -> Result<u64, EngineError> {
    let Some(transaction) = written(database)? else { return Ok(0) };
    let numbered = [MESSAGES, SESSIONS, PROGRESS];
    let mut count =
        transaction.open_table(SUBSCRIPTIONS)?.len()? + transaction.open_table(RETAINED)?.len()?;
    for table in numbered {
        count += transaction.open_table(table)?.len()?;
    }
    Ok(count)
}

/// Shows the messages that are intact, and then the retained ones, until `show` has seen enough.
pub(super) fn each(database: &Database, mut show: impl FnMut(Value) -> bool) -> Result<(), EngineError> {
    let Some(transaction) = written(database)? else { return Ok(()) };
    for entry in transaction.open_table(MESSAGES)?.iter()? {
        let (key, value) = entry?;
        let ticket = Ticket(key.value());
        if let Some((kept, head)) = read_message(ticket, value.value())
            && !show(Value::Message { ticket, kept, owed: head.owed })
        {
            return Ok(());
        }
    }
    for entry in transaction.open_table(RETAINED)?.iter()? {
        let (key, value) = entry?;
        if let Some(kept) = read_retained(key.value(), value.value())
            && !show(Value::Retained(kept))
        {
            return Ok(());
        }
    }
    Ok(())
}

/// What was written last; `None` if nothing ever was.
fn written(database: &Database) -> Result<Option<ReadTransaction>, EngineError> {
    let transaction = database.begin_read()?;
    match transaction.open_table(META) {
        Err(TableError::TableDoesNotExist(_)) => Ok(None),
        meta => meta.map(|_| ()).map_err(EngineError::from).map(|()| Some(transaction)),
    }
}

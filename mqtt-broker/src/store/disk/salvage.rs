//! What can still be read of a damaged file goes into a new one.
//!
//! Every value has a checksum of its own over its key and itself, so each is either as it was written or left behind, whatever has
//! become of the file around it. A table is read from both ends, as far as the engine comes.

use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use redb::{Database, Key, Range, ReadTransaction, ReadableDatabase, TableDefinition};

use super::error::EngineError;
use super::tables::{FORMAT, FORMAT_VERSION, MESSAGES, META, PROGRESS, RETAINED, SESSIONS, SUBSCRIPTIONS};
use super::tables::{is_intact, subscription_key};
use super::{DiskSettings, OpenError, open_error};

/// Values that one transaction takes over.
const AT_ONCE: usize = 10_000;
/// Bytes that a value takes at least with its key, so that a table which has become a circle comes to an end.
const LEAST: u64 = 8;

/// Key and value as the engine writes them.
type Pair = (Vec<u8>, Vec<u8>);

/// Makes `to` of what can be read of `from`; how many values those are.
pub(super) fn salvage(settings: &DiskSettings, from: &Path, to: &Path) -> Result<u64, OpenError> {
    let in_the_way = fs::remove_file(to);
    match in_the_way {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(OpenError::Directory { path: to.to_owned(), error });
        }
        _ => {}
    }
    let wrong = |error| {
        let engine = || OpenError::Engine { path: to.to_owned(), error: "a new file is damaged".to_owned() };
        open_error(to, error).unwrap_or_else(engine)
    };
    let new = super::open_file(settings, to, false).map_err(wrong)?;
    let old = catch_unwind(AssertUnwindSafe(|| {
        let old = super::open_file(settings, from, false)?;
        Ok::<_, EngineError>((old.begin_read()?, old))
    }));
    let Ok(Ok((transaction, _old))) = old else { return Ok(0) };
    let limit = fs::metadata(from).map_or(0, |file| file.len() / LEAST);
    take_over(&transaction, &new, limit).map_err(wrong)
}

fn take_over(old: &ReadTransaction, new: &Database, limit: u64) -> Result<u64, EngineError> {
    let mut meta = TableCopy { old, new, limit, count: 0 };
    meta.copy(META, |_, _| true)?;
    let transaction = new.begin_write()?;
    transaction.open_table(META)?.insert(FORMAT, FORMAT_VERSION)?;
    transaction.commit()?;
    let mut values = TableCopy { count: 0, ..meta };
    let numbered = |key: u64, value: &[u8]| is_intact(&key.to_be_bytes(), value);
    values.copy(SESSIONS, numbered)?;
    values.copy(PROGRESS, numbered)?;
    values.copy(SUBSCRIPTIONS, |key, value| is_intact(&subscription_key(key), value))?;
    values.copy(RETAINED, |key, value| is_intact(key.as_bytes(), value))?;
    values.copy(MESSAGES, numbered)?;
    Ok(values.count)
}

struct TableCopy<'c> {
    old: &'c ReadTransaction,
    new: &'c Database,
    /// Values that a table can have at most.
    limit: u64,
    /// Those that were taken over.
    count: u64,
}

impl TableCopy<'_> {
    /// Takes over what is intact of a table.
    fn copy<K, V>(
        &mut self,
        table: TableDefinition<'static, K, V>,
        is_intact: impl for<'v> Fn(K::SelfType<'v>, V::SelfType<'v>) -> bool,
    ) -> Result<(), EngineError>
    where
        K: Key + 'static,
        V: redb::Value + 'static,
    {
        let Some(mut range) = guarded(|| self.old.open_table(table).ok()?.range::<K::SelfType<'_>>(..).ok())
        else {
            return self.write(table, &[]);
        };
        let mut last = None;
        for from_behind in [false, true] {
            let (mut pairs, mut left) = (Vec::new(), self.limit);
            while let Some(pair) = guarded(|| next(&mut range, from_behind)).filter(|_| left > 0) {
                left -= 1;
                if from_behind && last.as_ref() == Some(&pair.0) {
                    break;
                }
                if !from_behind {
                    last = Some(pair.0.clone());
                }
                if is_intact(K::from_bytes(&pair.0), V::from_bytes(&pair.1)) {
                    pairs.push(pair);
                }
                if pairs.len() == AT_ONCE {
                    self.write(table, &pairs)?;
                    pairs.clear();
                }
            }
            self.write(table, &pairs)?;
        }
        Ok(())
    }

    fn write<K, V>(
        &mut self,
        table: TableDefinition<'static, K, V>,
        pairs: &[Pair],
    ) -> Result<(), EngineError>
    where
        K: Key + 'static,
        V: redb::Value + 'static,
    {
        let transaction = self.new.begin_write()?;
        let mut table = transaction.open_table(table)?;
        for (key, value) in pairs {
            table.insert(K::from_bytes(key), V::from_bytes(value))?;
        }
        drop(table);
        transaction.commit()?;
        self.count += pairs.len() as u64;
        Ok(())
    }
}

/// The next of either end; `None` at the end or where the file cannot be read.
fn next<K: Key + 'static, V: redb::Value + 'static>(
    range: &mut Range<'_, K, V>,
    from_behind: bool,
) -> Option<Pair> {
    let next = if from_behind { range.next_back() } else { range.next() };
    let (key, value) = next?.ok()?;
    let bytes = (K::as_bytes(&key.value()).as_ref().to_vec(), V::as_bytes(&value.value()).as_ref().to_vec());
    Some(bytes)
}

/// The engine may panic at what it finds.
fn guarded<T>(work: impl FnOnce() -> Option<T>) -> Option<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_default()
}

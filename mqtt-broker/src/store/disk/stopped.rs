//! A data directory that no broker uses, to look into and to tidy up.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use mqtt_session::Ticket;
use redb::Database;

use super::error::EngineError;
use super::survey::{self, Value};
use super::tables;
use super::{DiskSettings, OpenError, WallTime, open_database, open_error};
use crate::config::StoreSettings;
use crate::store::{Kept, Owed, RestoredSession};

/// The store of a broker that is stopped.
///
/// Nothing is changed but by [`StoppedStore::compact`], and that changes no content. After a stop that was not clean the engine first goes
/// back to its last commit, as it does when a broker starts.
pub struct StoppedStore {
    database: Database,
    path: PathBuf,
}

impl std::fmt::Debug for StoppedStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoppedStore").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Something that a store has.
#[derive(Debug)]
#[non_exhaustive]
pub enum Entry<'s> {
    /// A session.
    Session(&'s RestoredSession),
    /// A message, with the sessions that are still owed it.
    Message {
        /// Its number.
        ticket: Ticket,
        /// The message.
        kept: &'s Kept,
        /// The sessions, and how they are owed it.
        owed: &'s [(&'s RestoredSession, &'s Owed)],
    },
    /// The retained message of its topic.
    Retained(&'s Kept),
}

/// What [`StoppedStore::visit`] has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Content {
    /// Sessions.
    pub sessions: u64,
    /// Messages that some session is owed.
    pub messages: u64,
    /// Retained messages.
    pub retained: u64,
    /// Values that are not as they were written. A broker leaves them out.
    pub damaged: u64,
    /// When a broker has used it last.
    pub alive: WallTime,
}

impl StoppedStore {
    /// Whether the broker that used the directory last has closed its store, or there is none.
    pub fn was_closed(directory: &Path) -> bool {
        let settings = DiskSettings::new(directory, StoreSettings::default());
        settings.clean().exists() || !settings.file().exists()
    }

    /// Moves the file of a store out of the way, without a look at it; where it is then.
    ///
    /// # Errors
    /// [`OpenError::Directory`]: what the system says.
    pub fn set_aside(directory: &Path) -> Result<PathBuf, OpenError> {
        let settings = DiskSettings::new(directory, StoreSettings::default());
        let aside = settings.aside();
        let moved = fs::rename(settings.file(), &aside);
        moved.map_err(|error| OpenError::Directory { path: settings.directory, error })?;
        Ok(aside)
    }

    /// Opens the store of a directory, and keeps brokers away while it is open.
    ///
    /// # Errors
    /// [`OpenError`]: there is none, a broker uses it, it is of a newer version, or too damaged to be read.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let settings = DiskSettings::new(directory, StoreSettings::default());
        let path = settings.file();
        match fs::metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(OpenError::Nothing { path: settings.directory });
            }
            _ => {}
        }
        let database = guarded(&path, || {
            let database = open_database(&settings, false)?;
            survey::format(&database)?;
            Ok(database)
        })?;
        Ok(Self { database, path })
    }

    /// Has the engine look at every page of its file; whether all are as they should be. If not, what is in the other pages can still be
    /// read.
    ///
    /// # Errors
    /// [`OpenError`]: the file cannot be read at all.
    pub fn check(self) -> Result<bool, OpenError> {
        let Self { mut database, path } = self;
        match guarded(&path, || Ok(database.check_integrity()?)) {
            Err(OpenError::Damaged { .. }) => Ok(false),
            is_whole => is_whole,
        }
    }

    /// How many values there are, that is about how long [`StoppedStore::visit`] will take.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] if the file cannot be read.
    pub fn values(&self) -> Result<u64, OpenError> {
        guarded(&self.path, || survey::values(&self.database))
    }

    /// Shows everything in the order of its numbers, one at a time: sessions, messages, retained messages. What is damaged is
    /// counted.
    ///
    /// # Errors
    /// [`OpenError::Damaged`] if the file cannot be read; the first error of `visit`, which ends it.
    pub fn visit<E>(
        &self,
        mut visit: impl FnMut(Entry<'_>) -> Result<(), E>,
    ) -> Result<Result<Content, E>, OpenError> {
        guarded(&self.path, || {
            let (ledger, restored, damaged, _) = tables::load(&self.database)?;
            let mut content = Content { damaged, alive: restored.alive, ..Content::default() };
            for session in &restored.sessions {
                content.sessions += 1;
                if let Err(error) = visit(Entry::Session(session)) {
                    return Ok(Err(error));
                }
            }
            let sessions: HashMap<_, _> =
                restored.sessions.iter().map(|session| (session.number, session)).collect();
            let mut shown = Ok(());
            survey::each(&self.database, |value| {
                let entry = match &value {
                    Value::Message { ticket, kept, owed } => {
                        let is_owed = |owed: &&Owed| {
                            let account = ledger.sessions.get(&owed.session);
                            account.is_some_and(|account| account.owed.contains(*ticket))
                        };
                        let owed = owed.iter().filter(is_owed);
                        let owed: Vec<_> =
                            owed.filter_map(|owed| Some((*sessions.get(&owed.session)?, owed))).collect();
                        if owed.is_empty() {
                            return true;
                        }
                        content.messages += 1;
                        visit(Entry::Message { ticket: *ticket, kept, owed: &owed })
                    }
                    Value::Retained(kept) => {
                        content.retained += 1;
                        visit(Entry::Retained(kept))
                    }
                };
                shown = entry;
                shown.is_ok()
            })?;
            Ok(shown.map(|()| content))
        })
    }

    /// Gives space that nothing needs any more back to the file system; the bytes of the file before and after.
    ///
    /// # Errors
    /// [`OpenError::Engine`] if the engine cannot, for example for want of space.
    pub fn compact(self) -> Result<(u64, u64), OpenError> {
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len());
        let Self { mut database, path } = self;
        let before = size(&path);
        guarded(&path, || {
            // each pass moves what it can
            while database.compact()? {}
            Ok(())
        })?;
        // closing it writes as well
        drop(database);
        Ok((before, size(&path)))
    }
}

/// What the engine does with a file that may have been changed behind its back.
fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, EngineError>) -> Result<T, OpenError> {
    let damaged = || OpenError::Damaged { path: path.to_owned() };
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(open_error(path, error).unwrap_or_else(damaged)),
        Err(_) => Err(damaged()),
    }
}

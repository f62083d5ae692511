//! A store in files: one writer that commits everything that waits at once, one reader, and a ledger in memory.
//!
//! ```text
//!   append --> queue --> ledger --> batch --one transaction--> messages.redb     stored = position, shards are woken
//!   fetch  --> requests --> reader ----------read----------------^
//! ```
//!
//! The ledger knows who is owed which message, not the messages: what is settled before its commit is never written.

mod backend;
mod error;
mod ledger;
mod reader;
mod records;
mod salvage;
mod shared;
mod stopped;
mod survey;
mod tables;
mod tickets;
mod value;
mod writer;

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mqtt_session::Ticket;
use redb::backends::FileBackend;
use redb::{Builder, Database, DatabaseError, StorageError};

use error::EngineError;
pub use error::OpenError;
use ledger::{Batch, Ledger};
use shared::{Shared, lock};
pub use stopped::{Content, Entry, StoppedStore};
use writer::{Writer, wall_now};

use super::{Fetched, Op, Position, Request, Restored, Store, Wake, WallTime};
use crate::config::{Durability, StoreSettings};

/// The file of the engine.
const FILE: &str = "messages.redb";
/// Is there while nobody has the directory open and the last one has closed it.
const CLEAN: &str = "closed";

/// Where and how a [`DiskStore`] keeps its files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DiskSettings {
    /// The directory; made if it is not there.
    pub directory: PathBuf,
    /// What an operator sets.
    pub store: StoreSettings,
    /// How often an idle store says that it is alive. Default a minute: after a crash a connection is taken to have
    /// ended that much later than it may have.
    pub heartbeat: Duration,
    /// How long to wait before a commit that failed is tried again. Default a second.
    pub retry: Duration,
    /// How often the log says that it still fails. Default a minute.
    pub complain: Duration,
    /// How long the reader waits for a commit before it looks again. Default 10 ms.
    pub read_again: Duration,
    /// Messages that nobody needs any more and that one commit removes. Default 10,000: who waits for the commit waits for
    /// this as well.
    pub trim: usize,
}

impl DiskSettings {
    /// The defaults for a directory.
    pub fn new(directory: impl Into<PathBuf>, store: StoreSettings) -> Self {
        Self {
            directory: directory.into(),
            store,
            heartbeat: Duration::from_secs(60),
            retry: Duration::from_secs(1),
            complain: Duration::from_secs(60),
            read_again: Duration::from_millis(10),
            trim: 10_000,
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.join(FILE)
    }

    /// What is salvaged of a damaged file, until all of it is here.
    fn salvaged(&self) -> PathBuf {
        self.directory.join(format!("{FILE}.salvaged"))
    }

    /// Where a damaged file goes.
    fn aside(&self) -> PathBuf {
        let WallTime(now) = wall_now();
        self.directory.join(format!("{FILE}.damaged-{}", now / 1_000))
    }

    fn clean(&self) -> PathBuf {
        self.directory.join(CLEAN)
    }
}

/// What was wrong with a data directory that was opened all the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Values that were not as they were written, and are left out.
    pub values: u64,
    /// Where the whole file was moved to, because it could not be read as it was. What was in it and is not in the store
    /// any more cannot be counted.
    pub set_aside: Option<PathBuf>,
    /// Values that were taken over from there.
    pub salvaged: u64,
}

/// A store that keeps its files in a directory. Dropped it is closed.
pub struct DiskStore {
    shared: Arc<Shared>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl std::fmt::Debug for DiskStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DiskStore").field("settings", &self.shared.settings).finish_non_exhaustive()
    }
}

impl DiskStore {
    /// Opens a directory, and gives back what is in it. What can be read of a damaged file is taken over into a new one, and the
    /// damaged one is set aside, and said to be.
    ///
    /// After a stop that was not clean the whole file is checked first.
    ///
    /// # Errors
    /// [`OpenError`]: the directory is not one's own, in use, or of a newer version.
    pub fn open(settings: DiskSettings) -> Result<(Self, Restored, Damage), OpenError> {
        let unusable = |error| OpenError::Directory { path: settings.directory.clone(), error };
        make_directory(&settings.directory).map_err(unusable)?;
        if !settings.file().exists() && settings.salvaged().exists() {
            // the last start ended between two names
            fs::rename(settings.salvaged(), settings.file()).map_err(unusable)?;
        }
        let mut damage = Damage::default();
        let opened = match open_and_load(&settings)? {
            Some(opened) => opened,
            None => {
                let (path, new) = (settings.file(), settings.salvaged());
                damage.salvaged = salvage::salvage(&settings, &path, &new)?;
                damage.set_aside = Some(set_aside(&settings)?);
                let again = open_and_load(&settings)?;
                again.ok_or_else(|| OpenError::Engine { path, error: "a new file is damaged".to_owned() })?
            }
        };
        let Opened { database, ledger, mut restored, damaged, trash } = opened;
        damage.values = damaged;
        if fs::remove_file(settings.clean()).is_err() {
            // it may have gone on for so long after it was last written
            restored.alive = restored.alive.after(settings.heartbeat).min(wall_now());
        }
        let last = (restored.last_ticket, restored.last_session);
        let gone = if damaged == 0 { trash } else { Default::default() };
        let batch = Batch { gone, last_ticket: last.0, last_session: last.1, ..Batch::default() };
        let shared = Arc::new(Shared::new(settings, database));
        let writer = Writer { shared: Arc::clone(&shared), ledger, batch };
        let reader = Arc::clone(&shared);
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let thread = thread::Builder::new().name(name.to_owned()).spawn(run);
            let path = shared.settings.directory.clone();
            thread.map_err(|error| OpenError::Engine { path, error: error.to_string() })
        };
        let threads = vec![
            spawn("mqtt-store", Box::new(move || writer.run()))?,
            spawn("mqtt-store-read", Box::new(move || reader::run(&reader)))?,
        ];
        Ok((Self { shared, threads: Mutex::new(threads) }, restored, damage))
    }

    fn end(&self) {
        let threads = std::mem::take(&mut *lock(&self.threads));
        if threads.is_empty() {
            return;
        }
        lock(&self.shared.queue).closing = true;
        lock(&self.shared.requests).closing = true;
        self.shared.work.notify_all();
        self.shared.readable.notify_all();
        let ended = threads.into_iter().map(JoinHandle::join).filter(Result::is_ok).count();
        let appended = lock(&self.shared.queue).appended;
        let is_complete = self.shared.stored.load(Ordering::Acquire) == appended && ended == 2;
        if let Ok(mut database) = self.shared.database.write() {
            *database = None;
        }
        if is_complete && let Ok(file) = File::create(self.shared.settings.clean()) {
            // without it the next start checks more than it has to
            drop(file.sync_all());
        }
    }
}

impl Drop for DiskStore {
    fn drop(&mut self) {
        self.end();
    }
}

impl Store for DiskStore {
    fn append(&self, shard: u16, ops: &mut Vec<Op>) -> Position {
        self.shared.append(shard, ops)
    }

    fn stored(&self) -> Position {
        Position(self.shared.stored.load(Ordering::Acquire))
    }

    fn is_full(&self) -> bool {
        self.shared.is_full.load(Ordering::Relaxed)
    }

    fn fetch(&self, shard: u16, request: Request) {
        self.shared.fetch(shard, request);
    }

    fn poll_fetched(&self, shard: u16) -> Option<Fetched> {
        self.shared.poll_fetched(shard)
    }

    fn set_wake(&self, shard: u16, wake: Wake) {
        self.shared.set_wake(shard, wake);
    }

    fn close(&self) {
        self.end();
    }
}

struct Opened {
    database: Database,
    ledger: Ledger,
    restored: Restored,
    damaged: u64,
    /// Messages that nobody needs.
    trash: BTreeSet<Ticket>,
}

/// `None` if the file is damaged.
fn open_and_load(settings: &DiskSettings) -> Result<Option<Opened>, OpenError> {
    let path = settings.file();
    // the engine may panic at a file that was changed behind its back
    let opened = catch_unwind(AssertUnwindSafe(|| {
        let database = open_database(settings, !settings.clean().exists())?;
        let (ledger, restored, damaged, trash) = tables::load(&database)?;
        Ok(Opened { database, ledger, restored, damaged, trash })
    }));
    match opened {
        Ok(Ok(opened)) => Ok(Some(opened)),
        Ok(Err(error)) => open_error(&path, error).map_or(Ok(None), Err),
        Err(_) => Ok(None),
    }
}

/// What an error of the engine says to an operator; `None` if the file is damaged.
fn open_error(file: &Path, error: EngineError) -> Option<OpenError> {
    let path = file.to_owned();
    let error = match error {
        EngineError::Newer(format) => return Some(OpenError::Newer { path, format }),
        EngineError::Engine(error) => *error,
    };
    match error {
        redb::Error::DatabaseAlreadyOpen => {
            Some(OpenError::InUse { path: file.parent().unwrap_or(file).to_owned() })
        }
        redb::Error::UpgradeRequired(format) => Some(OpenError::Newer { path, format: format.into() }),
        redb::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
            Some(OpenError::Directory { path, error })
        }
        redb::Error::Io(_) | redb::Error::Corrupted(_) => None,
        // the format is as it should be, so what the file says of its tables is not what was written
        redb::Error::TableTypeMismatch { .. }
        | redb::Error::TypeDefinitionChanged { .. }
        | redb::Error::TableIsMultimap(_)
        | redb::Error::TableIsNotMultimap(_)
        | redb::Error::TableDoesNotExist(_) => None,
        error => Some(OpenError::Engine { path, error: error.to_string() }),
    }
}

fn open_database(settings: &DiskSettings, check: bool) -> Result<Database, EngineError> {
    open_file(settings, &settings.file(), check)
}

fn open_file(settings: &DiskSettings, path: &Path, check: bool) -> Result<Database, EngineError> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
    let file = file.map_err(|error| DatabaseError::Storage(StorageError::Io(error)))?;
    let mut builder = Builder::new();
    builder.set_cache_size(settings.store.cache);
    builder.set_check_integrity_on_open(check);
    let backend = FileBackend::new(file)?;
    Ok(match settings.store.durability {
        Durability::Fsync => builder.create_with_backend(backend)?,
        Durability::Os => builder.create_with_backend(backend::Unsynced(backend))?,
    })
}

/// Only its owner may look into it: there are messages in it.
fn make_directory(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

fn set_aside(settings: &DiskSettings) -> Result<PathBuf, OpenError> {
    let aside = settings.aside();
    let moved = fs::rename(settings.file(), &aside);
    moved
        .and_then(|()| fs::rename(settings.salvaged(), settings.file()))
        .map_err(|error| OpenError::Directory { path: settings.directory.clone(), error })?;
    Ok(aside)
}

//! The disk and the engine without a broker: what bounds every figure.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, TableDefinition};

use crate::load::latency::Latency;

/// What the disk does alone.
pub(super) struct Disk {
    /// p50 of `fdatasync` after 4 KiB at the end of a file.
    pub(super) sync: Duration,
    /// Records a second in commits of [`MANY`].
    pub(super) engine: f64,
    /// p50 of a commit of [`MANY`] records.
    pub(super) large: Duration,
    /// p50 of a commit of [`FEW`] records: a message of each publisher.
    pub(super) small: Duration,
}

/// Records of a large commit, and of a small one.
pub(super) const MANY: u64 = 256;
pub(super) const FEW: u64 = 50;

/// As much as a message of the load takes in our store.
const VALUE: [u8; 110] = [b'v'; 110];
const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("records");

pub(super) fn measure(place: &Path, seconds: Duration) -> io::Result<Disk> {
    let sync = sync(&place.join("sync"), seconds)?;
    let (engine, large) = engine(&place.join("many"), MANY, seconds)?;
    let (_, small) = self::engine(&place.join("few"), FEW, seconds)?;
    Ok(Disk { sync, engine, large, small })
}

fn sync(path: &Path, seconds: Duration) -> io::Result<Duration> {
    let mut file = File::create(path)?;
    let mut spans = Latency::default();
    let end = Instant::now() + seconds;
    while Instant::now() < end {
        file.write_all(&[b's'; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        spans.record(start.elapsed());
    }
    fs::remove_file(path)?;
    Ok(spans.quantile(0.5))
}

/// Records a second with sequential keys in commits of `each`, and p50 of a commit.
fn engine(path: &Path, each: u64, seconds: Duration) -> io::Result<(f64, Duration)> {
    let database = Database::create(path).map_err(io::Error::other)?;
    let mut spans = Latency::default();
    let start = Instant::now();
    let mut next = 0;
    while start.elapsed() < seconds {
        let begun = Instant::now();
        commit(&database, next..next + each).map_err(io::Error::other)?;
        spans.record(begun.elapsed());
        next += each;
    }
    let rate = next as f64 / start.elapsed().as_secs_f64();
    drop(database);
    fs::remove_file(path)?;
    Ok((rate, spans.quantile(0.5)))
}

fn commit(database: &Database, keys: std::ops::Range<u64>) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    {
        let mut records = transaction.open_table(RECORDS)?;
        for key in keys {
            records.insert(key, &VALUE[..])?;
        }
    }
    transaction.commit()?;
    Ok(())
}

//! The brokers that are measured, each started on a data directory of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use clap::Parser;

use super::options::{Kind, Options};
use crate::load::Options as LoadOptions;
use crate::load::program::{Program, Running, StartError};
use crate::load::void::Void;

/// What waits for a session may be as much as publishers manage to send.
const LIMITS: &str = "[session.queue]\nmessages = 10_000_000\nbytes = '8GiB'\n";

/// A broker that runs; its data is removed with this value.
pub(super) struct Subject {
    // before its directory is removed
    pub(super) running: Running,
    _place: Place,
}

impl Subject {
    pub(super) fn start(options: &Options, kind: Kind) -> Result<Self, Void> {
        let place = Place::create(&options.directory).map_err(Void::Place)?;
        let program = match kind {
            Kind::Mosquitto => {
                let location = format!("persistence_location {}/", place.0.display());
                let lines = ["--mosquitto-line", "persistence true", "--mosquitto-line", &location];
                Program::mosquitto(&load_options(options, &lines))?
            }
            Kind::Fsync | Kind::Os | Kind::Memory => {
                let file = configuration(&place.0, kind).map_err(Void::Place)?;
                let arguments = ["--broker-arg", "--config", "--broker-arg", &file];
                Program::ours(&load_options(options, &arguments))?.ok_or(StartError::NoOurs)?
            }
        };
        Ok(Self { running: program.start()?, _place: place })
    }
}

/// The file of our broker.
fn configuration(place: &Path, kind: Kind) -> io::Result<String> {
    let store = match kind {
        Kind::Memory => "[store]\nmemory = true\n".to_owned(),
        _ => format!(
            "[store]\ndirectory = '{}'\ndurability = '{}'\n",
            place.join("data").display(),
            kind.name()
        ),
    };
    let file = place.join("broker.toml");
    fs::write(&file, LIMITS.to_owned() + &store)?;
    Ok(file.display().to_string())
}

/// The options of the load program that find both brokers, and some more.
pub(super) fn load_options(options: &Options, more: &[&str]) -> LoadOptions {
    let mut arguments = vec!["load".to_owned()];
    for (name, path) in [("--broker", &options.broker), ("--mosquitto", &options.mosquitto)] {
        if let Some(path) = path {
            arguments.extend([name.to_owned(), path.display().to_string()]);
        }
    }
    arguments.extend(more.iter().map(|text| (*text).to_owned()));
    LoadOptions::parse_from(arguments)
}

/// A directory that is removed with this value.
pub(super) struct Place(pub(super) PathBuf);

impl Place {
    pub(super) fn create(directory: &Path) -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = directory.join(format!("mqtt-store-{}-{number}", std::process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // what stays behind harms nobody
        let _ = fs::remove_dir_all(&self.0);
    }
}

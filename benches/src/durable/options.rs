//! The command line.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

/// Measures what storing costs: our broker with its store on `fsync` and on `os`, in memory, and Mosquitto with its persistence,
/// each in turn, beside the disk and the engine alone in the same run.
#[derive(Debug, Clone, Parser)]
#[command(name = "store")]
pub struct Options {
    /// Rounds; each measures every load with every broker once. Medians are printed.
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,

    /// Seconds of each measurement.
    #[arg(long, value_name = "S", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub seconds: u32,

    /// Loads to measure.
    #[arg(
        long,
        value_enum,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "clean,offline,single,alone,retained,online1,online2,drain"
    )]
    pub load: Vec<Load>,

    /// Messages that wait for the session that drains them.
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub waiting: u32,

    /// Where the brokers keep their data while they are measured: a directory on the disk that is meant, which exists.
    #[arg(long, value_name = "DIR", default_value_os_t = std::env::temp_dir())]
    pub directory: PathBuf,

    /// Our broker [default: the `mqtt-broker` beside this program].
    #[arg(long, value_name = "PATH")]
    pub broker: Option<PathBuf>,

    /// Mosquitto [default: `mosquitto` in PATH or in the usual places of a system program].
    #[arg(long, value_name = "PATH")]
    pub mosquitto: Option<PathBuf>,

    /// Measure these alone.
    #[arg(
        long,
        value_enum,
        value_name = "LIST",
        value_delimiter = ',',
        default_value = "fsync,os,memory,mosquitto"
    )]
    pub only: Vec<Kind>,
}

/// A broker as it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Ours, as it is by default.
    Fsync,
    /// Ours with `durability = "os"`.
    Os,
    /// Ours with `--memory`.
    Memory,
    /// Mosquitto with `persistence true`, which writes everything every half hour and when it ends.
    Mosquitto,
}

impl Kind {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Fsync => "fsync",
            Self::Os => "os",
            Self::Memory => "memory",
            Self::Mosquitto => "mosquitto",
        }
    }
}

/// What clients do. All messages have 64 bytes, and there are 50 publishers where nothing else is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Load {
    /// QoS 1 to subscribers that are there and keep no session: nothing is to be stored.
    Clean,
    /// QoS 1 to sessions without a connection, 100 in flight from each publisher.
    Offline,
    /// The same with one in flight.
    Single,
    /// One publisher with one in flight: nothing shares its commits.
    Alone,
    /// Retained, QoS 1, to nobody, 100 in flight.
    Retained,
    /// QoS 1 to subscribers that are there and keep their sessions.
    Online1,
    /// The same with QoS 2.
    Online2,
    /// A session comes back for what waits, while others measure how fast they are served.
    Drain,
}

impl Load {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Clean => "QoS 1, clean sessions",
            Self::Offline => "QoS 1, offline sessions, 100 in flight",
            Self::Single => "QoS 1, offline sessions, one in flight",
            Self::Alone => "QoS 1, one publisher, one in flight",
            Self::Retained => "retained, QoS 1, 100 in flight",
            Self::Online1 => "QoS 1, kept sessions online",
            Self::Online2 => "QoS 2, kept sessions online",
            Self::Drain => "drain",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        <Options as clap::CommandFactory>::command().debug_assert();
    }
}

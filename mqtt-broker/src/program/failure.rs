//! What went wrong, as one sentence on standard error and an exit code.

use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use mqtt_broker::StartError;
use mqtt_broker::config::{ConfigError, FileError, Listener};
use thiserror::Error;

/// Why the program ends early.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{}", advice(.listener, .error))]
    Bind { listener: Listener, error: io::Error },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("the broker has ended, because {0}; its log says more")]
    Ended(io::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Start(StartError),
    #[error("the system refuses what every server needs: {0}")]
    System(io::Error),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind { address, error } => Self::Bind { listener: Listener { address }, error },
            StartError::Config(error) => Self::Config(error),
            other => Self::Start(other),
        }
    }
}

impl Failure {
    pub(crate) fn tell(&self) -> ExitCode {
        eprintln!("mqtt-broker: {self}");
        match self {
            Self::Config(_) | Self::File(_) => ExitCode::from(2),
            Self::Bind { .. } | Self::Ended(_) | Self::Start(_) | Self::System(_) => ExitCode::FAILURE,
        }
    }
}

fn advice(listener: &Listener, error: &io::Error) -> String {
    let Listener { mut address } = *listener;
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            address.set_port(address.port().checked_add(1).unwrap_or(Listener::PORT));
            let other = Listener { address };
            format!("{listener} is in use by another program: stop that, or use --listen {other}")
        }
        io::ErrorKind::PermissionDenied => {
            address.set_port(Listener::PORT);
            let other = Listener { address };
            format!(
                "you have no permission to listen on {listener}: use a port from 1024, as --listen {other}"
            )
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{listener} is no address of this machine: use --listen with one that is")
        }
        _ => format!("cannot listen on {listener}: {error}"),
    }
}

/// Help and version are asked for; everything else is a mistake, of which clap's first line is the sentence and
/// its tip the help.
pub(crate) fn tell_usage(answer: &clap::Error) -> ExitCode {
    if matches!(answer.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        // A closed output is the reader's choice.
        let _ = answer.print();
        return ExitCode::SUCCESS;
    }
    let text = answer.to_string();
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let sentence = first.strip_prefix("error: ").unwrap_or(first);
    match lines.find(|line| line.starts_with("tip: ")) {
        Some(tip) => eprintln!("mqtt-broker: {sentence} ({tip})"),
        None => eprintln!("mqtt-broker: {sentence} (see mqtt-broker --help)"),
    }
    ExitCode::from(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_address_comes_with_advice() {
        for (url, kind, sentence) in [
            (
                "tcp://127.0.0.1:1883",
                io::ErrorKind::AddrInUse,
                "tcp://127.0.0.1:1883 is in use by another program: stop that, or use --listen tcp://127.0.0.1:1884",
            ),
            (
                "tcp://127.0.0.1:65535",
                io::ErrorKind::AddrInUse,
                "tcp://127.0.0.1:65535 is in use by another program: stop that, or use --listen tcp://127.0.0.1:1883",
            ),
            (
                "tcp://[::1]:80",
                io::ErrorKind::PermissionDenied,
                "you have no permission to listen on tcp://[::1]:80: use a port from 1024, as --listen tcp://[::1]:1883",
            ),
            (
                "tcp://192.0.2.1:1883",
                io::ErrorKind::AddrNotAvailable,
                "tcp://192.0.2.1:1883 is no address of this machine: use --listen with one that is",
            ),
            (
                "tcp://127.0.0.1:1883",
                io::ErrorKind::OutOfMemory,
                "cannot listen on tcp://127.0.0.1:1883: out of memory",
            ),
        ] {
            let listener = url.parse().expect(url);
            let failure = Failure::Bind { listener, error: kind.into() };
            assert_eq!(failure.to_string(), sentence);
        }
    }
}

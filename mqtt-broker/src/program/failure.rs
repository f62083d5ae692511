//! What went wrong, as one sentence on standard error and an exit code.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::error::ErrorKind;
use mqtt_broker::StartError;
use mqtt_broker::config::{AclError, Address, ConfigError, FileError, Listener, VariableError};
#[cfg(feature = "disk")]
use mqtt_broker::store::OpenError;
use thiserror::Error;

use super::passwd::PasswdError;

/// Why the program ends early.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    #[error("{}", advice(.address, .error))]
    Bind { address: Address, error: io::Error },
    #[error(transparent)]
    Acl(#[from] AclError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(
        "--certificate and --key are for addresses given by --listen, and none of these has TLS: use tls:// or \
         wss://, or leave them out"
    )]
    CertificateUnused,
    #[error("{}, line {line}: {failure}", path.display())]
    At { path: PathBuf, line: usize, failure: Box<Self> },
    #[error("the broker has ended, because {0}; its log says more")]
    Ended(io::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Passwd(#[from] PasswdError),
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error(transparent)]
    Variable(#[from] VariableError),
    #[error("cannot write {}: {error}", path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error(transparent)]
    Start(StartError),
    #[cfg(feature = "disk")]
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error("\"{topic}\": {error}")]
    Topic { topic: String, error: String },
    #[error("the system refuses what every server needs: {0}")]
    System(io::Error),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        match error {
            StartError::Bind { address, error } => Self::Bind { address, error },
            StartError::Acl(error) => Self::Acl(error),
            StartError::Config(error) => Self::Config(error),
            other => Self::Start(other),
        }
    }
}

impl Failure {
    /// Says with a mistake in a configuration which line to look at.
    pub(crate) fn located(self, path: &Path) -> Self {
        let place = match &self {
            Self::Acl(error) => error.place(),
            Self::Config(error) => Some(error.place()),
            Self::Start(error) => error.place(),
            _ => None,
        };
        let Some(place) = place else { return self };
        match fs::read_to_string(path).ok().and_then(|text| place.line(&text)) {
            Some(line) => Self::At { path: path.to_owned(), line, failure: Box::new(self) },
            None => self,
        }
    }

    pub(crate) fn tell(&self) -> ExitCode {
        eprintln!("mqtt-broker: {self}");
        self.exit_code()
    }

    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Acl(_)
            | Self::CertificateUnused
            | Self::Config(_)
            | Self::File(_)
            | Self::Topic { .. }
            | Self::Variable(_) => ExitCode::from(2),
            Self::At { failure, .. } => failure.exit_code(),
            Self::Start(StartError::Auth(_)) => ExitCode::from(2),
            #[cfg(feature = "tls")]
            Self::Start(StartError::Tls { .. }) => ExitCode::from(2),
            Self::Passwd(error) => error.exit_code(),
            #[cfg(feature = "disk")]
            Self::Store(_) => ExitCode::FAILURE,
            Self::Output(_) | Self::Write { .. } => ExitCode::FAILURE,
            Self::Bind { .. } | Self::Ended(_) | Self::Start(_) | Self::System(_) => ExitCode::FAILURE,
        }
    }
}

fn advice(address: &Address, error: &io::Error) -> String {
    let Some(socket) = address.socket() else { return advice_for_file(address, error) };
    let at_port = |port| address.with_socket(SocketAddr::new(socket.ip(), port));
    let usual = if address.has_tls() { Listener::TLS_PORT } else { Listener::PORT };
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            let other = at_port(socket.port().checked_add(1).unwrap_or(usual));
            format!("{address} is in use by another program: stop that, or listen on {other}")
        }
        io::ErrorKind::PermissionDenied => {
            let other = at_port(if address.is_websocket() { 8080 } else { usual });
            format!("you have no permission to listen on {address}: use a port from 1024, as {other}")
        }
        io::ErrorKind::AddrNotAvailable => {
            format!("{address} is no address of this machine: listen on one that is")
        }
        _ => format!("cannot listen on {address}: {error}"),
    }
}

fn advice_for_file(address: &Address, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another program: stop that, or use another path")
        }
        io::ErrorKind::AlreadyExists => {
            format!("{address} cannot be made: {error}; remove that, or use another path")
        }
        io::ErrorKind::NotFound => {
            format!("{address} cannot be made: there is no such directory, make it or use another path")
        }
        io::ErrorKind::InvalidInput => {
            format!("{address} cannot be made: the path of a socket has 90 bytes at most, use a shorter one")
        }
        io::ErrorKind::PermissionDenied => {
            format!("you have no permission to make {address}: use a path in a directory of yours")
        }
        _ => format!("cannot listen on {address}: {error}"),
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
    if answer.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        // the help of the command, which says what it can do
        eprintln!("{}", text.trim_end());
        return ExitCode::from(2);
    }
    let mut lines = text.lines().map(str::trim);
    let first = lines.next().unwrap_or_default();
    let sentence = first.strip_prefix("error: ").unwrap_or(first);
    if answer.kind() == ErrorKind::MissingRequiredArgument {
        let missing: Vec<&str> = lines.take_while(|line| !line.is_empty()).collect();
        eprintln!("mqtt-broker: what is given also needs {} (see mqtt-broker --help)", missing.join(", "));
    } else if let Some(tip) = lines.find(|line| line.starts_with("tip: ")) {
        eprintln!("mqtt-broker: {sentence} ({tip})");
    } else {
        eprintln!("mqtt-broker: {sentence} (see mqtt-broker --help)");
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
                "tcp://127.0.0.1:1883 is in use by another program: stop that, or listen on tcp://127.0.0.1:1884",
            ),
            (
                "tcp://127.0.0.1:65535",
                io::ErrorKind::AddrInUse,
                "tcp://127.0.0.1:65535 is in use by another program: stop that, or listen on tcp://127.0.0.1:1883",
            ),
            (
                "tcp://[::1]:80",
                io::ErrorKind::PermissionDenied,
                "you have no permission to listen on tcp://[::1]:80: use a port from 1024, as tcp://[::1]:1883",
            ),
            (
                "tcp://192.0.2.1:1883",
                io::ErrorKind::AddrNotAvailable,
                "tcp://192.0.2.1:1883 is no address of this machine: listen on one that is",
            ),
            (
                "tcp://127.0.0.1:1883",
                io::ErrorKind::OutOfMemory,
                "cannot listen on tcp://127.0.0.1:1883: out of memory",
            ),
            (
                "wss://127.0.0.1",
                io::ErrorKind::PermissionDenied,
                "you have no permission to listen on wss://127.0.0.1:443: use a port from 1024, as \
                 wss://127.0.0.1:8080",
            ),
            (
                "unix:///run/mqtt.sock",
                io::ErrorKind::AddrInUse,
                "unix:///run/mqtt.sock is in use by another program: stop that, or use another path",
            ),
            (
                "unix:///run/long.sock",
                io::ErrorKind::InvalidInput,
                "unix:///run/long.sock cannot be made: the path of a socket has 90 bytes at most, use a shorter one",
            ),
            (
                "unix:///run/no/mqtt.sock",
                io::ErrorKind::NotFound,
                "unix:///run/no/mqtt.sock cannot be made: there is no such directory, make it or use another path",
            ),
        ] {
            let Listener { address, .. } = url.parse().expect(url);
            let failure = Failure::Bind { address, error: kind.into() };
            assert_eq!(failure.to_string(), sentence);
        }
    }
}

//! Finds the brokers, starts them, and ends what it started.

use std::fs::{self, File};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::options::{Name, Options, Transport};
use super::wire::{self, Target};

/// A broker that can be started.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: Name,
    path: PathBuf,
    arguments: Vec<String>,
    configuration: Option<String>,
    transport: Transport,
}

impl Program {
    /// Our broker, if it is given or lies beside this program; without persistence, unless its arguments give it a directory or
    /// a configuration.
    pub(crate) fn ours(options: &Options) -> Result<Option<Self>, StartError> {
        let path = match &options.broker {
            Some(given) => Some(existing(Name::MqttBroker, given)?),
            None => std::env::current_exe()
                .ok()
                .map(|own| own.with_file_name(Name::MqttBroker.program()))
                .filter(|path| path.is_file()),
        };
        let shards = options.shards.iter().flat_map(|shards| ["--shards".to_owned(), shards.to_string()]);
        let keeps = options.broker_arg.iter().any(|argument| argument == "--data" || argument == "--config");
        let memory = (!keeps).then(|| "--memory".to_owned());
        let arguments = memory.into_iter().chain(shards).chain(options.broker_arg.iter().cloned()).collect();
        Ok(path.map(|path| Self {
            name: Name::MqttBroker,
            path,
            arguments,
            configuration: None,
            transport: options.transport,
        }))
    }

    /// Mosquitto, with limits high enough that it never drops, no persistence, and no log but of errors.
    pub(crate) fn mosquitto(options: &Options) -> Result<Self, StartError> {
        let path = match &options.mosquitto {
            Some(given) => existing(Name::Mosquitto, given)?,
            None => installed(Name::Mosquitto).ok_or(StartError::NoMosquitto)?,
        };
        let mut configuration = MOSQUITTO_LINES.to_owned();
        for line in &options.mosquitto_line {
            configuration.push_str(line);
            configuration.push('\n');
        }
        Ok(Self {
            name: Name::Mosquitto,
            path,
            arguments: Vec::new(),
            configuration: Some(configuration),
            transport: options.transport,
        })
    }

    /// Starts the broker on a free port and returns when it accepts connections.
    pub(crate) fn start(&self) -> Result<Running, StartError> {
        // Between finding a free port and the broker's bind somebody else may take it.
        let mut attempts = 3;
        loop {
            attempts -= 1;
            match self.start_once() {
                Err(StartError::Ended { .. }) if attempts > 0 => {}
                result => return result,
            }
        }
    }

    fn start_once(&self) -> Result<Running, StartError> {
        let start = |error| StartError::Start(self.path.clone(), error);
        let address = free_address().map_err(start)?;
        let folder = Folder::create().map_err(start)?;
        let errors = folder.path.join("stderr");
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(&errors).map_err(start)?);
        let tls = if self.transport.has_tls() {
            folder.certify().map_err(start)?;
            Some(wire::client().map_err(|error| start(io::Error::other(error)))?)
        } else {
            None
        };
        match &self.configuration {
            None => self.listen(&mut command, address, &folder),
            Some(lines) => {
                let file = folder.path.join("configuration");
                let listener = self.listener(address, &folder).map_err(start)?;
                fs::write(&file, listener + lines).map_err(start)?;
                command.arg("-c").arg(file);
            }
        };
        let child = command.spawn().map_err(start)?;
        let websocket = self.transport.is_websocket();
        let mut running = Running { child, target: Target { address, tls, websocket }, _folder: folder };
        running.wait_until_ready(self.name, &errors)?;
        Ok(running)
    }

    /// Our broker's arguments for a listener.
    fn listen(&self, command: &mut Command, address: SocketAddr, folder: &Folder) {
        command.args(["--listen", &format!("{}://{address}", self.transport.scheme())]);
        if self.transport.has_tls() {
            command.arg("--certificate").arg(folder.certificate()).arg("--key").arg(folder.key());
        }
    }

    /// Mosquitto's lines for a listener.
    fn listener(&self, address: SocketAddr, folder: &Folder) -> io::Result<String> {
        let mut lines = format!("listener {} {}\n", address.port(), address.ip());
        if self.transport.has_tls() {
            let (certificate, key) = (folder.certificate(), folder.key());
            lines += &format!("certfile {}\nkeyfile {}\n", certificate.display(), key.display());
        }
        if self.transport.is_websocket() {
            // it does not start with listeners for WebSocket alone
            let other = free_address()?;
            lines += &format!("protocol websockets\nlistener {} {}\n", other.port(), other.ip());
        }
        Ok(lines)
    }
}

/// A broker that runs as a child of this process and ends with this value.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    target: Target,
    _folder: Folder,
}

impl Running {
    /// Where and how its clients connect.
    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }

    /// Its process id.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    fn wait_until_ready(&mut self, name: Name, errors: &Path) -> Result<(), StartError> {
        let deadline = Instant::now() + READY_LIMIT;
        loop {
            if let Ok(Some(status)) = self.child.try_wait() {
                let message = fs::read_to_string(errors).unwrap_or_default();
                let message = message.trim().to_owned();
                return Err(StartError::Ended { name: name.program(), status, message });
            }
            if accepts(self.target.address) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(StartError::NotReady { name: name.program(), limit: READY_LIMIT });
            }
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if the child has already ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Why there is no broker to measure.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("{name} ended by itself ({status}) before it accepted a connection: {message}")]
    Ended { name: &'static str, status: ExitStatus, message: String },
    #[error("there is no program {path} to run as {name}", path = .1.display(), name = .0.program())]
    Missing(Name, PathBuf),
    #[error(
        "mosquitto is not installed; install it (on Debian: apt-get install mosquitto) or give --mosquitto PATH"
    )]
    NoMosquitto,
    #[error(
        "there is no mqtt-broker beside this program; build it (cargo build --release -p mqtt-broker) or give \
         --broker PATH"
    )]
    NoOurs,
    #[error("{name} accepted no connection within {limit:?}")]
    NotReady { name: &'static str, limit: Duration },
    #[error("cannot start {path}: {error}", path = .0.display(), error = .1)]
    Start(PathBuf, io::Error),
}

/// A temporary folder that is removed with this value.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn create() -> io::Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("mqtt-load-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    /// Writes a certificate with a key on the curve that most have.
    fn certify(&self) -> io::Result<()> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        fs::write(self.certificate(), made.cert.pem())?;
        fs::write(self.key(), made.signing_key.serialize_pem())
    }

    fn certificate(&self) -> PathBuf {
        self.path.join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.path.join("key.pem")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind in the temporary directory harms nobody.
        let _ = fs::remove_dir_all(&self.path);
    }
}

fn existing(name: Name, path: &Path) -> Result<PathBuf, StartError> {
    if path.is_file() { Ok(path.to_owned()) } else { Err(StartError::Missing(name, path.to_owned())) }
}

/// Searches PATH and the folders of system programs, which a user's PATH often lacks.
fn installed(name: Name) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(name.program()))
        .find(|program| program.is_file())
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

/// Whether somebody listens. A connection to an unused port can meet itself if the system gives it that very port.
fn accepts(address: SocketAddr) -> bool {
    TcpStream::connect_timeout(&address, READY_LIMIT)
        .and_then(|stream| stream.local_addr())
        .is_ok_and(|local| local != address)
}

/// For the program to load and to bind its port.
const READY_LIMIT: Duration = Duration::from_secs(10);

/// Zero means no limit.
const MOSQUITTO_LINES: &str = "\
allow_anonymous true
persistence false
max_inflight_messages 0
max_queued_messages 0
log_type error
log_dest stderr
";

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn options(arguments: &[&str]) -> Options {
        Options::parse_from([&["load"], arguments].concat())
    }

    #[test]
    fn a_given_path_that_is_no_program_is_named_in_the_error() {
        let error =
            Program::ours(&options(&["--broker", "/nowhere/broker"])).expect_err("there is no such file");
        assert_eq!(error.to_string(), "there is no program /nowhere/broker to run as mqtt-broker");
        let error = Program::mosquitto(&options(&["--mosquitto", "/nowhere/m"])).expect_err("nor this one");
        assert_eq!(error.to_string(), "there is no program /nowhere/m to run as mosquitto");
    }

    #[test]
    fn a_program_that_ends_at_once_is_reported_with_what_it_said() {
        let path = PathBuf::from("/bin/sh");
        let arguments = ["-c", "echo no such luck >&2; exit 3"].map(str::to_owned).to_vec();
        let program = Program {
            name: Name::MqttBroker,
            path,
            arguments,
            configuration: None,
            transport: Transport::Tcp,
        };
        let error = program.start().expect_err("the program ends");
        assert!(error.to_string().contains("no such luck"), "{error}");
    }

    #[test]
    fn shards_and_further_arguments_are_passed_on() {
        let own = std::env::current_exe().expect("tests have a program");
        let own = own.to_str().expect("in a path of text");
        let options = options(&["--broker", own, "--shards", "2", "--broker-arg", "--quiet"]);
        let program = Program::ours(&options).expect("the file exists").expect("it was given");
        assert_eq!(program.arguments, ["--memory", "--shards", "2", "--quiet"]);
    }
}

//! A broker of its own for each test, on a free loopback port, ended with the test.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, PipeReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::credentials::{write_own_user, write_users};
use crate::program::locate;

/// Which broker the tests talk to: unset for ours, `mosquitto` to see whether a test tests the standard.
const BROKER_VARIABLE: &str = "MQTT_INTEROP_BROKER";

/// How long a broker may take until it accepts connections.
const START: Duration = Duration::from_secs(20);

/// How often a broker is started again because somebody else took its port.
const PORTS_TRIED: usize = 5;

/// Everybody is welcome and nothing is kept on disk.
const MOSQUITTO_SETTINGS: &str = "allow_anonymous true\npersistence false\nlog_dest stderr\n";

/// How clients reach the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    Tcp,
    Ws,
    /// With a certificate of an authority that only this broker's directory knows.
    Wss,
}

impl Transport {
    /// The scheme of a URL.
    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }
}

/// Files for TLS in the directory of a broker.
const AUTHORITY: &str = "ca.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
/// The password file there.
const USERS: &str = "users";

/// A running broker. Dropping it kills it; after a failed test its log is printed.
pub(crate) struct Broker {
    child: Child,
    port: u16,
    directory: PathBuf,
    log: Arc<Mutex<String>>,
}

impl Broker {
    /// Starts the broker under test.
    pub(crate) fn start() -> Self {
        Self::start_over(Transport::Tcp)
    }

    /// The same with another transport.
    pub(crate) fn start_over(transport: Transport) -> Self {
        let mosquitto: fn(u16, &Path) -> Command = match transport {
            Transport::Tcp => mosquitto,
            Transport::Ws => mosquitto_ws,
            Transport::Wss => mosquitto_wss,
        };
        match env::var(BROKER_VARIABLE).as_deref() {
            Err(_) | Ok("") => Self::start_with(match transport {
                Transport::Tcp => ours,
                Transport::Ws => ours_ws,
                Transport::Wss => ours_wss,
            }),
            Ok("mosquitto") => Self::start_with(mosquitto),
            Ok(other) => panic!("{BROKER_VARIABLE} may be unset or `mosquitto`, not `{other}`"),
        }
    }

    /// One that lets in the users of [`write_users`], and nobody else.
    pub(crate) fn start_for_users() -> Self {
        match env::var(BROKER_VARIABLE).as_deref() {
            Ok("mosquitto") => Self::start_with(mosquitto_for_users),
            _ => Self::start_with(ours_for_users),
        }
    }

    /// Whether the tests look at Mosquitto instead of our broker.
    pub(crate) fn is_mosquitto(&self) -> bool {
        env::var(BROKER_VARIABLE).as_deref() == Ok("mosquitto")
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority that clients have to trust, for [`Transport::Wss`].
    pub(crate) fn authority(&self) -> PathBuf {
        self.directory.join(AUTHORITY)
    }

    pub(crate) fn start_with(command: fn(u16, &Path) -> Command) -> Self {
        (0..PORTS_TRIED)
            .find_map(|_| Self::try_start(command))
            .unwrap_or_else(|| panic!("the broker ended {PORTS_TRIED} times before it accepted connections"))
    }

    /// `None`, with the broker's log printed, when the broker ends instead of serving.
    fn try_start(command: fn(u16, &Path) -> Command) -> Option<Self> {
        let port = free_port();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{port}"));
        fs::create_dir_all(&directory).expect("the directory for temporary files is writable");
        let (output, input) = io::pipe().expect("the system has a pipe");
        let mut command = command(port, &directory);
        command.current_dir(&directory).stdin(Stdio::null());
        command.stdout(input.try_clone().expect("a pipe can be shared")).stderr(input);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        // the command holds the writing end, which must close with the broker
        drop(command);
        let log = Arc::default();
        let (serving, served) = mpsc::channel();
        let kept = Arc::clone(&log);
        thread::spawn(move || keep(output, &kept, &serving));
        let broker = Self { child, port, directory, log };
        match served.recv_timeout(START) {
            Ok(()) => Some(broker),
            Err(RecvTimeoutError::Disconnected) => {
                eprintln!("{}", broker.log());
                None
            }
            Err(RecvTimeoutError::Timeout) => {
                panic!("the broker does not say that it serves:\n{}", broker.log())
            }
        }
    }

    fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps what the broker prints until it ends, and says when it serves: our broker's one line, Mosquitto's last one.
fn keep(output: PipeReader, log: &Mutex<String>, serving: &Sender<()>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.starts_with("Serving MQTT") || line.ends_with(" running") {
            // later lines of that kind find nobody who waits
            let _ = serving.send(());
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("log of the broker:\n{}", self.log());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

fn ours(port: u16, _: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.arg("--memory").arg("--listen").arg(format!("tcp://127.0.0.1:{port}"));
    command
}

fn ours_for_users(port: u16, directory: &Path) -> Command {
    let file = directory.join(USERS);
    write_users(&file);
    write_own_user(&file);
    let mut command = ours(port, directory);
    command.arg("--password-file").arg(file);
    command
}

fn ours_ws(port: u16, _: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.arg("--memory").arg("--listen").arg(format!("ws://127.0.0.1:{port}"));
    command
}

fn ours_wss(port: u16, directory: &Path) -> Command {
    certify(directory);
    let file = directory.join("mqtt-broker.toml");
    let settings = format!(
        "[[listener]]\naddress = \"wss://127.0.0.1:{port}\"\ncertificate = \"{CERTIFICATE}\"\nkey = \"{KEY}\"\n"
    );
    fs::write(&file, settings).expect("the directory of the broker is writable");
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.arg("--memory").arg("--config").arg(file);
    command
}

fn mosquitto(port: u16, directory: &Path) -> Command {
    mosquitto_with(port, directory, "")
}

fn mosquitto_for_users(port: u16, directory: &Path) -> Command {
    write_users(&directory.join(USERS));
    let settings =
        format!("listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {USERS}\nlog_dest stderr\n");
    let file = directory.join("mosquitto.conf");
    fs::write(&file, settings).expect("the directory of the broker is writable");
    let mut command = Command::new(locate("mosquitto", "mosquitto"));
    command.arg("-c").arg(file);
    command
}

fn mosquitto_ws(port: u16, directory: &Path) -> Command {
    mosquitto_with(port, directory, &mosquitto_websockets())
}

fn mosquitto_wss(port: u16, directory: &Path) -> Command {
    certify(directory);
    let tls = format!("certfile {CERTIFICATE}\nkeyfile {KEY}\n");
    mosquitto_with(port, directory, &(tls + &mosquitto_websockets()))
}

/// Mosquitto does not start with listeners for WebSocket alone.
fn mosquitto_websockets() -> String {
    format!("protocol websockets\nlistener {} 127.0.0.1\n", free_port())
}

pub(crate) fn mosquitto_with(port: u16, directory: &Path, more: &str) -> Command {
    let file = directory.join("mosquitto.conf");
    fs::write(&file, format!("listener {port} 127.0.0.1\n{more}{MOSQUITTO_SETTINGS}"))
        .expect("the directory of the broker is writable");
    let mut command = Command::new(locate("mosquitto", "mosquitto"));
    command.arg("-c").arg(file);
    command
}

/// Writes a certificate for 127.0.0.1, its key, and the authority that has signed it.
fn certify(directory: &Path) {
    let write = |name, pem: String| fs::write(directory.join(name), pem).expect("a writable directory");
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    authority.distinguished_name.push(DnType::CommonName, "authority of a test");
    let authority_key = key();
    let certificate = authority.self_signed(&authority_key).expect("a certificate");
    write(AUTHORITY, certificate.pem());
    let issuer = Issuer::new(authority, authority_key);
    let server_key = key();
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let mut server = CertificateParams::new(names).expect("names");
    server.use_authority_key_identifier_extension = true;
    write(CERTIFICATE, server.signed_by(&server_key, &issuer).expect("a certificate").pem());
    write(KEY, server_key.serialize_pem());
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

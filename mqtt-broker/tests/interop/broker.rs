//! A broker of its own for each test, on a free loopback port, ended with the test.

use std::env;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::program::locate;

/// Which broker the tests talk to: unset for ours, `mosquitto` to see whether a test tests the standard.
const BROKER_VARIABLE: &str = "MQTT_INTEROP_BROKER";

/// How long a broker may take until it accepts connections.
const START: Duration = Duration::from_secs(20);

/// How often a broker is started again because somebody else took its port.
const PORTS_TRIED: usize = 5;

/// Everybody is welcome and nothing is kept on disk.
const MOSQUITTO_SETTINGS: &str = "allow_anonymous true\npersistence false\nlog_dest stderr\n";

/// A running broker. Dropping it kills it; after a failed test its log is printed.
pub(crate) struct Broker {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Broker {
    /// Starts the broker under test.
    pub(crate) fn start() -> Self {
        match env::var(BROKER_VARIABLE).as_deref() {
            Err(_) | Ok("") => Self::start_with(ours),
            Ok("mosquitto") => Self::start_mosquitto(),
            Ok(other) => panic!("{BROKER_VARIABLE} may be unset or `mosquitto`, not `{other}`"),
        }
    }

    /// Starts the mosquitto broker of Debian.
    pub(crate) fn start_mosquitto() -> Self {
        Self::start_with(mosquitto)
    }

    /// The port on 127.0.0.1.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn start_with(command: fn(u16, &Path) -> Command) -> Self {
        (0..PORTS_TRIED)
            .find_map(|_| Self::try_start(command))
            .unwrap_or_else(|| panic!("the broker ended {PORTS_TRIED} times before it accepted connections"))
    }

    /// `None`, with the broker's log printed, when the broker ends instead of serving.
    fn try_start(command: fn(u16, &Path) -> Command) -> Option<Self> {
        let port = free_port();
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("interop-{port}"));
        fs::create_dir_all(&directory).expect("the directory for temporary files is writable");
        let log = File::create(directory.join("log")).expect("the new directory is writable");
        let mut command = command(port, &directory);
        command.current_dir(&directory).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let mut broker = Self { child, port, directory };
        if broker.accepts_connections() {
            return Some(broker);
        }
        eprintln!("{}", broker.log());
        None
    }

    /// Asks again and again until the broker answers or ends.
    fn accepts_connections(&mut self) -> bool {
        let deadline = Instant::now() + START;
        loop {
            let answered = answers(self.port);
            // An answer counts only while the broker lives: it could be that of somebody who took its port.
            if self.child.try_wait().expect("the broker is a child of this process").is_some() {
                return false;
            }
            if answered {
                return true;
            }
            assert!(Instant::now() < deadline, "the broker accepts no connections:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
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
    command.arg("--listen").arg(format!("tcp://127.0.0.1:{port}"));
    command
}

fn mosquitto(port: u16, directory: &Path) -> Command {
    let file = directory.join("mosquitto.conf");
    fs::write(&file, format!("listener {port} 127.0.0.1\n{MOSQUITTO_SETTINGS}"))
        .expect("the directory of the broker is writable");
    let mut command = Command::new(locate("mosquitto", "mosquitto"));
    command.arg("-c").arg(file);
    command
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("the system has a free port");
    listener.local_addr().expect("a bound listener has an address").port()
}

/// A connection to a free port of this machine can reach itself when the system picks that port for its own end.
fn answers(port: u16) -> bool {
    TcpStream::connect((Ipv4Addr::LOCALHOST, port))
        .is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok())
}

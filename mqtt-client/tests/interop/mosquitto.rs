//! A mosquitto broker of its own for each test, on a free loopback port, ended with the test.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long the broker may take until it accepts connections.
const START: Duration = Duration::from_secs(20);

/// Debian puts it where ordinary users do not look.
const PLACES: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/// A running broker. Dropping it kills it; after a failed test its log is printed.
pub(crate) struct Mosquitto {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Mosquitto {
    /// A broker that takes everybody and keeps nothing on disk.
    pub(crate) fn start() -> Self {
        Self::start_with("allow_anonymous true\n")
    }

    /// A broker with these settings besides its listener.
    pub(crate) fn start_with(settings: &str) -> Self {
        // somebody else may take the port between its choice and the start
        (0..5).find_map(|_| Self::try_start(free_port(), settings)).expect("mosquitto ends at once")
    }

    /// Kills the broker and starts it again at the same address, without anything that it knew.
    pub(crate) fn restart(&mut self) {
        let (port, _) = (self.port, self.end());
        *self = Self::try_start(port, "allow_anonymous true\n").expect("mosquitto does not come back");
    }

    pub(crate) fn address(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    fn try_start(port: u16, settings: &str) -> Option<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mosquitto-{port}"));
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("mosquitto.conf");
        let lines = format!(
            "listener {port} 127.0.0.1\npersistence false\nlog_dest stderr\nset_tcp_nodelay true\n{settings}"
        );
        fs::write(&file, lines).unwrap();
        let child = spawn(&file, &directory);
        let mut broker = Self { child, port, directory };
        broker.accepts_connections().then_some(broker)
    }

    /// Asks again and again until the broker answers or ends.
    fn accepts_connections(&mut self) -> bool {
        let deadline = Instant::now() + START;
        while self.child.try_wait().unwrap().is_none() {
            // a connection to a free port can reach itself
            let answer = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
            if answer.is_ok_and(|stream| stream.local_addr().ok() != stream.peer_addr().ok()) {
                return self.child.try_wait().unwrap().is_none();
            }
            assert!(Instant::now() < deadline, "mosquitto accepts no connections:\n{}", self.log());
            thread::sleep(Duration::from_millis(2));
        }
        false
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        self.end();
        if thread::panicking() {
            eprintln!("log of mosquitto:\n{}", self.log());
        }
    }
}

fn spawn(settings: &Path, directory: &Path) -> Child {
    for place in PLACES {
        let log = File::create(directory.join("log")).unwrap();
        let mut command = Command::new(place);
        command.arg("-c").arg(settings).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        if let Ok(child) = command.spawn() {
            return child;
        }
    }
    panic!("these tests need Debian's broker: install the package `mosquitto`");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

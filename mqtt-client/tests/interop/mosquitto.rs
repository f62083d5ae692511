//! A mosquitto broker of its own for each test, on a free loopback port, ended with the test.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// How long the broker may take until it accepts connections.
const START: Duration = Duration::from_secs(20);

/// Debian puts it where ordinary users do not look.
const PLACES: [&str; 3] = ["mosquitto", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/// A running broker. Dropping it kills it; after a failed test its log is printed.
pub(crate) struct Mosquitto {
    child: Child,
    port: u16,
    log: Arc<Mutex<String>>,
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

    /// The address by another transport, for a listener that was set up for it.
    pub(crate) fn address_of(&self, scheme: &str, host: &str) -> String {
        format!("{scheme}://{host}:{}", self.port)
    }

    fn try_start(port: u16, settings: &str) -> Option<Self> {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("mosquitto-{port}"));
        fs::create_dir_all(&directory).unwrap();
        let file = directory.join("mosquitto.conf");
        let lines = format!(
            "listener {port} 127.0.0.1\npersistence false\nlog_dest stderr\nset_tcp_nodelay true\n{settings}"
        );
        fs::write(&file, lines).unwrap();
        let mut child = spawn(&file);
        let output = child.stderr.take().expect("the log is piped");
        let log = Arc::default();
        let (serving, served) = mpsc::channel();
        let kept = Arc::clone(&log);
        thread::spawn(move || keep(output, &kept, &serving));
        let broker = Self { child, port, log };
        match served.recv_timeout(START) {
            Ok(()) => Some(broker),
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => {
                panic!("mosquitto does not say that it runs:\n{}", broker.log())
            }
        }
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
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

/// Keeps what the broker logs until it ends, and says when it serves.
fn keep(output: impl Read, log: &Mutex<String>, serving: &Sender<()>) {
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        if line.ends_with(" running") {
            // later lines of that kind find nobody who waits
            let _ = serving.send(());
        }
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        log.push_str(&line);
        log.push('\n');
    }
}

fn spawn(settings: &Path) -> Child {
    for place in PLACES {
        let mut command = Command::new(place);
        command.arg("-c").arg(settings).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
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

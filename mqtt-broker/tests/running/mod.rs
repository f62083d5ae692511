//! The program as a process that ends with the test, and data directories that are gone with it.
#![allow(dead_code, reason = "each test program uses a part")]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A broker that serves.
pub(crate) struct Program {
    pub(crate) child: Child,
    /// What it has said when it was ready.
    pub(crate) line: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // it may have ended already
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command that serves on a port that the system chooses.
pub(crate) fn broker() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
    command.args(["--listen", "tcp://127.0.0.1:0"]).stdin(Stdio::null());
    command
}

impl Program {
    /// Waits until it serves.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("text");
        let mut program = Self { child, line };
        if !program.line.starts_with("Serving ") {
            panic!("not serving: {}", program.errors());
        }
        program
    }

    /// Its first listener, which is one of TCP.
    pub(crate) fn address(&self) -> SocketAddr {
        let (_, rest) = self.line.split_once("tcp://").expect("a URL");
        rest.split([',', ';']).next().expect("a part").parse().expect("an address")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Ends it by a signal.
    pub(crate) fn end(mut self, signal: Signal) {
        self.signal(signal);
        self.child.wait().expect("its end");
    }

    /// What it says on standard error until its end, where that is a pipe.
    pub(crate) fn errors(&mut self) -> String {
        let mut errors = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut errors).expect("text");
        }
        errors
    }
}

/// A place below the directory of tests where nothing is, and nothing will be after the test.
pub(crate) struct Data(pub(crate) PathBuf);

impl Data {
    pub(crate) fn new(name: &str) -> Self {
        let data = Self(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name));
        data.clear();
        data
    }

    fn clear(&self) {
        // a directory, a file, or nothing
        let _ = fs::remove_dir_all(&self.0).or_else(|_| fs::remove_file(&self.0));
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        self.clear();
    }
}

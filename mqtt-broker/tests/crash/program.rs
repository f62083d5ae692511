//! The broker as a process with a data directory.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A data directory, gone with the test.
pub(crate) struct Data(PathBuf);

impl Data {
    pub(crate) fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).expect("a directory");
        Self(path)
    }
}

impl Drop for Data {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) struct Program {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Program {
    pub(crate) fn start(data: &Data, durability: &str) -> Self {
        let config = data.0.join("mqtt-broker.toml");
        let directory = data.0.join("data");
        let text = format!("[store]\ndirectory = {directory:?}\ndurability = \"{durability}\"\n");
        fs::write(&config, text).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"))
            .args(["--listen", "tcp://127.0.0.1:0", "--shards", "2", "--config"])
            .arg(&config)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("text");
        let (_, rest) = line.split_once("tcp://").expect("a URL");
        let address = rest.split([',', ';']).next().expect("a part").parse().expect("an address");
        Self { child, address }
    }

    /// SIGKILL, and its end.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("its end");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

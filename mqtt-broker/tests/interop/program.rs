//! A foreign program that runs beside a test: its lines as they come, a hard deadline, and its end with the test.

use std::env;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// The life of a program, after which the test fails: far beyond what any needs, so that only a hang reaches it.
const LIFETIME: Duration = Duration::from_secs(60);

/// Lines that may wait for the test; beyond it the program waits.
const LINES_AHEAD: usize = 4096;

/// A started program. Dropping it kills it.
pub(crate) struct Program {
    name: String,
    child: Child,
    lines: Receiver<String>,
    errors: Option<JoinHandle<String>>,
    deadline: Instant,
    seen: Vec<String>,
}

/// How a program ended.
pub(crate) struct Finished {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    /// The lines of its standard output.
    pub(crate) lines: Vec<String>,
    /// Its standard error.
    pub(crate) errors: String,
}

impl Program {
    /// Starts `command` and feeds `input` to its standard input.
    pub(crate) fn start(mut command: Command, input: &[u8]) -> Self {
        let name = format!("{command:?}");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let stdout = child.stdout.take().expect("stdout is piped");
        let mut stderr = child.stderr.take().expect("stderr is piped");
        let input = input.to_vec();
        // A program may end without reading all of its input; what it says then is what the test looks at.
        thread::spawn(move || stdin.write_all(&input));
        let (sender, lines) = sync_channel(LINES_AHEAD);
        thread::spawn(move || {
            for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    break;
                }
            }
        });
        let errors = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let deadline = Instant::now() + LIFETIME;
        Self { name, child, lines, errors: Some(errors), deadline, seen: Vec::new() }
    }

    /// Waits for the next line of the output; `None` is its end.
    pub(crate) fn line(&mut self) -> Option<String> {
        let patience = self.deadline.saturating_duration_since(Instant::now());
        match self.lines.recv_timeout(patience) {
            Ok(line) => {
                self.seen.push(line.clone());
                Some(line)
            }
            Err(RecvTimeoutError::Disconnected) => None,
            Err(RecvTimeoutError::Timeout) => self.fail("is silent"),
        }
    }

    /// Takes the next line only if it comes within `patience`.
    pub(crate) fn line_within(&mut self, patience: Duration) -> Option<String> {
        let line = self.lines.recv_timeout(patience).ok()?;
        self.seen.push(line.clone());
        Some(line)
    }

    /// Waits for the end of the program.
    pub(crate) fn finish(mut self) -> Finished {
        while self.line().is_some() {}
        let status = self.child.wait().expect("the program is a child of this process");
        Finished { code: status.code(), lines: std::mem::take(&mut self.seen), errors: self.take_errors() }
    }

    /// Ends the program the hard way: it has no chance to say goodbye to its broker.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Ends the test with all that the program said.
    pub(crate) fn fail(&mut self, what: &str) -> ! {
        self.kill();
        let errors = self.take_errors();
        panic!("{} {what}\nstdout:\n{}\nstderr:\n{errors}", self.name, self.seen.join("\n"));
    }

    fn take_errors(&mut self) -> String {
        self.errors.take().and_then(|reader| reader.join().ok()).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Finds `program` or fails with the name of the package that holds it.
pub(crate) fn locate(program: &str, package: &str) -> PathBuf {
    let search = env::var_os("PATH").unwrap_or_default();
    // Servers live in the sbin directories, which are not in everybody's search path.
    env::split_paths(&search)
        .chain(["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|file| file.is_file())
        .unwrap_or_else(|| {
            panic!("{program} is missing: install the package {package}, or run .ci/interop-setup")
        })
}

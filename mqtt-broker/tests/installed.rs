//! The program as an installed service: `init`, variables, logs for programs, a service manager.
#![cfg(all(unix, feature = "disk", feature = "tls"))]

mod running;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use running::{Data, Program, broker};
use rustix::process::Signal;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mqtt-broker");
/// CONNECT of MQTT 3.1.1 with a user name `ann` and a password.
const CONNECT: &[u8] = b"\x10\x1e\x00\x04MQTT\x04\xc2\x00\x00\x00\x01a\x00\x03ann\x00\x0aopensesame";

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = Command::new(PROGRAM).args(arguments).output().expect("it runs");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code(), text(stdout), text(stderr))
}

/// A broker that keeps nothing and whose log can be read.
fn fleeting() -> Command {
    let mut command = broker();
    command.arg("--memory").stderr(Stdio::piped());
    command
}

#[test]
fn init_makes_what_a_broker_starts_with_and_writes_over_nothing() {
    let data = Data::new("init");
    let directory = &data.0;
    let path = directory.to_str().expect("text");
    let (code, said, errors) = run(&["init", path, "--user", "ann", "--host", "broker.example"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines.len(), 5, "what was made, and three commands: {said}");
    assert!(lines[0].contains("the user ann whose password is "), "{said}");
    assert!(lines[2].contains("mqtt-broker --config ") && lines[3].contains("--cafile "), "{said}");
    for (file, mode) in [("users", 0o600), ("server.key", 0o600), ("server.pem", 0o644), ("ca.pem", 0o644)] {
        let permissions = fs::metadata(directory.join(file)).expect(file).permissions();
        assert_eq!(permissions.mode() & 0o777, mode, "{file}");
    }
    let config = directory.join("mqtt-broker.toml");
    let (code, said, errors) = run(&["check", "--config", config.to_str().expect("text")]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert!(said.contains("tls://0.0.0.0:8883") && said.contains("ws://127.0.0.1:8080/mqtt"), "{said}");
    let users = fs::read_to_string(directory.join("users")).expect("a file");
    let (code, _, errors) = run(&["init", path]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("it is there and is left as it is"), "{errors}");
    assert_eq!(fs::read_to_string(directory.join("users")).expect("a file"), users);
}

#[test]
fn variables_lie_over_everything_but_options() {
    let mut command = Command::new(PROGRAM);
    command.env("MQTT_BROKER__LISTENER__0__ADDRESS", "tcp://127.0.0.1:0");
    command.env("MQTT_BROKER__STORE__MEMORY", "true");
    let program = Program::start(&mut command);
    assert!(program.line.contains("all in memory"), "{}", program.line);
    let refused = Command::new(PROGRAM).arg("check").env("MQTT_BROKER__SHARDS", "many").output();
    let refused = refused.expect("it runs");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(errors.starts_with("mqtt-broker: the environment variable MQTT_BROKER__SHARDS: "), "{errors}");
    let open = Command::new(PROGRAM).env("MQTT_BROKER__LISTENER__0__ADDRESS", "tcp://0.0.0.0:0").output();
    let errors = String::from_utf8(open.expect("it runs").stderr).expect("text");
    assert!(
        errors.contains("MQTT_BROKER__AUTH__ALLOW_ANONYMOUS=true") && errors.contains("--password-file"),
        "who meets this in a container is told both ways out: {errors}"
    );
}

/// What a broker logs whose client comes with a password and stays to the end.
fn logged(arguments: &[&str]) -> String {
    let mut program = Program::start(fleeting().args(arguments));
    let mut stream = TcpStream::connect(program.address()).expect("it listens");
    stream.write_all(CONNECT).expect("sent");
    stream.read_exact(&mut [0; 4]).expect("CONNACK");
    program.signal(Signal::TERM);
    assert!(program.child.wait().expect("it ends").success());
    let log = program.errors();
    assert!(log.lines().count() >= 2 && !log.contains("opensesame"), "{log}");
    log
}

#[test]
fn a_log_that_nobody_reads_is_one_object_a_line_and_has_no_secrets() {
    for line in logged(&["-vvv"]).lines() {
        let object: serde_json::Value = serde_json::from_str(line).expect(line);
        for field in ["timestamp", "level", "message", "target"] {
            assert!(object.get(field).is_some(), "{field}: {line}");
        }
    }
    let text = logged(&["-vvv", "--log-format", "text"]);
    assert!(text.lines().all(|line| !line.starts_with('{') && line.contains("DEBUG")), "{text}");
}

#[test]
fn health_says_whether_a_broker_answers() {
    let program = Program::start(&mut fleeting());
    let address = format!("tcp://{}", program.address());
    assert_eq!(run(&["health", &address]), (Some(0), String::new(), String::new()));
    drop(program);
    let (code, _, errors) = run(&["health", &address]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with(&format!("mqtt-broker: {address} does not answer: ")), "{errors}");
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = format!("tcp://{}", mute.local_addr().expect("bound"));
    assert_eq!(run(&["health", &address, "--timeout", "1"]).0, Some(1));
}

#[test]
fn a_service_manager_hears_how_it_goes() {
    let data = Data::new("notify");
    let path = &data.0;
    let manager = UnixDatagram::bind(path).expect("a socket");
    manager.set_read_timeout(Some(Duration::from_secs(60))).expect("a limit");
    let hear = || {
        let mut bytes = [0; 256];
        let length = manager.recv(&mut bytes).expect("a word");
        String::from_utf8_lossy(&bytes[..length]).trim_end().to_owned()
    };
    let hear_other = |ignored: &str| {
        loop {
            let word = hear();
            if word != ignored {
                return word;
            }
        }
    };
    let mut command = fleeting();
    command.env("NOTIFY_SOCKET", path).env("WATCHDOG_USEC", "20000");
    let mut program = Program::start(&mut command);
    assert_eq!(hear(), "READY=1");
    assert_eq!(hear(), "WATCHDOG=1");
    assert_eq!(hear(), "WATCHDOG=1");
    program.signal(Signal::HUP);
    let reloading = hear_other("WATCHDOG=1");
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(hear_other("WATCHDOG=1"), "READY=1");
    program.signal(Signal::TERM);
    assert_eq!(hear_other("WATCHDOG=1"), "STOPPING=1");
    assert!(program.child.wait().expect("it ends").success());
}

/// A command that gets a listening socket as a service manager hands it over.
fn activated(socket: TcpListener, arguments: &[&str]) -> Command {
    let mut command = Command::new("sh");
    // the shell becomes the program, so that the socket is for its process
    command.args(["-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" \"$@\" 3<&0 0</dev/null", PROGRAM]);
    command.args(arguments).stdin(OwnedFd::from(socket));
    command
}

#[test]
fn a_socket_that_was_opened_before_is_the_listener_of_its_address() {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = socket.local_addr().expect("bound");
    // it waits for the program
    let mut early = TcpStream::connect(address).expect("it listens");
    early.write_all(CONNECT).expect("sent");
    let listen = format!("tcp://{address}");
    let _program = Program::start(&mut activated(socket, &["--memory", "--listen", &listen]));
    let mut answer = [0; 4];
    early.read_exact(&mut answer).expect("CONNACK");
    assert_eq!(answer, [0x20, 2, 0, 0]);

    let stray = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = stray.local_addr().expect("bound");
    let refused = activated(stray, &["--memory", "--listen", "tcp://127.0.0.1:0"]).output().expect("it runs");
    let errors = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(errors.contains(&format!("listens on {address}")) && errors.contains("socket unit"), "{errors}");
}

#[test]
fn there_are_completions_and_manual_pages() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, text, _) = run(&["completions", shell]);
        assert!(code == Some(0) && text.contains("password-file"), "{shell}");
    }
    let (code, page, _) = run(&["man"]);
    assert!(code == Some(0) && page.contains(".TH mqtt-broker 1"), "{page}");
    let data = Data::new("man");
    let directory = &data.0;
    assert_eq!(run(&["man", directory.to_str().expect("text")]).0, Some(0));
    assert!(directory.join("mqtt-broker-store-check.1").is_file());
}

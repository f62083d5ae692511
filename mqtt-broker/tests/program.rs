//! The program as a person meets it: options, one line of output, signals, exit codes.
#![cfg(all(unix, feature = "net"))]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// CONNECT of MQTT 3.1.1 and of 5.0, with clean sessions and different client identifiers.
const CONNECT: &[u8] = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a";
const CONNECT_V5: &[u8] = b"\x10\x0e\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x01b";

/// A program that serves. It ends with the test, whatever happens.
struct Program {
    child: Child,
    output: BufReader<ChildStdout>,
    line: String,
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Program {
    fn spawn(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"))
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        output.read_line(&mut line).expect("text");
        Self { child, output, line }
    }

    /// Starts and waits for the line that says that it is ready. Nothing is kept.
    fn serving(arguments: &[&str]) -> Self {
        let mut program = Self::spawn(&[&["--memory"], arguments].concat());
        if !program.line.starts_with("Serving ") {
            let end = program.end();
            panic!("not serving: {end:?}");
        }
        program
    }

    /// The next line on standard output.
    fn read_line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).expect("text");
        line
    }

    fn address(&self) -> SocketAddr {
        let (_, rest) = self.line.split_once("tcp://").expect("a URL");
        rest.split([',', ';']).next().expect("a part").parse().expect("an address")
    }

    fn connect(&self, connect: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(self.address()).expect("it listens");
        stream.write_all(connect).expect("sent");
        stream
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Exit code, everything on standard output, everything on standard error.
    fn end(&mut self) -> (Option<i32>, String, String) {
        let mut output = std::mem::take(&mut self.line);
        self.output.read_to_string(&mut output).expect("text");
        let mut errors = String::new();
        let mut stderr = self.child.stderr.take().expect("piped");
        stderr.read_to_string(&mut errors).expect("text");
        (self.child.wait().expect("a status").code(), output, errors)
    }
}

/// Runs the program, which must end by itself.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut program = Program::spawn(arguments);
    assert!(!program.line.starts_with("Serving "), "{arguments:?} should not serve: {}", program.line);
    program.end()
}

/// Runs the program, which must refuse with one sentence.
fn refused(arguments: &[&str], code: i32) -> String {
    let (status, output, errors) = run(arguments);
    assert_eq!((status, output.as_str()), (Some(code), ""), "{arguments:?}: {errors}");
    assert_eq!(errors.lines().count(), 1, "{arguments:?}: {errors}");
    errors.trim_end().strip_prefix("mqtt-broker: ").expect("the name of the program").to_owned()
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("a temporary file");
    path
}

fn packet(stream: &mut TcpStream) -> Vec<u8> {
    let mut packet = vec![0; 2];
    stream.read_exact(&mut packet).expect("a header");
    packet.resize(2 + usize::from(packet[1]), 0);
    stream.read_exact(&mut packet[2..]).expect("a body");
    packet
}

#[test]
fn bad_options_are_refused_in_one_sentence() {
    for (arguments, sentence) in [
        (&["--lisen", "tcp://h"][..], "unexpected argument '--lisen' found (tip: "),
        (&["house"], "unrecognized subcommand 'house' (see mqtt-broker --help)"),
        (&["--shards", "0"], "invalid value '0' for '--shards <N>': 0 is not in 1..=65535"),
        (&["--shards", "many"], "invalid value 'many' for '--shards <N>': invalid digit found in string"),
        (&["--memory", "--data", "d"], "the argument '--memory' cannot be used with '--data <DIR>'"),
        (&["--shards"], "a value is required for '--shards <N>' but none was supplied"),
        (
            &["--max-packet-size", "1 MB/s"],
            "invalid value '1 MB/s' for '--max-packet-size <SIZE>': \"1 MB/s\" is no",
        ),
        (
            &["--max-packet-size", "4GiB"],
            "invalid value '4GiB' for '--max-packet-size <SIZE>': 4294967296 bytes are",
        ),
        (
            &["--max-packet-size", "300MB"],
            "session.maximum_packet_size (--max-packet-size) is 300000000, but has to lie between 1 and 268435460",
        ),
        (&["--log", "mqtt_broker=loud"], "invalid value 'mqtt_broker=loud' for '--log <FILTER>'"),
        (&["-v", "--log", "info"], "the argument '--verbose...' cannot be used with '--log <FILTER>'"),
    ] {
        let refused = refused(arguments, 2);
        assert!(refused.starts_with(sentence), "{refused}");
    }
}

#[test]
fn bad_listeners_are_refused_in_one_sentence() {
    for (url, sentence) in [
        (
            "http://127.0.0.1",
            "cannot serve http://127.0.0.1: write tcp://HOST:PORT (mqtt://), tls://HOST:PORT (mqtts://)",
        ),
        ("127.0.0.1:1883", "127.0.0.1:1883 has no scheme: write tcp://HOST:PORT"),
        ("tcp://127.0.0.1:port", "cannot understand tcp://127.0.0.1:port: write SCHEME://HOST:PORT"),
        ("tcp://no-such-host.invalid", "no address is known for the host no-such-host.invalid"),
    ] {
        let refused = refused(&["--listen", url], 2);
        assert!(
            refused.starts_with(&format!("invalid value '{url}' for '--listen <URL>': {sentence}")),
            "{refused}"
        );
    }
}

#[test]
fn bad_files_are_refused_in_one_sentence() {
    let missing = refused(&["--config", "no-such-file.toml"], 2);
    assert!(
        missing.starts_with("cannot read the configuration no-such-file.toml: No such file"),
        "{missing}"
    );

    let path = file("unknown_key.toml", "shards = 1\n\n[limits]\nconections = 5\n");
    let path = path.to_str().expect("text");
    for arguments in [&["--config", path][..], &["check", "--config", path]] {
        let refused = refused(arguments, 2);
        let sentence = format!("{path}, line 4: unknown field `conections`, expected one of `connections`, ");
        assert!(refused.starts_with(&sentence), "{refused}");
    }
}

#[test]
fn mistakes_that_are_none_of_the_syntax_have_a_line_as_well() {
    let path = file("mistake.toml", "");
    let name = path.to_str().expect("text");
    for (text, line, sentence) in [
        ("[auth]\norder = [\"pasword\"]", 2, "auth.order names \"pasword\""),
        ("[auth.http]\ntimeout = 0\nurl = \"http://127.0.0.1\"", 2, "auth.http.timeout is 0"),
        ("\n[auth.http]", 2, "auth.http.url \"\" has to be"),
        ("[auth]\n\npassword_file = \"/no/such\"", 3, "cannot read the password file /no/such"),
        ("[auth]\nacl_file = \"/no/such\"", 2, "cannot read the rules /no/such"),
        ("[auth.jwt]", 1, "auth.jwt: it has no key"),
        ("[auth.scram]", 1, "auth.scram: it has no file"),
        ("[session]\nmaximum_packet_size = 0", 2, "session.maximum_packet_size"),
        (
            "[[listener]]\naddress = \"tcp://127.0.0.1:0\"\nauth = [\"jwt\"]",
            3,
            "tcp://127.0.0.1:0: auth names \"jwt\"",
        ),
        (
            "[[listener]]\naddress = \"tls://127.0.0.1:0\"\ncertificate = \"/no/such\"\nkey = \"/no/such\"",
            3,
            "tls://127.0.0.1:0: ",
        ),
        ("[[acl.rule]]\nallow = \"all\"\ntopics = [\"a\"]\ngroups = [\"g\"]", 1, "there is no group \"g\""),
    ] {
        fs::write(&path, text).expect("a temporary file");
        let refused = refused(&["check", "--config", name], 2);
        assert!(refused.starts_with(&format!("{name}, line {line}: {sentence}")), "{text}\n{refused}");
    }
}

#[test]
fn an_open_address_needs_a_decision() {
    let sentence =
        "tcp://0.0.0.0:0 can be reached from other machines and nothing asks clients who they are: ";
    assert!(refused(&["--listen", "tcp://0.0.0.0:0"], 2).starts_with(sentence));
    let path = file("open.toml", "[[listener]]\naddress = 'tcp://0.0.0.0:0'");
    let path = path.to_str().expect("text");
    let refused = refused(&["--config", path], 2);
    assert!(refused.starts_with(&format!("{path}, line 2: {sentence}")), "{refused}");
    assert_eq!(run(&["check", "--config", path, "--allow-anonymous"]).0, Some(0));
}

#[test]
fn a_port_in_use_is_told_with_another_one() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address");
    let refused = refused(&["--listen", &format!("tcp://{address}")], 1);
    let sentence =
        format!("tcp://{address} is in use by another program: stop that, or listen on tcp://127.0.0.1:");
    assert!(refused.starts_with(&sentence), "{refused}");
}

#[test]
fn a_foreign_address_is_told() {
    let refused = refused(&["--listen", "tcp://192.0.2.1:0", "--allow-anonymous"], 1);
    assert_eq!(refused, "tcp://192.0.2.1:0 is no address of this machine: listen on one that is");
}

#[test]
fn a_configuration_is_checked_without_serving_it() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/mqtt-broker.toml");
    let valid = "The configuration is valid and serves tcp://127.0.0.1:1883.\n".to_owned();
    assert_eq!(run(&["check", "--config", example]), (Some(0), valid, String::new()));

    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("tcp://{}", other.local_addr().expect("an address"));
    let (code, output, _) = run(&["check", "--listen", &url]);
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn help_version_and_reference_are_no_mistakes() {
    let version = format!("mqtt-broker {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(run(&["--version"]), (Some(0), version, String::new()));

    let example = include_str!("../mqtt-broker.toml").to_owned();
    assert_eq!(run(&["--print-config"]), (Some(0), example, String::new()));

    let (code, help, errors) = run(&["--help"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    for word in ["mosquitto_pub -t", "--allow-anonymous", "[default: 1MiB]", "--print-config", "Exit codes:"]
    {
        assert!(help.contains(word), "{word} is not in\n{help}");
    }
}

#[test]
fn a_command_without_its_part_says_which_there_are() {
    for (command, part) in [("store", "compact"), ("acl", "explain")] {
        let (code, output, errors) = run(&[command]);
        assert_eq!((code, output.as_str()), (Some(2), ""));
        assert!(errors.contains("Usage: ") && errors.contains(part), "{errors}");
    }
}

#[test]
fn it_says_one_line_and_accepts_clients_of_each_version() {
    let program = Program::serving(&["--listen", "tcp://127.0.0.1:0", "-vvv"]);
    let address = program.address();
    let (ip, port) = (address.ip(), address.port());
    assert_ne!(port, 0);
    let try_it = format!("try: mosquitto_sub -h {ip} -p {port} -t '#' -v");
    assert_eq!(
        program.line,
        format!("Serving MQTT 3.1, 3.1.1 and 5.0 on tcp://{address}; all in memory; {try_it}\n")
    );

    assert_eq!(packet(&mut program.connect(CONNECT)), [0x20, 2, 0, 0]);
    let accepted = packet(&mut program.connect(CONNECT_V5));
    assert_eq!((accepted[0], accepted[2], accepted[3]), (0x20, 0, 0));
}

#[test]
fn each_listener_is_served() {
    let path = file("listener.toml", "[[listener]]\naddress = 'tcp://127.0.0.1:0'");
    let path = path.to_str().expect("text");
    let program = Program::serving(&["--config", path, "--listen", "mqtt://localhost:0"]);
    let urls: Vec<&str> = program.line.split("tcp://").skip(1).collect();
    assert_eq!(urls.len(), 2, "{}", program.line);
    for url in urls {
        let address = url.split([',', ';']).next().expect("a part");
        let mut stream = TcpStream::connect(address).expect(address);
        stream.write_all(CONNECT).expect("sent");
        assert_eq!(packet(&mut stream), [0x20, 2, 0, 0]);
    }
}

#[test]
fn a_signal_ends_it_cleanly() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut program = Program::serving(&["--listen", "tcp://127.0.0.1:0"]);
        let mut old = program.connect(CONNECT);
        assert_eq!(packet(&mut old), [0x20, 2, 0, 0]);
        let mut new = program.connect(CONNECT_V5);
        assert_eq!(packet(&mut new)[0], 0x20);

        program.signal(signal);
        let disconnect = packet(&mut new);
        assert_eq!((disconnect[0], disconnect[2]), (0xE0, 0x8B), "DISCONNECT, Server shutting down");
        assert_eq!(new.read(&mut [0]).expect("closed"), 0);
        assert_eq!(old.read(&mut [0]).expect("closed"), 0);
        drop((new, old));

        let line = program.line.clone();
        assert_eq!(program.end(), (Some(0), line, String::new()), "{signal:?}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let path = file("linger.toml", "[limits]\nlinger = '1h'");
    let path = path.to_str().expect("text");
    let mut program = Program::serving(&["--config", path, "--listen", "tcp://127.0.0.1:0"]);
    let mut stream = program.connect(CONNECT_V5);
    assert_eq!(packet(&mut stream)[0], 0x20);

    // The broker closes its side and waits for the client's, which stays open.
    program.signal(Signal::INT);
    assert_eq!(packet(&mut stream)[0], 0xE0);
    assert_eq!(stream.read(&mut [0]).expect("closed"), 0);
    program.signal(Signal::INT);
    assert_eq!(program.end().0, Some(130));
}

#[test]
fn a_hangup_makes_it_read_its_configuration_again() {
    let path = file("reload.toml", "[session]\nmaximum_packet_size = 1000");
    let path = path.to_str().expect("text").to_owned();
    let mut program = Program::serving(&["--config", &path, "--listen", "tcp://127.0.0.1:0"]);
    let mut before = program.connect(CONNECT);
    assert_eq!(packet(&mut before), [0x20, 2, 0, 0]);
    let size = |program: &Program| {
        let accepted = packet(&mut program.connect(CONNECT_V5));
        let at = accepted.iter().position(|&byte| byte == 0x27).expect("Maximum Packet Size");
        u32::from_be_bytes(accepted[at + 1..at + 5].try_into().expect("four bytes"))
    };
    assert_eq!(size(&program), 1_000);

    fs::write(&path, "shards = 2\n[session]\nmaximum_packet_size = 2000").expect("written");
    program.signal(Signal::HUP);
    let waits = "Reloaded the configuration and its files; what waits for the next start: shards\n";
    assert_eq!(program.read_line(), waits);
    assert_eq!(size(&program), 2_000);

    fs::write(&path, "\n[session]\nmaximum_packet_size = 'much'").expect("written");
    program.signal(Signal::HUP);
    let mut errors = BufReader::new(program.child.stderr.take().expect("piped"));
    let mut line = String::new();
    errors.read_line(&mut line).expect("text");
    assert!(line.contains("not reloaded, everything stays as it was: "), "{line}");
    assert!(line.contains("line 3"), "{line}");
    assert_eq!(size(&program), 2_000);

    // no other reason to go: the client of before is served all the while
    before.write_all(&[0xC0, 0]).expect("sent");
    assert_eq!(packet(&mut before), [0xD0, 0]);
}

/// Runs the program with this on its standard input.
fn told(arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // it may not want to hear
    let _ = child.stdin.take().expect("piped").write_all(input.as_bytes());
    let output = child.wait_with_output().expect("it ends");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// A file that is not there yet.
fn absent(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

/// CONNECT of MQTT 3.1.1 with a user name and a password.
fn connect_as(user: &str, password: &str) -> Vec<u8> {
    let field = |text: &str| [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat();
    let body = [b"\x00\x04MQTT\x04\xc2\x00\x00", &field("c")[..], &field(user), &field(password)].concat();
    [&[0x10, body.len() as u8], &body[..]].concat()
}

#[test]
fn users_of_a_password_file_are_let_in_and_nobody_else() {
    use std::os::unix::fs::PermissionsExt;
    let path = absent("users.passwd");
    let users = path.to_str().expect("a path of text");
    for (user, password) in [("ann", "first\n"), ("bob", "open sesame\r\n"), ("ann", "second")] {
        let (code, output, errors) = told(&["passwd", users, user], password);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        assert_eq!(output, format!("{user:?} is written to {users}.\n"));
    }
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let program = Program::serving(&["--listen", "tcp://127.0.0.1:0", "--password-file", users]);
    for (connect, code) in [
        (connect_as("ann", "second"), 0),
        (connect_as("bob", "open sesame"), 0),
        (connect_as("ann", "first"), 4),
        (connect_as("eve", "second"), 4),
        (CONNECT.to_vec(), 4),
    ] {
        assert_eq!(packet(&mut program.connect(&connect)), [0x20, 2, 0, code]);
    }
    assert_eq!(told(&["passwd", users, "bob", "--delete"], "").0, Some(0));
    let text = fs::read_to_string(&path).expect("a file");
    assert!(text.starts_with("ann:$argon2id$") && text.lines().count() == 1);
}

#[test]
fn passwd_follows_a_link_and_replaces_none() {
    let (link, target) = (absent("link.passwd"), absent("target.passwd"));
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let arguments = ["passwd", link.to_str().expect("text"), "ann"];
    let (status, _, errors) = told(&arguments, "pencil");
    assert_eq!(status, Some(1));
    assert!(errors.contains("cannot follow "), "{errors}");
    fs::write(&target, "").expect("written");
    assert_eq!(told(&arguments, "pencil").0, Some(0));
    assert!(fs::symlink_metadata(&link).expect("it is there").is_symlink());
    assert!(fs::read_to_string(&target).expect("a file").starts_with("ann:$argon2id$"));
}

#[test]
fn users_of_a_password_file_change_with_sighup_and_connections_stay() {
    let path = absent("changing.passwd");
    let users = path.to_str().expect("a path of text");
    assert_eq!(told(&["passwd", users, "ann"], "first").0, Some(0));
    let mut program = Program::serving(&["--listen", "tcp://127.0.0.1:0", "--password-file", users]);
    let answer = |program: &Program, user, password| {
        let mut stream = program.connect(&connect_as(user, password));
        (packet(&mut stream)[3], stream)
    };
    let (accepted, mut before) = answer(&program, "ann", "first");
    assert_eq!(accepted, 0);
    assert_eq!(told(&["passwd", users, "ann"], "second").0, Some(0));
    // not before it is told
    assert_eq!(answer(&program, "eve", "second").0, 4);
    before.write_all(&[0xC0, 0]).expect("sent");
    program.signal(Signal::HUP);
    assert!(program.read_line().starts_with("Reloaded the configuration and its files"));
    before.write_all(&[0xC0, 0]).expect("sent");
    assert_eq!([packet(&mut before), packet(&mut before)], [[0xD0, 0], [0xD0, 0]]);
    assert_eq!(answer(&program, "ann", "first").0, 4);
    assert_eq!(answer(&program, "ann", "second").0, 0);
}

#[cfg(feature = "scram")]
#[test]
fn passwd_does_not_put_two_kinds_into_one_file() {
    for (first, then, advice) in
        [(&[][..], &["--scram"][..], "leave out --scram"), (&["--scram"], &[], "add --scram")]
    {
        let path = absent("kinds.passwd");
        let users = path.to_str().expect("a path of text");
        let change = |more: &[&str]| told(&[&["passwd", users, "ann"], more].concat(), "pw");
        assert_eq!(change(first).0, Some(0));
        let before = fs::read(&path).expect("a file");
        let (code, _, errors) = change(then);
        assert_eq!(code, Some(2));
        assert!(errors.trim_end().ends_with(advice), "{errors}");
        assert_eq!(fs::read(&path).expect("a file"), before);
        assert_eq!(change(first).0, Some(0));
    }
}

#[test]
fn passwd_changes_nothing_unless_it_is_right() {
    absent("careful.passwd.new");
    let path = absent("careful.passwd");
    assert_eq!(told(&["passwd", path.to_str().expect("a path of text"), "ann"], "pw").0, Some(0));
    // as errors name it
    let path = fs::canonicalize(path).expect("a file");
    let users = path.to_str().expect("a path of text");
    let before = fs::read(&path).expect("a file");
    let busy = format!("{users}.new");
    fs::write(&busy, "").expect("a file");
    for (arguments, input, code, sentence) in [
        (&["passwd", users, "ann"][..], "pw", 1, format!("{busy} is there: somebody else changes the file")),
        (&["passwd", users, "ann"], "", 2, "the password is empty".to_owned()),
        (&["passwd", users, "a:b"], "pw", 2, "a user name has no colon".to_owned()),
        (&["passwd", users, "bob", "--delete"], "", 2, format!("there is no user of that name in {users}")),
    ] {
        let (ended, output, errors) = told(arguments, input);
        assert_eq!((ended, output.as_str()), (Some(code), ""), "{errors}");
        assert!(errors.starts_with(&format!("mqtt-broker: {sentence}")), "{errors}");
        assert_eq!(fs::read(&path).expect("a file"), before);
        let _ = fs::remove_file(&busy);
    }
    let elsewhere = format!("{users}/no-directory/file");
    assert_eq!(told(&["passwd", &elsewhere, "ann"], "pw").0, Some(1));
}

#[test]
fn a_password_file_that_is_wrong_is_refused_with_its_line() {
    let path = file("plain.passwd", "# old\nann:secret\n");
    let users = path.to_str().expect("a path of text");
    let sentence = refused(&["check", "--password-file", users], 2);
    assert_eq!(
        sentence,
        format!(
            "{users}, line 2: the password stands there for all to read: replace it by its hash with mqtt-broker passwd"
        )
    );
    let missing = refused(&["--password-file", "/no/such/file"], 2);
    assert!(missing.starts_with("cannot read the password file /no/such/file: "), "{missing}");
    // and what is to be done about it helps
    assert_eq!(told(&["passwd", users, "ann"], "secret").0, Some(0));
    assert_eq!(run(&["check", "--password-file", users]).0, Some(0));
}

#[test]
fn a_pipe_in_place_of_a_file_holds_nothing_up() {
    let users = file("piped-users", "");
    let config = file(
        "piped.toml",
        &format!("[[listener]]\naddress = \"tcp://127.0.0.1:0\"\n[auth]\npassword_file = {users:?}\n"),
    );
    let arguments = ["--config", config.to_str().expect("text")];
    let mut program = Program::serving(&arguments);
    fs::remove_file(&users).expect("it was written");
    assert!(Command::new("mkfifo").arg(&users).status().expect("coreutils").success());
    for option in ["password_file", "acl_file"] {
        let config = file("piped-other.toml", &format!("[auth]\n{option} = {users:?}\n"));
        let told = refused(&["check", "--config", config.to_str().expect("text")], 2);
        assert!(told.contains("it is a pipe, in which nothing may ever come"), "{option}: {told}");
    }
    // it would wait for a writer, and hear of no end
    program.signal(Signal::HUP);
    program.signal(Signal::TERM);
    let (status, _, errors) = program.end();
    assert_eq!(status, Some(0), "{errors}");
    fs::remove_file(&users).expect("it was made");
}

#[test]
fn acl_explain_names_the_rule_and_says_by_its_exit_code_whether_it_allows() {
    let acl = file("explain.acl", "topic read public/#\nuser ann\ntopic deny ann/secret\ntopic ann/#\n");
    let acl = acl.to_str().expect("a path of text");
    let ask = |more: &[&str]| run(&[&["acl", "explain", "--acl", acl][..], more].concat());
    let ann = ["--user", "ann", "--client", "c", "--action", "publish", "--topic"];
    let (code, told, _) = ask(&[&ann[..], &["ann/a"]].concat());
    assert_eq!((code, told.trim_end()), (Some(0), &*format!("allowed by {acl}:4: topic ann/#")));
    let (code, told, _) = ask(&[&ann[..], &["ann/secret"]].concat());
    assert_eq!((code, told.trim_end()), (Some(1), &*format!("denied by {acl}:3: topic deny ann/secret")));
    assert_eq!(ask(&["--action", "publish", "--topic", "a/#"]).0, Some(2));
    assert_eq!(ask(&["--action", "read", "--topic", "a"]).0, Some(2));
    let inline = file("explain.toml", "[[acl.rule]]\ndeny = \"all\"\ntopics = [\"a\"]\n");
    let inline = inline.to_str().expect("a path of text");
    let (code, told, _) =
        run(&["acl", "explain", "--config", inline, "--action", "subscribe", "--topic", "a"]);
    let sentence = format!("denied by {inline}:1: deny publish, subscribe, retain on a for everyone");
    assert_eq!((code, told.trim_end()), (Some(1), &*sentence));
}

#[test]
fn rules_that_are_wrong_are_refused_with_their_line() {
    let acl = file("wrong.acl", "topic read a\ntopic reads b\n");
    let acl = acl.to_str().expect("a path of text");
    let config = file("wrong-acl.toml", &format!("[auth]\nacl_file = \"{acl}\"\n"));
    let sentence = refused(&["check", "--config", config.to_str().expect("a path of text")], 2);
    assert!(sentence.starts_with(&format!("{acl}, line 2: \"reads\" is no access: ")), "{sentence}");
    let both = format!("[auth]\nacl_file = \"{acl}\"\n[[acl.rule]]\nallow = \"all\"\ntopics = [\"a\"]\n");
    let both = file("both-acl.toml", &both);
    let sentence = refused(&["check", "--config", both.to_str().expect("a path of text")], 2);
    let both = format!("{}, line 2: rules stand in [[acl.rule]] and in the file", both.display());
    assert!(sentence.starts_with(&both), "{sentence}");
}

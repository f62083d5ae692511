//! Runs each example against an embedded broker and looks at what it prints.

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use mqtt_broker::auth::password::Users;
use mqtt_broker::config::{ClientCertificate, Config};
use mqtt_broker::{Broker, BrokerHandle};

/// The longest that an example may be.
const LINES: usize = 80;

async fn broker() -> (BrokerHandle, String) {
    let broker = Broker::builder().listen("127.0.0.1:0".parse().unwrap()).start().await.unwrap();
    let address = format!("mqtt://{}", broker.addresses()[0]);
    (broker, address)
}

/// Cargo builds examples beside the tests.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let directory = test.parent().and_then(Path::parent).unwrap().join("examples");
    directory.join(name).with_extension(std::env::consts::EXE_EXTENSION)
}

fn start(name: &str, arguments: &[&str]) -> Child {
    let mut command = Command::new(program(name));
    command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn end(child: Child) -> Vec<String> {
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap().lines().map(str::to_owned).collect()
}

fn run(name: &str, arguments: &[&str]) -> Vec<String> {
    end(start(name, arguments))
}

#[tokio::test]
async fn publish_reaches_subscribe() {
    use std::io::{BufRead, BufReader};
    let (_broker, address) = broker().await;
    let mut subscriber = start("subscribe", &["greetings/#", "2", &address]);
    let mut lines = BufReader::new(subscriber.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(lines.next().unwrap(), "subscribed to greetings/#");
    for payload in ["hello", "again"] {
        let said = run("publish", &["greetings/world", payload, &address]);
        assert_eq!(said, ["published to greetings/world"]);
        assert_eq!(lines.next().unwrap(), format!("greetings/world: {payload}"));
    }
    assert_eq!(lines.next(), None);
    assert!(subscriber.wait().unwrap().success());
}

#[tokio::test]
async fn wildcards_shows_what_each_filter_takes() {
    let (_broker, address) = broker().await;
    let all = "house, house/kitchen/temperature, house/kitchen/door";
    let expected = [
        "house/+/temperature: house/kitchen/temperature".to_owned(),
        format!("house/#: {all}"),
        "+/+/temperature: house/kitchen/temperature, barn/1/temperature".to_owned(),
        format!("#: {all}, barn/1/temperature"),
    ];
    assert_eq!(run("wildcards", &[&address]), expected);
}

#[tokio::test]
async fn qos_prints_the_packets_that_the_guide_has() {
    let (_broker, address) = broker().await;
    let packets = run("qos", &[address.trim_start_matches("mqtt://")]);
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let (_, listing) = guide.split_once("```text\n").unwrap();
    let (listing, _) = listing.split_once("\n```").unwrap();
    assert_eq!(packets.join("\n"), listing);
}

#[tokio::test]
async fn sys_prints_what_the_broker_says_of_itself() {
    let (_broker, address) = broker().await;
    let lines = run("sys", &[&address]);
    let version = lines.iter().find(|line| line.starts_with("$SYS/broker/version = "));
    assert!(version.is_some_and(|line| line.contains("mqtt-broker")), "{lines:?}");
}

#[tokio::test]
async fn payload_encryption_opens_each_message_once() {
    let (_broker, address) = broker().await;
    let lines = run("payload_encryption", &[&address]);
    let expected = [
        "62 bytes that the broker saw, with the key 2026-11: open",
        "once more: opened before",
        "93 bytes that the broker saw, with the key reader: open",
        "once more: opened before",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn security_tells_who_is_let_in() {
    let files = support::Files::make("security");
    let users = Path::new(env!("CARGO_TARGET_TMPDIR")).join("security-users");
    fs::write(&users, Users::with_password("", "ann", b"open sesame", [7; 16]).unwrap()).unwrap();
    let mut listener = files.listener("tls://127.0.0.1:0");
    listener.client_ca = Some(files.ca.clone());
    listener.client_certificate = Some(ClientCertificate::Optional);
    let mut config = Config { listeners: vec![listener], ..Config::default() };
    config.auth.password_file = Some(users);
    let broker = Broker::builder().config(config).start().await.unwrap();
    let (address, ca) = (support::address(&broker), files.ca.to_str().unwrap());
    let connected = ["connected as ann, and published"];
    assert_eq!(run("security", &[&address, ca, "ann", "open sesame"]), connected);
    let [certificate, key] = [&files.client[0], &files.client[1]].map(|path| path.to_str().unwrap());
    assert_eq!(run("security", &[&address, ca, "ann", "open sesame", certificate, key]), connected);
    let wrong = run("security", &[&address, ca, "ann", "open"]);
    assert!(
        wrong[0].starts_with("not connected:") && wrong[0].contains("Bad User Name or Password"),
        "{wrong:?}"
    );
    let strange = run("security", &[&address, files.strange_ca.to_str().unwrap(), "ann", "open sesame"]);
    assert!(strange[0].starts_with("not connected:") && strange[0].contains("CA"), "{strange:?}");
}

#[tokio::test]
async fn websocket_goes_through_the_ports_of_the_web() {
    let broker = support::broker("ws://127.0.0.1:0".parse().unwrap()).await;
    let address = format!("ws://{}/mqtt", broker.addresses()[0]);
    assert_eq!(run("websocket", &[&address]), ["page/title: from a program"]);
}

#[tokio::test]
async fn retained_sensor_finds_the_last_value() {
    let (_broker, address) = broker().await;
    let lines = run("retained_sensor", &[&address]);
    assert_eq!(lines, ["house/kitchen/temperature: 20.5 (retained: true)"]);
}

#[tokio::test]
async fn will_tells_of_the_client_that_was_lost() {
    let (_broker, address) = broker().await;
    assert_eq!(run("will", &[&address]), ["pump/unlucky/state: lost"]);
}

#[tokio::test]
async fn persistent_session_misses_nothing() {
    let (_broker, address) = broker().await;
    let lines = run("persistent_session", &[&address]);
    let hours = (0..5).map(|hour| format!("house/door: closed at {hour}:00"));
    let expected: Vec<String> = ["session present: true".to_owned()].into_iter().chain(hours).collect();
    assert_eq!(lines, expected);
}

#[test]
fn embedded_broker_hears_a_client() {
    assert_eq!(run("embedded_broker", &[]), ["serving mqtt://127.0.0.1", "request/time: now?"]);
}

#[test]
fn hooks_decides_traces_and_explains() {
    let lines = run("hooks", &[]);
    assert_eq!(
        lines[1..3],
        ["the kitchen: 20.0 degrees", "the reader: the client has no subscription that matches"]
    );
    assert!(lines[0].starts_with("the cellar: ") && lines[0].contains("refused"), "{}", lines[0]);
    assert!(lines[3].starts_with("received CONNECT"), "{}", lines[3]);
    assert!(lines.contains(&"received PUBLISH QoS 1 1, \"house/kitchen\", 2 bytes".to_owned()), "{lines:?}");
}

#[tokio::test]
async fn connect_options_shows_everything_but_the_password() {
    let (_broker, address) = broker().await;
    let lines = run("connect_options", &[&address]);
    assert!(lines[0].contains("every-option") && !lines[0].contains("secret"), "{}", lines[0]);
    assert!(lines[1].starts_with("connected; a session was there: false; the server says"), "{}", lines[1]);
    assert_eq!(lines[2..], ["everything finished: true"]);
}

/// What `dump` prints and complains of, and whether it was content.
fn dump(arguments: &[&str], input: &[u8]) -> (String, String, bool) {
    use std::io::Write;
    let mut command = Command::new(program("dump"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // who is told of a mistake in its arguments may close its input before it has all of it
    let _ = child.stdin.take().unwrap().write_all(input);
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap(), status.success())
}

#[test]
fn dump_prints_packet_by_packet_from_hex_and_binary() {
    let hex = "10 0D 00:04 4d515454 05 02 003C 00 0000\n0xC0 0x00 30 07 0001 74 00 686921\n";
    let (shown, complaint, content) = dump(&[], hex.as_bytes());
    assert!(content && complaint.is_empty(), "{complaint}");
    let lines: Vec<&str> = shown.lines().collect();
    assert!(lines[0].starts_with("     0     15 bytes  Connect(Connect { version: V5,"), "{shown}");
    assert_eq!(lines[1], "    15      2 bytes  PingReq");
    assert!(
        lines[2].starts_with("    17      9 bytes  Publish(") && lines[2].contains("b\"hi!\""),
        "{shown}"
    );
    let (shown, ..) = dump(&["server", "5.0"], b"\x20\x03\x00\x87\x00");
    assert!(shown.contains("reason: NotAuthorized"), "{shown}");
}

#[test]
fn dump_explains_the_first_fault_and_says_what_to_send() {
    let (shown, complaint, content) = dump(&["5.0"], b"C000 30 07 0003 612F2B 00 68 C000");
    assert!(!content);
    assert_eq!(shown, "     0      2 bytes  PingReq\n", "what comes before is printed");
    let lines: Vec<&str> = complaint.lines().map(str::trim).collect();
    assert!(lines[0].starts_with("2 PUBLISH (MQTT 5.0), topic name at byte 2:"), "{complaint}");
    assert!(lines[0].ends_with("[MQTT-3.3.2-2]"), "{complaint}");
    assert_eq!(lines[1], "30 07 > 00 03 61 2F 2B 00 68 C0 00   byte 4 of the capture");
    assert_eq!(lines[2], "send E0 01 81 (Malformed Packet (0x81)) and close");
    let (_, complaint, _) = dump(&["3.1.1"], b"C1 00");
    assert!(complaint.ends_with("close, for MQTT 3.1.1 has no packet to say why\n"), "{complaint}");
    let (_, complaint, _) = dump(&[], b"16 03 01 02 00 01 00 01 FC 03 03");
    assert!(complaint.contains("; this is TLS: what is in it is needed\n"), "{complaint}");
}

#[test]
fn dump_says_what_is_wrong_with_its_input() {
    for (arguments, input, complaint) in [
        (&[][..], &b""[..], "nothing was captured\nusage: dump"),
        (&[], b"hello", "the capture is text but no hex: it holds 'h'\nusage: dump"),
        (&[], b"C0 0", "the hex ends with half a byte, after 1 bytes"),
        (&[], b"C000 30 07 0003", "     2 the capture ends within a packet, after 4 of 9 bytes"),
        (&[], b"C000 30 FF", "     2 the capture ends within a packet, after 2 bytes"),
        (&["4"], b"C000", "\"4\" is neither a side nor a version\nusage: dump"),
    ] {
        let (_, said, content) = dump(arguments, input);
        assert!(!content && said.starts_with(complaint), "{said}");
    }
}

#[test]
fn every_example_is_short_and_has_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tests = ["tests/run.rs", "tests/connect.rs"].map(|file| fs::read_to_string(root.join(file)).unwrap());
    let tests = tests.concat();
    let mut count = 0;
    for entry in fs::read_dir(root.join("examples")).unwrap() {
        let path = entry.unwrap().path();
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines < LINES, "{}: {lines} lines", path.display());
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(tests.contains(&format!("\"{name}\"")), "{name} is not run");
        count += 1;
    }
    assert_eq!(count, 16);
}

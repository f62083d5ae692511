//! `mqtt-broker store`: what it tells of a directory that a broker has left, and what it does to it.
#![cfg(feature = "disk")]

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bytes::Bytes;
use mqtt_broker::config::StoreSettings;
use mqtt_broker::core::router::Granted;
use mqtt_broker::store::{
    DiskSettings, DiskStore, Kept, Op, Owed, SessionNumber, Store, StoredClient, WallTime,
};
use mqtt_codec::{Message, QoS, Text, Topic, TopicFilter};
use mqtt_session::{StoreOp, Ticket};
use serde_json::Value;

/// A directory of its own, gone with the test.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const ANN: SessionNumber = SessionNumber(NonZeroU64::MIN);

fn kept(topic: &str, payload: &[u8]) -> Kept {
    let message = Message {
        topic: Topic::new(topic).expect("a topic"),
        payload: Bytes::copy_from_slice(payload),
        properties: None,
    };
    Kept { message: Arc::new(message), qos: QoS::AtLeastOnce, published: WallTime(7_000), expires: None }
}

impl Directory {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("tools-{name}"));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn open(&self) -> DiskStore {
        DiskStore::open(DiskSettings::new(&self.0, StoreSettings::default())).expect("it opens").0
    }

    /// One session that is owed `messages` messages, and one retained message.
    fn filled(name: &str, messages: u64) -> Self {
        let directory = Self::new(name);
        let store = directory.open();
        let client_id = Text::new("ann").expect("text");
        let at = WallTime(5_000);
        let attached = StoreOp::Attached { session_present: false, expiry: 3_600, will: None };
        let granted = Granted {
            qos: QoS::AtLeastOnce,
            no_local: false,
            retain_as_published: false,
            subscription_id: None,
        };
        let mut ops = vec![
            Op::Client { session: ANN, client: StoredClient { client_id, user: None } },
            Op::Effect { session: ANN, op: attached, at },
            Op::Subscribed { session: ANN, filter: TopicFilter::new("a/#").expect("a filter"), granted },
            Op::Retained(kept("kept", b"\xFFthere")),
        ];
        ops.extend((1..=messages).map(|number| {
            Op::Message {
                ticket: Ticket(number),
                kept: kept("a/b", b"payload"),
                owed: [Owed {
                    session: ANN,
                    qos: QoS::AtLeastOnce,
                    retain: false,
                    subscription_ids: [].into(),
                }]
                .into(),
            }
        }));
        let (sender, receiver) = mpsc::channel();
        store.set_wake(0, Arc::new(move || sender.send(()).unwrap_or_default()));
        let position = store.append(0, &mut ops);
        while store.stored() < position {
            receiver.recv_timeout(Duration::from_secs(60)).expect("it is stored");
        }
        drop(store);
        directory
    }

    /// Exit code, standard output and standard error of a command on it.
    fn run(&self, command: &str, options: &[&str]) -> (Option<i32>, String, String) {
        let mut program = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"));
        let output = program.args(["store", command]).arg(&self.0).args(options).output().expect("it runs");
        let text = |bytes| String::from_utf8(bytes).expect("text");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn values(&self, command: &str, options: &[&str]) -> Vec<Value> {
        let (code, lines, errors) = self.run(command, options);
        assert_eq!((code, errors.as_str()), (Some(0), ""));
        lines.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
    }

    fn flip(&self, places: impl Iterator<Item = u64>) {
        let path = self.0.join("messages.redb");
        let mut file = fs::OpenOptions::new().read(true).write(true).open(path).expect("a file");
        for place in places {
            let mut byte = [0];
            file.seek(SeekFrom::Start(place)).expect("a place");
            file.read_exact(&mut byte).expect("a byte");
            file.seek(SeekFrom::Start(place)).expect("a place");
            file.write_all(&[byte[0] ^ 0x10]).expect("another one");
        }
    }

    /// Where in the file these bytes are.
    fn find(&self, bytes: &[u8]) -> Vec<u64> {
        let file = fs::read(self.0.join("messages.redb")).expect("a file");
        (0..).zip(file.windows(bytes.len())).filter(|(_, w)| *w == bytes).map(|(at, _)| at).collect()
    }
}

#[test]
fn what_is_there_is_printed_for_eyes() {
    let directory = Directory::filled("dump", 2);
    let (code, output, errors) = directory.run("dump", &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let lines = [
        "session \"ann\": is owed 2 messages, expires after 3600 s",
        "  subscribed to \"a/#\", QoS 1",
        "message 1 \"a/b\", QoS 1, 7 bytes, owed to \"ann\"",
        "message 2 \"a/b\", QoS 1, 7 bytes, owed to \"ann\"",
        "retained \"kept\", QoS 1, 6 bytes",
    ];
    assert_eq!(output.lines().collect::<Vec<_>>(), lines);
}

#[test]
fn what_is_there_is_printed_for_programs() {
    let directory = Directory::filled("export", 2);
    let dumped = directory.values("dump", &["--json"]);
    let kinds: Vec<&str> = dumped.iter().filter_map(|value| value["kind"].as_str()).collect();
    assert_eq!(kinds, ["session", "message", "message", "retained"]);
    assert_eq!(dumped[0]["client_id"], "ann");
    assert_eq!(dumped[0]["waiting"], 2);
    assert_eq!(dumped[0]["subscriptions"][0]["filter"], "a/#");
    assert_eq!((&dumped[1]["number"], &dumped[1]["owed"][0]["client_id"]), (&1.into(), &"ann".into()));
    assert!(dumped.iter().all(|value| value.get("payload_base64").is_none()));

    let exported = directory.values("export", &["--json"]);
    assert_eq!(exported[1]["payload_base64"], "cGF5bG9hZA==");
    assert_eq!(exported[3]["payload_base64"], "/3RoZXJl");
    assert_eq!(exported[3]["published_ms"], 7_000);
    assert_eq!(exported, directory.values("export", &[]));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let directory = Directory::filled("head", 20_000);
    let script = "\"$0\" store dump \"$1\" | head -n 1";
    let mut shell = Command::new("sh");
    shell.args(["-c", script]).arg(env!("CARGO_BIN_EXE_mqtt-broker")).arg(&directory.0);
    let output = shell.output().expect("a shell");
    assert!(output.stdout.starts_with(b"session \"ann\""));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn damaged_values_are_counted_and_the_rest_is_there() {
    let directory = Directory::filled("damaged", 3);
    let (code, output, errors) = directory.run("check", &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    let counts = "1 sessions, 3 messages that they are owed, 1 retained messages\n";
    assert_eq!(output, format!("{counts}All of it is as it was written.\n"));
    // also old versions of the page may be there
    let payloads = directory.find(b"\xFFthere");
    assert!(!payloads.is_empty());
    directory.flip(payloads.into_iter());
    let (code, output, _) = directory.run("check", &[]);
    assert_eq!(code, Some(1), "{output}");
    assert!(output.contains("3 messages that they are owed, 0 retained messages\n"), "{output}");
    assert!(output.contains("1 values are damaged. A broker leaves them out."), "{output}");
}

#[test]
fn a_file_that_cannot_be_read_is_told_in_one_sentence_and_left_alone() {
    let directory = Directory::filled("unreadable", 3);
    let path = directory.0.join("messages.redb");
    let file = fs::OpenOptions::new().write(true).open(&path).expect("a file");
    file.set_len(5_000).expect("truncated");
    drop(file);
    for command in ["check", "dump", "export", "compact"] {
        let (code, output, errors) = directory.run(command, &[]);
        assert_eq!((code, output.as_str()), (Some(1), ""), "{command}: {errors}");
        assert!(
            errors.contains("is damaged and cannot be read; a broker that starts"),
            "{command}: {errors}"
        );
    }
    assert!(path.exists());
}

#[test]
fn compacting_changes_the_size_and_nothing_else() {
    let directory = Directory::filled("compact", 20_000);
    let store = directory.open();
    let settle =
        |number| Op::Effect { session: ANN, op: StoreOp::Finished(Ticket(number)), at: WallTime(8_000) };
    store.append(0, &mut (1..20_000).map(settle).collect());
    drop(store);
    let before = directory.values("export", &[]);
    assert_eq!(before.len(), 3, "a session, a message, a retained one");
    let size = || fs::metadata(directory.0.join("messages.redb")).expect("a file").len();
    let old = size();
    let (code, output, errors) = directory.run("compact", &[]);
    assert_eq!((code, errors.as_str()), (Some(0), ""));
    assert_eq!(output, format!("{old} bytes before, {} bytes now\n", size()));
    assert!(size() < old / 2, "{output}");
    assert_eq!(directory.values("export", &[]), before);
    assert_eq!(directory.run("check", &[]).0, Some(0));
}

#[test]
fn a_directory_in_use_or_without_a_store_is_refused() {
    let directory = Directory::filled("used", 1);
    let store = directory.open();
    for command in ["check", "dump", "export", "compact"] {
        let (code, output, errors) = directory.run(command, &[]);
        assert_eq!((code, output.as_str()), (Some(1), ""), "{command}");
        assert!(errors.contains("is in use by another broker"), "{errors}");
    }
    drop(store);
    let nowhere = Directory::new("nowhere");
    let (code, _, errors) = nowhere.run("check", &[]);
    assert_eq!(code, Some(1));
    assert!(errors.starts_with("mqtt-broker: there is no store in "), "{errors}");
    assert!(!nowhere.0.exists(), "it was not made");
}

//! A disk that is full: nothing is lost, what needs no disk goes on, and all goes on when there is room again.
//!
//! A limit of the size of files stands for the disk, since anybody may set one.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use mqtt_codec::{Delivery, Message, Packet, PacketId, Publish, QoS, Topic};
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};

use super::running::{Data, Program};
use super::{Client, start};

/// What a message has: 200 of them do not fit.
const PAYLOAD: usize = 100_000;
const MESSAGES: u16 = 200;
/// The limit, in the 512 bytes that a shell counts.
const SCRIPT: &str = "trap '' XFSZ; ulimit -S -f 8192; exec \"$0\" \"$@\"";

fn publish(topic: &str, payload: Vec<u8>, delivery: Delivery) -> Packet {
    Packet::Publish(Publish::new(Message::new(Topic::new(topic).expect("a topic"), payload), delivery))
}

#[test]
fn a_full_disk_holds_up_what_has_to_be_stored_and_loses_nothing() {
    let data = Data::new("kept-full");
    let mut shell = Command::new("sh");
    shell.args(["-c", SCRIPT, env!("CARGO_BIN_EXE_mqtt-broker"), "--listen", "tcp://127.0.0.1:0", "--data"]);
    let mut program = Program::start(shell.arg(&data.0).stderr(Stdio::piped()));
    let (mut reader, _) = Client::connect(&program, "reader", false);
    reader.subscribe("t", QoS::AtLeastOnce);
    drop(reader);

    let (mut writer, _) = Client::connect(&program, "writer", true);
    for id in 1..=MESSAGES {
        let id = PacketId::new(id).expect("not zero");
        writer.say(publish("t", vec![id.get() as u8; PAYLOAD], Delivery::AtLeastOnce { id, dup: false }));
    }
    let errors = BufReader::new(program.child.stderr.take().expect("piped"));
    let mut lines = errors.lines().map(|line| line.expect("text"));
    let line = lines.next().expect("a line of the log");
    assert!(
        line.contains("the store cannot be written") && line.contains("nothing is acknowledged"),
        "{line}"
    );

    // QoS 0 needs no disk
    let (mut listener, _) = Client::connect(&program, "listener", true);
    listener.subscribe("fleeting", QoS::AtMostOnce);
    let (mut other, _) = Client::connect(&program, "other", true);
    other.say(publish("fleeting", b"still".to_vec(), Delivery::AtMostOnce));
    assert_eq!(listener.message().0, "still");

    let pid = Pid::from_child(&program.child);
    prlimit(Some(pid), Resource::Fsize, Rlimit { current: None, maximum: None }).expect("one's own process");
    for id in 1..=MESSAGES {
        let Packet::PubAck(ack) = writer.hear() else { panic!("PUBACK comes") };
        assert_eq!(ack.id.get(), id);
    }
    program.end(Signal::KILL);

    let program = start(&data, &[]);
    let (mut reader, present) = Client::connect(&program, "reader", false);
    assert!(present);
    for id in 1..=MESSAGES {
        let Packet::Publish(publish) = reader.hear() else { panic!("a message comes") };
        assert_eq!(publish.message.payload, vec![id as u8; PAYLOAD], "message {id}");
        let Delivery::AtLeastOnce { id, .. } = publish.delivery else { panic!("QoS 1") };
        reader.say(Packet::PubAck(mqtt_codec::Ack::new(id)));
    }
    program.end(Signal::TERM);
}

//! The program with a data directory: what it has acknowledged is there after it was killed.
#![cfg(all(unix, feature = "disk"))]

#[cfg(target_os = "linux")]
mod full_disk;
#[path = "../running/mod.rs"]
mod running;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

use mqtt_codec::{
    Ack, Connect, Decoder, Delivery, Message, Packet, PacketId, Publish, QoS, Subscribe, Subscription, Text,
    Topic, TopicFilter, Version,
};
use running::{Data, Program, broker};
use rustix::process::Signal;

/// Starts the program on a data directory.
fn start(data: &Data, more: &[&str]) -> Program {
    Program::start(broker().arg("--data").arg(&data.0).args(more))
}

/// A client of 3.1.1 that says and hears packets.
struct Client {
    stream: TcpStream,
    decoder: Decoder,
    bytes: Vec<u8>,
}

impl Client {
    /// Connects; whether the session is present comes with it.
    fn connect(program: &Program, id: &str, clean: bool) -> (Self, bool) {
        let stream = TcpStream::connect(program.address()).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a timeout");
        let decoder = Decoder::client(Version::V3_1_1, u32::MAX);
        let mut client = Self { stream, decoder, bytes: Vec::new() };
        let connect = Connect::new(Version::V3_1_1, Text::new(id).expect("a text"));
        client.say(Packet::Connect(Connect { clean_start: clean, ..connect }));
        let Packet::ConnAck(connack) = client.hear() else { panic!("CONNACK comes first") };
        (client, connack.session_present)
    }

    fn say(&mut self, packet: Packet) {
        let mut bytes = Vec::new();
        packet.encode(Version::V3_1_1, &mut bytes).expect("a packet");
        self.stream.write_all(&bytes).expect("it reads");
    }

    fn hear(&mut self) -> Packet {
        loop {
            if let Some((packet, len)) = self.decoder.decode_next(&self.bytes).expect("a packet") {
                let packet = packet.to_packet();
                self.bytes.drain(..len);
                return packet;
            }
            let mut buffer = [0; 4_096];
            let read = self.stream.read(&mut buffer).expect("a packet comes");
            assert!(read > 0, "the broker has closed the connection");
            self.bytes.extend_from_slice(&buffer[..read]);
        }
    }

    fn subscribe(&mut self, filter: &str, qos: QoS) {
        let filters = vec![Subscription::new(TopicFilter::new(filter).expect("a filter"), qos)];
        self.say(Packet::Subscribe(Subscribe::new(PacketId::MIN, filters)));
        assert!(matches!(self.hear(), Packet::SubAck(_)));
    }

    /// Publishes, and waits for PUBACK.
    fn publish(&mut self, topic: &str, payload: &str, retain: bool) {
        let message = Message::new(Topic::new(topic).expect("a topic"), payload.to_owned());
        let delivery = Delivery::AtLeastOnce { id: PacketId::MIN, dup: false };
        let publish = Publish { retain, ..Publish::new(message, delivery) };
        self.say(Packet::Publish(publish));
        assert!(matches!(self.hear(), Packet::PubAck(_)));
    }

    /// The next message, acknowledged.
    fn message(&mut self) -> (String, bool) {
        let packet = self.hear();
        let Packet::Publish(publish) = packet else { panic!("a message, not {packet:?}") };
        if let Delivery::AtLeastOnce { id, .. } = publish.delivery {
            self.say(Packet::PubAck(Ack::new(id)));
        }
        let payload = String::from_utf8(publish.message.payload.to_vec()).expect("text");
        (payload, publish.retain)
    }
}

#[test]
fn what_was_acknowledged_is_there_after_kill_9_and_after_a_clean_stop() {
    for (durability, shards) in [("fsync", "1"), ("os", "2")] {
        let data = Data::new(&format!("kept-{durability}"));
        let file = data.0.with_extension("toml");
        fs::write(&file, format!("[store]\ndurability = \"{durability}\"\n")).expect("a file");
        let more = ["--config", file.to_str().expect("text"), "--shards", shards];
        let program = start(&data, &more);
        let (mut reader, present) = Client::connect(&program, "reader", false);
        assert!(!present);
        reader.subscribe("t/#", QoS::AtLeastOnce);
        drop(reader);
        let (mut writer, _) = Client::connect(&program, "writer", true);
        for number in 0..50 {
            writer.publish("t/1", &number.to_string(), false);
        }
        writer.publish("r", "retained", true);
        program.end(Signal::KILL);

        let program = start(&data, &more);
        let (mut reader, present) = Client::connect(&program, "reader", false);
        assert!(present, "{durability}");
        for number in 0..50 {
            assert_eq!(reader.message(), (number.to_string(), false));
        }
        // its session is still subscribed
        let (mut writer, _) = Client::connect(&program, "writer", true);
        writer.publish("t/2", "again", false);
        assert_eq!(reader.message().0, "again");
        reader.subscribe("r", QoS::AtLeastOnce);
        assert_eq!(reader.message(), ("retained".to_owned(), true));
        drop(reader);
        writer.publish("t/3", "after it had left", false);
        program.end(Signal::TERM);

        let program = start(&data, &more);
        let (mut reader, present) = Client::connect(&program, "reader", false);
        assert!(present);
        loop {
            // those before it may come again: their ends were not waited for
            if reader.message().0 == "after it had left" {
                break;
            }
        }
        program.end(Signal::TERM);
        let _ = fs::remove_file(file);
    }
}

#[test]
fn a_second_broker_on_a_directory_says_whose_it_is_and_what_to_do() {
    let data = Data::new("kept-second");
    let first = start(&data, &[]);
    let second = Command::new(env!("CARGO_BIN_EXE_mqtt-broker"))
        .args(["--listen", "tcp://127.0.0.1:0", "--data"])
        .arg(&data.0)
        .output()
        .expect("it runs");
    let errors = String::from_utf8(second.stderr).expect("text");
    assert_eq!(second.status.code(), Some(1), "{errors}");
    assert!(errors.contains("in use by another broker") && errors.contains("--data"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    drop(first);
}

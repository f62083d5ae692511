//! What an embedding program says to all that clients do.

mod sim;

use std::sync::{Arc, Mutex};

use mqtt_broker::core::access::Action;
use mqtt_broker::core::{Counter, HookedClient, Hooks, Incoming};
use mqtt_codec::{Connect, Message, MessageRef, Packet, PublishRef, QoS, ReasonCode, Topic, Version};
use mqtt_session::CloseReason;
use sim::Sim;
use sim::packets::{VERSIONS, connect, connect_kept, payloads, publish, publishes, retain, subscribe, will};

/// Decides by words in names, and writes down what it hears.
#[derive(Debug, Default)]
struct Words(Mutex<Vec<String>>);

impl Words {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

impl Hooks for Words {
    fn connect(&self, client: &HookedClient<'_>) -> Result<(), ReasonCode> {
        self.note(format!("connect {}", client.client_id));
        match client.client_id {
            "banned" => Err(ReasonCode::Banned),
            "odd" => Err(ReasonCode::Success),
            _ => Ok(()),
        }
    }

    fn authorize(&self, _: &HookedClient<'_>, action: Action, topic: &str) -> bool {
        self.note(format!("{} {topic}", action.name()));
        !topic.contains("denied")
    }

    fn publish(&self, _: &HookedClient<'_>, publish: &PublishRef<'_>) -> Incoming {
        match publish.message.payload {
            b"refused" => Incoming::Refuse(ReasonCode::PayloadFormatInvalid),
            b"replaced" => Incoming::Replace(Message::new(Topic::new("new/topic").unwrap(), "new payload")),
            _ => Incoming::Take,
        }
    }

    fn deliver(&self, client: &HookedClient<'_>, message: &MessageRef<'_>) -> bool {
        !(client.client_id == "curious" && message.topic.as_str().starts_with("private"))
    }

    fn disconnected(&self, client: &HookedClient<'_>, cause: CloseReason) {
        self.note(format!("disconnected {}: {cause}", client.client_id));
    }
}

fn hooked() -> (Sim, Arc<Words>) {
    let words = Arc::new(Words::default());
    (Sim::hooked(Arc::clone(&words) as Arc<dyn Hooks>), words)
}

#[test]
fn clients_are_let_in_and_missed() {
    let (mut sim, words) = hooked();
    for (id, reason) in [("banned", 0x8A), ("odd", 0x80)] {
        let refusal = sim.try_connect(connect(Version::V5, id), &[]).unwrap_err();
        assert_eq!(refusal.reply, [0x20, 3, 0, reason, 0]);
    }
    let client = sim.connect(connect(Version::V5, "client"));
    sim.cut(client);
    let heard = words.0.lock().unwrap();
    assert_eq!(heard[..3], ["connect banned", "connect odd", "connect client"]);
    assert!(heard[3].starts_with("disconnected client: "), "{heard:?}");
}

#[test]
fn messages_are_refused_or_replaced_on_their_way_in() {
    for version in VERSIONS {
        let (mut sim, _) = hooked();
        let reader = sim.connect(connect(version, "reader"));
        sim.send(reader, &[subscribe(&["#"], QoS::AtMostOnce)]);
        sim.receive(reader);
        let writer = sim.connect(connect(version, "writer"));
        sim.receive(writer);
        sim.send(writer, &[publish("t", "refused", QoS::AtLeastOnce, 1)]);
        sim.send(writer, &[publish("denied", "taken", QoS::AtLeastOnce, 2)]);
        let reasons: Vec<_> = sim
            .receive(writer)
            .iter()
            .map(|packet| match packet {
                Packet::PubAck(ack) => ack.reason,
                other => panic!("{other:?}"),
            })
            .collect();
        if version.is_v5() {
            assert_eq!(reasons, [ReasonCode::PayloadFormatInvalid, ReasonCode::NotAuthorized]);
        }
        assert_eq!(sim.count(Counter::PublishRefused), 2);
        sim.send(writer, &[publish("t", "replaced", QoS::AtLeastOnce, 3)]);
        let got = sim.receive(reader);
        assert_eq!(payloads(&got), ["new payload"]);
        assert_eq!(publishes(&got).next().unwrap().message.topic.as_str(), "new/topic");
    }
}

#[test]
fn wills_are_messages_as_well() {
    let (mut sim, _) = hooked();
    let reader = sim.connect(connect(Version::V5, "reader"));
    sim.send(reader, &[subscribe(&["#"], QoS::AtMostOnce)]);
    sim.receive(reader);
    for payload in ["refused", "replaced", "taken"] {
        let leaving = Connect { will: Some(will("t", payload, 0)), ..connect(Version::V5, "leaving") };
        let leaving = sim.connect(leaving);
        sim.cut(leaving);
        sim.run();
    }
    assert_eq!(sim.take_all(reader), ["new payload", "taken"]);
}

#[test]
fn messages_are_withheld_on_their_way_out_whichever_it_is() {
    let (mut sim, _) = hooked();
    let writer = sim.connect(connect(Version::V5, "writer"));
    sim.send(writer, &[retain("private/kept", "no", None), retain("public/kept", "yes", None)]);
    let curious = sim.connect(connect_kept(Version::V5, "curious"));
    sim.send(curious, &[subscribe(&["private/#", "public/#", "denied/#"], QoS::AtLeastOnce)]);
    assert_eq!(sim.take_all(curious), ["yes"]);
    assert_eq!(sim.hub.subscription_count(), 2, "one filter was denied");
    sim.cut(curious);
    for topic in ["private/t", "public/t"] {
        sim.send(writer, &[publish(topic, topic, QoS::AtLeastOnce, 1)]);
    }
    let curious = sim.connect(connect_kept(Version::V5, "curious"));
    assert_eq!(sim.take_all(curious), ["public/t"]);
    assert_eq!(sim.count(Counter::PublishWithheld), 2);
}

//! What the simulation has found, each in the fewest steps.
#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use mqtt_codec::{QoS, Version};
use sim::Sim;
use sim::packets::{connect, connect_kept, payloads, publish, retain, subscribe};

#[test]
fn mqtt_5_0__3_3_1_9_a_retained_message_that_waits_in_the_session_is_sent_without_another_reason() {
    // with topic aliases every message goes through the queue of its session
    let mut sim = Sim::with(1, |config| config.session.outgoing_topic_aliases = 1);
    let mut asked = connect(Version::V5, "c");
    asked.properties.topic_alias_maximum = Some(1);
    let client = sim.connect(asked);
    sim.send(client, &[retain("t", "kept", None)]);
    sim.send(client, &[subscribe(&["t"], QoS::AtMostOnce)]);
    assert_eq!(payloads(&sim.receive(client)), ["kept"]);
}

#[test]
fn mqtt_5_0__3_1_2_4_a_message_on_its_way_to_a_session_does_not_reach_the_one_that_replaces_it() {
    let mut sim = Sim::new(2);
    let on =
        |sim: &Sim, shard: u16| (0..).map(|n| format!("c{n}")).find(|id| sim.hub.home(id) == shard).unwrap();
    let (subscriber, publisher) = (on(&sim, 0), on(&sim, 1));
    let before = sim.connect(connect_kept(Version::V5, &subscriber));
    sim.send(before, &[subscribe(&["t"], QoS::AtLeastOnce)]);
    let publisher = sim.connect(connect(Version::V5, &publisher));
    sim.post(publisher, &[publish("t", "late", QoS::AtLeastOnce, 1)]);
    sim.turn(1);
    // the message is in the mail of the other shard, whose client starts clean
    let after = sim.connect(connect(Version::V5, &subscriber));
    assert_eq!(payloads(&sim.receive(after)), [""; 0]);
}

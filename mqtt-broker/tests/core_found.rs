//! What the simulation has found, each in the fewest steps.
#![allow(non_snake_case, reason = "tests begin with the id of their statement")]

mod sim;

use mqtt_codec::{QoS, Version};
use sim::Sim;
use sim::packets::{connect, payloads, retain, subscribe};

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

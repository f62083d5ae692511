//! MQTT.js on Node.

use crate::program::locate;

use super::{EVERY_VERSION, ONLY_5, check};

fn scenario(name: &str) {
    check(&locate("node", "nodejs"), "check_mqttjs.mjs", &EVERY_VERSION, name);
}

fn scenario_v5(name: &str) {
    check(&locate("node", "nodejs"), "check_mqttjs_v5.mjs", &ONLY_5, name);
}

#[test]
fn payloads_arrive_unchanged() {
    scenario("payloads");
}

#[test]
fn messages_keep_their_order_and_number() {
    scenario("order");
}

#[test]
fn delivers_with_the_lower_qos() {
    scenario("lower_qos");
}

#[test]
fn retained_messages_are_kept_replaced_and_cleared() {
    scenario("retained");
}

#[test]
fn a_will_is_published_only_when_the_connection_is_cut() {
    scenario("will");
}

#[test]
fn a_persistent_session_is_found_again() {
    scenario("session");
}

#[test]
fn nothing_arrives_after_unsubscribing() {
    scenario("unsubscribe");
}

#[test]
fn reconnects_and_subscribes_again() {
    scenario("reconnect");
}

#[test]
fn a_short_keep_alive_is_answered() {
    scenario("keepalive");
}

#[test]
fn the_second_client_with_an_id_ends_the_first() {
    scenario("take_over");
}

#[test]
fn v5_every_property_of_a_message_arrives() {
    scenario_v5("message_properties");
}

#[test]
fn v5_a_will_carries_its_properties() {
    scenario_v5("will_properties");
}

#[test]
fn v5_subscription_options_are_obeyed() {
    scenario_v5("subscription_options");
}

#[test]
fn v5_a_subscription_names_itself() {
    scenario_v5("subscription_identifier");
}

#[test]
fn v5_a_shared_subscription_gives_a_message_to_one_member() {
    scenario_v5("shared");
}

#[test]
fn v5_topic_aliases_of_the_client_are_resolved() {
    scenario_v5("topic_alias");
}

#[test]
fn v5_a_small_receive_maximum_loses_nothing() {
    scenario_v5("receive_maximum");
}

#[test]
fn v5_a_client_without_an_id_is_given_one() {
    scenario_v5("assigned_client_id");
}

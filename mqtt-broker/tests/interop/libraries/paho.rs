//! paho-mqtt of Python.

use super::{EVERY_VERSION, ONLY_5, check, python};

fn scenario(name: &str) {
    check(&python(), "check_paho.py", &EVERY_VERSION, name);
}

fn scenario_v5(name: &str) {
    check(&python(), "check_paho_v5.py", &ONLY_5, name);
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
fn subscribing_again_replaces_the_subscription() {
    scenario("resubscribe");
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
fn v5_a_message_without_properties_gets_none() {
    scenario_v5("no_properties");
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
fn v5_every_matching_subscription_names_itself() {
    scenario_v5("subscription_identifiers");
}

#[test]
fn v5_a_shared_subscription_gives_a_message_to_one_member() {
    scenario_v5("shared");
}

#[test]
fn v5_a_client_without_an_id_is_given_one() {
    scenario_v5("assigned_client_id");
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
fn v5_a_message_above_the_maximum_packet_size_is_left_out() {
    scenario_v5("maximum_packet_size");
}

#[test]
fn v5_the_message_expiry_interval_counts_down() {
    scenario_v5("message_expiry");
}

#[test]
fn v5_disconnect_may_end_the_session() {
    scenario_v5("session_expiry_on_disconnect");
}

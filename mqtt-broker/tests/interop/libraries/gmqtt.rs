//! gmqtt of Python.

use super::{ONLY_5, WITHOUT_3_1, check, python};

fn scenario(versions: &[&str], name: &str) {
    check(&python(), "check_gmqtt.py", versions, name);
}

#[test]
fn payloads_arrive_unchanged() {
    scenario(&WITHOUT_3_1, "payloads");
}

#[test]
fn messages_keep_their_order_and_number() {
    scenario(&WITHOUT_3_1, "order");
}

#[test]
fn delivers_with_the_lower_qos() {
    scenario(&WITHOUT_3_1, "lower_qos");
}

#[test]
fn retained_messages_are_kept_and_cleared() {
    scenario(&WITHOUT_3_1, "retained");
}

#[test]
fn a_will_is_published_only_when_the_connection_is_cut() {
    scenario(&WITHOUT_3_1, "will");
}

#[test]
fn a_persistent_session_is_found_again() {
    scenario(&WITHOUT_3_1, "session");
}

#[test]
fn nothing_arrives_after_unsubscribing() {
    scenario(&WITHOUT_3_1, "unsubscribe");
}

#[test]
fn v5_every_property_of_a_message_arrives() {
    scenario(&ONLY_5, "message_properties");
}

#[test]
fn v5_subscription_options_are_obeyed() {
    scenario(&ONLY_5, "subscription_options");
}

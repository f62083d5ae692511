//! Sessions, messages and Wills that end with time.

use mqtt_codec::{Disconnect, Packet, QoS, ReasonCode, Seconds, Version};
use mqtt_session::{
    ClientEvent, CloseReason, DropReason, PublishError, QueueLimits, ServerConfig, ServerEvent, Violation,
};

use crate::common::{
    ACKNOWLEDGED, Pair, ServerAlone, Side, VERSIONS, client_config, message, payloads, resuming,
    server_config, will,
};

fn server(session_expiry: Option<u32>) -> ServerAlone {
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = session_expiry.map(Seconds);
    let mut server = ServerAlone::attached(connect, server_config());
    server.fetch();
    server
}

fn events(server: &mut ServerAlone) -> Vec<ServerEvent> {
    std::iter::from_fn(|| server.session.poll_event()).collect()
}

fn lose_and_wait(server: &mut ServerAlone, seconds: u32) -> Vec<ServerEvent> {
    server.session.handle_disconnected(server.now);
    server.now = server.now.after_secs(seconds);
    server.session.handle_timeout(server.now);
    events(server)
}

/// The payloads of the Wills, and whether the session ended, in order.
fn words(events: &[ServerEvent]) -> Vec<String> {
    let word = |event: &ServerEvent| match event {
        ServerEvent::Will(will) => String::from_utf8(will.message.payload.to_vec()).unwrap(),
        _ => "ended".to_owned(),
    };
    events.iter().map(word).collect()
}

#[test]
fn mqtt_5_0__4_1_0_2_a_session_ends_when_its_expiry_has_run_out() {
    let mut server = server(Some(10));
    assert!(lose_and_wait(&mut server, 9).is_empty());
    assert_eq!(server.session.poll_timeout(), Some(server.now.after_secs(1)));
    assert_eq!(lose_and_wait(&mut server, 1), [ServerEvent::Ended]);
    assert_eq!(server.session.poll_timeout(), None);
    assert!(!server.attach(), "what has ended is not resumed");
}

#[test]
fn a_client_that_comes_before_the_timer_finds_no_session_either() {
    let mut server = server(Some(10));
    server.session.handle_disconnected(server.now);
    server.now = server.now.after_secs(10);
    assert!(!server.attach());
}

#[test]
fn session_expiry_0_or_none_ends_with_the_connection_and_the_largest_never() {
    for none in [None, Some(0)] {
        assert_eq!(lose_and_wait(&mut server(none), 0), [ServerEvent::Ended]);
    }
    let mut endless = server(Some(u32::MAX));
    assert!(lose_and_wait(&mut endless, u32::MAX).is_empty());
    assert_eq!(endless.session.poll_timeout(), None);
    assert!(endless.attach());
}

#[test]
fn mqtt_3_1_1__4_1_0_1_and_mqtt_3_1_1__4_1_0_2_and_mqtt_5_0__4_1_0_1_no_session_ends_under_its_connection() {
    for version in VERSIONS {
        let mut pair = Pair::connected(version);
        pair.client_takes = false;
        pair.deliver("m", QoS::AtLeastOnce);
        pair.sleep(10_000_000);
        assert_eq!(pair.server_events, []);
        assert_eq!(pair.server.in_flight(), 1);
        pair.server.end(pair.now);
        assert_eq!(pair.server.poll_event(), None, "nor is it ended by the broker then");
    }
}

fn disconnect(reason: ReasonCode, session_expiry: Option<u32>) -> Packet {
    let session_expiry = session_expiry.map(Seconds);
    Packet::Disconnect(Disconnect { reason, session_expiry, ..Disconnect::default() })
}

#[test]
fn a_disconnect_can_change_the_session_expiry_but_not_raise_it_from_0() {
    let mut shorter = server(Some(100));
    shorter.give(&disconnect(ReasonCode::Success, Some(5)));
    assert_eq!(lose_and_wait(&mut shorter, 5), [ServerEvent::Ended]);
    let mut longer = server(Some(5));
    longer.give(&disconnect(ReasonCode::Success, Some(100)));
    assert!(lose_and_wait(&mut longer, 99).is_empty());
    let mut now = server(Some(5));
    now.give(&disconnect(ReasonCode::Success, Some(0)));
    assert_eq!(lose_and_wait(&mut now, 0), [ServerEvent::Ended]);

    let mut raised = server(None);
    assert_eq!(raised.ask(&disconnect(ReasonCode::Success, Some(1))), ["Disconnect 0x82"]);
    let violation = CloseReason::Violation(Violation::SessionExpiryRaised);
    assert_eq!(raised.session.close_reason(), Some(violation));
}

#[test]
fn a_disconnect_that_is_none_leaves_the_will_armed() {
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = None;
    connect.will = Some(will("will"));
    let mut server = ServerAlone::attached(connect, server_config());
    server.give(&disconnect(ReasonCode::Success, Some(1)));
    assert_eq!(words(&lose_and_wait(&mut server, 0)), ["will", "ended"]);
}

#[test]
fn no_client_gets_a_longer_session_than_the_server_allows() {
    let config = ServerConfig { session_expiry_maximum: 60, session_expiry_v3: 90, ..server_config() };
    for version in VERSIONS {
        let mut server = ServerAlone::attached(resuming(version), config);
        if version.is_v5() {
            server.give(&disconnect(ReasonCode::Success, Some(1_000)));
        }
        assert_eq!(lose_and_wait(&mut server, 60), [ServerEvent::Ended], "{version:?}");
    }
    let config = ServerConfig { session_expiry_maximum: 0, ..server_config() };
    let mut server = ServerAlone::attached(resuming(Version::V5), config);
    server.fetch();
    assert!(server.ask(&disconnect(ReasonCode::Success, Some(1))).is_empty(), "CONNECT had asked for more");
    assert_eq!(lose_and_wait(&mut server, 0), [ServerEvent::Ended]);
}

#[test]
fn an_expired_session_frees_what_it_held() {
    let mut server = server(Some(10));
    let kept = message("m");
    let mut scratch = Vec::new();
    let mut outbound = mqtt_session::Outbound::kept(&kept, QoS::AtLeastOnce, false, None, &mut scratch);
    let matched = mqtt_session::Matched { qos: QoS::AtLeastOnce, retain: false, subscription_ids: &[] };
    server.session.deliver(server.now, &mut outbound, &matched, None::<&mut Vec<u8>>);
    drop(outbound);
    assert_eq!(std::sync::Arc::strong_count(&kept), 2);
    lose_and_wait(&mut server, 10);
    assert_eq!(std::sync::Arc::strong_count(&kept), 1);
}

// Messages

#[test]
fn mqtt_5_0__3_3_2_5_and_mqtt_5_0__3_3_2_6_a_message_counts_down_while_it_waits_and_is_dropped_at_its_end() {
    for qos in ACKNOWLEDGED {
        let mut pair = Pair::connected(Version::V5);
        pair.cut();
        pair.deliver_expiring("long", qos, 100);
        pair.deliver_expiring("short", qos, 10);
        pair.deliver("endless", qos);
        pair.sleep(10);
        pair.reconnect();
        assert_eq!(payloads(&pair.at_client), ["long", "endless"]);
        assert_eq!(pair.at_client[0].expiry, Some(90));
        assert_eq!(pair.at_client[1].expiry, None);
        assert_eq!(pair.server.drops().get(DropReason::Expired), 1);
        assert!(pair.is_at_rest());
    }
}

#[test]
fn a_message_forwarded_at_once_keeps_its_interval() {
    for qos in QoS::ALL {
        let mut pair = Pair::connected(Version::V5);
        pair.deliver_expiring("m", qos, 10);
        pair.publish_expiring("m", qos, 10);
        pair.drive();
        assert_eq!(pair.at_client[0].expiry, Some(10));
        assert_eq!(pair.at_server[0].expiry, Some(10));
    }
}

#[test]
fn a_client_is_told_of_messages_that_expired_before_they_could_be_sent() {
    let mut pair = Pair::new(Version::V5);
    let ticket = pair.publish_expiring("m", QoS::AtMostOnce, 10);
    let other = pair.publish_expiring("n", QoS::ExactlyOnce, 10);
    pair.sleep(10);
    pair.reconnect();
    assert!(pair.at_server.is_empty());
    for ticket in [ticket, other] {
        assert!(pair.events.contains(&ClientEvent::Dropped(ticket, PublishError::Expired)));
    }
    assert!(pair.is_at_rest());
}

#[test]
fn mqtt_5_0__4_3_3_7_and_mqtt_5_0__4_3_3_13_a_message_of_qos_2_that_was_sent_does_not_expire() {
    let mut pair = Pair::connected(Version::V5);
    pair.deliver_expiring("m", QoS::ExactlyOnce, 10);
    pair.publish_expiring("n", QoS::ExactlyOnce, 10);
    pair.drop_bytes_after(Side::Client, 5);
    pair.drop_bytes_after(Side::Server, 5);
    pair.drive();
    assert!(!pair.is_connected());
    pair.sleep(20);
    pair.trace.clear();
    pair.reconnect();
    assert_eq!(pair.sent_by(Side::Server)[1..], ["Publish 1 DUP m", "PubRec 1", "PubRel 1", "PubComp 1"]);
    assert_eq!(payloads(&pair.at_client), ["m"]);
    assert_eq!(payloads(&pair.at_server), ["n"]);
    assert!(pair.is_at_rest());
}

#[test]
fn expired_messages_make_room_in_a_full_queue() {
    for version in VERSIONS {
        let queue = QueueLimits { messages: 2, ..QueueLimits::default() };
        let mut pair = Pair::with(version, client_config(), ServerConfig { queue, ..server_config() });
        pair.reconnect();
        pair.cut();
        pair.deliver_expiring("a", QoS::AtLeastOnce, 10);
        pair.deliver_expiring("b", QoS::AtLeastOnce, 100);
        let full = mqtt_session::Delivered::Dropped(DropReason::QueueFull);
        assert_eq!(pair.deliver("c", QoS::AtLeastOnce), full);
        pair.now = pair.now.after_secs(10);
        assert_eq!(pair.deliver("d", QoS::AtLeastOnce), mqtt_session::Delivered::Queued);
        assert_eq!(pair.server.drops().get(DropReason::Expired), 1);
        pair.reconnect();
        assert_eq!(payloads(&pair.at_client), ["b", "d"]);
    }
}

// Wills

/// A server with a client that has a Will, with this delay and session expiry.
fn with_will(payload: &str, delay: u32, session_expiry: u32) -> ServerAlone {
    let mut connect = resuming(Version::V5);
    connect.properties.session_expiry = Some(Seconds(session_expiry));
    connect.will = Some(will(payload));
    connect.will.as_mut().unwrap().delay = Some(Seconds(delay));
    ServerAlone::attached(connect, server_config())
}

#[test]
fn mqtt_3_1_1__3_1_2_8_and_mqtt_3_1_1__3_1_2_10_and_mqtt_5_0__3_1_2_10_a_lost_connection_publishes_the_will_once()
 {
    for version in VERSIONS {
        let mut connect = resuming(version);
        connect.will = Some(will("will"));
        let mut server = ServerAlone::attached(connect, server_config());
        assert_eq!(words(&lose_and_wait(&mut server, 0)), ["will"]);
        server.connect.will = None;
        assert!(server.attach());
        assert!(lose_and_wait(&mut server, 0).is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_12_without_a_will_none_is_published() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        assert!(lose_and_wait(&mut server, 1_000).is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_14_4_3_and_mqtt_5_0__3_14_4_3_a_normal_disconnect_takes_the_will_back() {
    for version in VERSIONS {
        let mut connect = resuming(version);
        connect.will = Some(will("will"));
        let mut server = ServerAlone::attached(connect, server_config());
        server.give(&disconnect(ReasonCode::Success, None));
        assert!(lose_and_wait(&mut server, 1_000).is_empty());
    }
}

#[test]
fn mqtt_5_0__3_1_2_8_a_will_waits_for_its_delay_or_the_end_of_the_session_whichever_is_first() {
    for (delay, expiry, first, second) in
        [(10, 100, vec!["will"], vec![]), (100, 10, vec!["will", "ended"], vec![])]
    {
        let mut server = with_will("will", delay, expiry);
        assert!(lose_and_wait(&mut server, 9).is_empty());
        assert_eq!(words(&lose_and_wait(&mut server, 1)), first);
        assert_eq!(words(&lose_and_wait(&mut server, 1)), Vec::<String>::from_iter(second));
    }
    assert_eq!(words(&lose_and_wait(&mut with_will("will", 100, 0), 0)), ["will", "ended"]);
    assert_eq!(words(&lose_and_wait(&mut with_will("will", u32::MAX, u32::MAX), 0)), [""; 0]);
}

#[test]
fn mqtt_5_0__3_1_3_9_a_client_back_in_time_stops_its_will() {
    let mut server = with_will("old", 10, 100);
    assert!(lose_and_wait(&mut server, 9).is_empty());
    server.connect.will = None;
    assert!(server.attach());
    assert!(lose_and_wait(&mut server, 90).is_empty());
}

#[test]
fn a_clean_start_ends_the_session_and_so_its_delayed_will_is_published() {
    let mut server = with_will("old", 10, 100);
    assert!(lose_and_wait(&mut server, 5).is_empty());
    server.connect.clean_start = true;
    server.connect.will = Some(will("new"));
    assert!(!server.attach());
    assert_eq!(words(&events(&mut server)), ["old"]);
    server.now = server.now.after_secs(50);
    server.session.handle_timeout(server.now);
    assert!(events(&mut server).is_empty(), "the new connection's Will is armed, not sent");
    assert_eq!(words(&lose_and_wait(&mut server, 0)), ["new"]);
}

#[test]
fn a_server_that_ends_the_connection_publishes_the_will() {
    let mut server = with_will("will", 0, 100);
    server.session.disconnect(ReasonCode::AdministrativeAction);
    assert_eq!(words(&lose_and_wait(&mut server, 0)), ["will"]);
}

#[test]
fn the_will_of_a_session_that_the_broker_ends_is_published() {
    let mut server = with_will("will", 100, u32::MAX);
    assert!(lose_and_wait(&mut server, 0).is_empty());
    server.session.end(server.now);
    assert_eq!(words(&events(&mut server)), ["will", "ended"]);
}

#[test]
fn a_will_expires_for_the_receiver_from_its_publication_and_keeps_all_it_said() {
    let mut server = with_will("will", 10, 100);
    let armed = server.connect.will.clone().unwrap();
    let events = lose_and_wait(&mut server, 10);
    assert_eq!(events, [ServerEvent::Will(std::sync::Arc::new(armed))]);
}

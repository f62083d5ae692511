//! Keep alive on both sides.

use mqtt_codec::{ConnAck, Packet, QoS, ReasonCode, Version};
use mqtt_session::{ClientConfig, CloseReason, ServerConfig};

use crate::common::{
    ClientAlone, Pair, ServerAlone, Side, VERSIONS, client_config, message, nonzero, resuming, seconds,
    server_config,
};

fn pair(version: Version, keep_alive: u16) -> Pair {
    let mut pair = Pair::new(version);
    pair.connect.keep_alive = keep_alive;
    pair.reconnect();
    pair.trace.clear();
    pair
}

#[test]
fn mqtt_3_1_1__3_1_2_23_and_mqtt_5_0__3_1_2_20_a_client_with_nothing_to_say_pings_in_each_interval() {
    for version in VERSIONS {
        let mut pair = pair(version, 10);
        pair.sleep(35);
        assert_eq!(pair.sent_by(Side::Client), ["PingReq"; 3]);
        assert_eq!(pair.sent_by(Side::Server), ["PingResp"; 3]);
        assert!(pair.is_connected());
    }
}

#[test]
fn mqtt_5_0__3_1_2_20_what_else_is_sent_puts_the_ping_off() {
    for version in VERSIONS {
        let mut pair = pair(version, 10);
        for _ in 0..10 {
            pair.sleep(9);
            pair.publish("m", QoS::AtMostOnce);
            pair.drive();
        }
        assert!(pair.sent_by(Side::Client).iter().all(|sent| sent != "PingReq"));
        pair.sleep(10);
        assert!(pair.sent_by(Side::Client).iter().any(|sent| sent == "PingReq"));
    }
}

#[test]
fn keep_alive_0_means_no_ping_and_no_limit() {
    for version in VERSIONS {
        let mut pair = pair(version, 0);
        assert_eq!((pair.client.poll_timeout(), pair.server.poll_timeout()), (None, None));
        pair.sleep(1_000_000);
        assert!(pair.is_connected());
        assert!(pair.trace.is_empty());
    }
}

#[test]
fn mqtt_3_1_1__3_1_2_24_and_mqtt_5_0__3_1_2_22_a_silent_client_is_given_up_after_one_and_a_half_intervals() {
    for version in VERSIONS {
        let mut connect = resuming(version);
        connect.keep_alive = 5;
        let mut server = ServerAlone::attached(connect, server_config());
        server.fetch();
        let limit = mqtt_session::Time::from_nanos(server.now.as_nanos() + 7_500_000_000);
        assert_eq!(server.session.poll_timeout(), Some(limit));
        server.session.handle_timeout(server.now.after_secs(7));
        assert_eq!(server.session.close_reason(), None);
        server.session.handle_timeout(limit);
        assert_eq!(server.session.close_reason(), Some(CloseReason::KeepAlive));
        let said = server.fetch_names();
        assert_eq!(said, if version.is_v5() { vec!["Disconnect 0x8D"] } else { vec![] });
    }
}

#[test]
fn every_whole_packet_is_a_sign_of_life_and_half_of_one_is_not() {
    for version in VERSIONS {
        let mut pair = pair(version, 10);
        pair.sleep(9);
        pair.publish(&"x".repeat(1_000), QoS::AtMostOnce);
        pair.to_server.chunk = 500;
        pair.step();
        pair.to_server.chunk = 0;
        pair.client.handle_timeout(seconds(0));
        // the rest does not come: the server counts from the last whole packet
        pair.now = seconds(1_000).after_secs(15);
        pair.server.handle_timeout(pair.now);
        assert_eq!(pair.server.close_reason(), Some(CloseReason::KeepAlive));
    }
}

#[test]
fn mqtt_5_0__3_1_2_21_and_mqtt_5_0__3_2_2_21_and_mqtt_5_0__3_2_2_22_the_servers_keep_alive_overrides_the_clients()
 {
    for (asked, held) in [(0, 20), (60, 20), (10, 10)] {
        let config = ServerConfig { keep_alive_maximum: Some(nonzero(20)), ..server_config() };
        let mut pair = Pair::with(Version::V5, client_config(), config);
        pair.connect.keep_alive = asked;
        pair.reconnect();
        assert_eq!(pair.client.poll_timeout(), Some(pair.now.after_secs(held)));
        let limit = mqtt_session::Time::from_nanos(pair.now.as_nanos() + u64::from(held) * 1_500_000_000);
        assert_eq!(pair.server.poll_timeout(), Some(limit));
    }
}

#[test]
fn the_servers_keep_alive_counts_from_the_last_packet_sent_not_from_connack() {
    let mut client = ClientAlone::opened(resuming(Version::V5), client_config());
    client.fetch();
    let start = client.now;
    client.now = start.after_secs(25);
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.server_keep_alive = Some(30);
    client.give(&Packet::ConnAck(connack));
    assert_eq!(client.session.poll_timeout(), Some(start.after_secs(30)));
}

#[test]
fn in_3_x_the_keep_alive_of_the_client_holds_whatever_the_server_wants() {
    let config = ServerConfig { keep_alive_maximum: Some(nonzero(20)), ..server_config() };
    let mut pair = Pair::with(Version::V3_1_1, client_config(), config);
    pair.connect.keep_alive = 60;
    pair.reconnect();
    assert_eq!(pair.server.poll_timeout(), Some(pair.now.after_secs(90)));
}

#[test]
fn a_server_that_does_not_answer_a_ping_is_given_up_without_a_disconnect() {
    for version in VERSIONS {
        for (ping_timeout, lost_after) in [(None, 20), (Some(3), 13)] {
            let mut connect = resuming(version);
            connect.keep_alive = 10;
            let ping_timeout = ping_timeout.map(std::time::Duration::from_secs);
            let mut client = ClientAlone::opened(connect, ClientConfig { ping_timeout, ..client_config() });
            client.accept(&ConnAck::new(false, ReasonCode::Success));
            let start = client.now;
            client.now = start.after_secs(10);
            assert_eq!(client.fetch_names(), ["PingReq"]);
            client.session.handle_timeout(start.after_secs(lost_after - 1));
            assert_eq!(client.session.close_reason(), None);
            client.session.handle_timeout(start.after_secs(lost_after));
            assert_eq!(client.session.close_reason(), Some(CloseReason::KeepAlive));
            assert!(client.fetch().is_empty(), "0x8D is a server's code");
        }
    }
}

#[test]
fn a_long_ping_timeout_does_not_stop_the_pings() {
    let mut connect = resuming(Version::V5);
    connect.keep_alive = 10;
    let ping_timeout = Some(std::time::Duration::from_secs(100));
    let mut client = ClientAlone::opened(connect, ClientConfig { ping_timeout, ..client_config() });
    client.accept(&ConnAck::new(false, ReasonCode::Success));
    for _ in 0..5 {
        client.now = client.now.after_secs(10);
        assert_eq!(client.session.poll_timeout(), Some(client.now));
        client.session.handle_timeout(client.now);
        assert_eq!(client.fetch_names(), ["PingReq"]);
    }
}

#[test]
fn a_pingresp_behind_other_packets_is_not_missed() {
    let mut connect = resuming(Version::V5);
    connect.keep_alive = 10;
    let mut client = ClientAlone::opened(connect, client_config());
    client.accept(&ConnAck::new(false, ReasonCode::Success));
    client.now = client.now.after_secs(10);
    assert_eq!(client.fetch_names(), ["PingReq"]);
    client.now = client.now.after_secs(9);
    client.give(&crate::delivery::publish("many of these", mqtt_codec::Delivery::AtMostOnce));
    client.now = client.now.after_secs(9);
    client.session.handle_timeout(client.now);
    assert_eq!(client.session.close_reason(), None);
}

#[test]
fn a_ping_overtakes_what_waits_for_a_full_output() {
    for version in VERSIONS {
        let mut pair = pair(version, 10);
        pair.server_takes = false;
        pair.to_server.room = 40;
        for _ in 0..5 {
            pair.client.publish(pair.now, message(&"x".repeat(30)), QoS::AtMostOnce, false, None).unwrap();
        }
        pair.now = pair.now.after_secs(10);
        pair.drive();
        assert_eq!(pair.sent_by(Side::Client)[0], "PingReq");
    }
}

#[test]
fn a_client_that_is_not_read_from_is_not_blamed_for_its_silence() {
    let mut connect = resuming(Version::V5);
    connect.keep_alive = 10;
    let config = ServerConfig { replies: 2, ..server_config() };
    let mut server = ServerAlone::attached(connect, config);
    server.fetch();
    server.give(&Packet::PingReq);
    server.give(&Packet::PingReq);
    assert!(!server.session.wants_read());
    assert_eq!(server.session.poll_timeout(), None);
    server.now = server.now.after_secs(100);
    server.session.handle_timeout(server.now);
    assert_eq!(server.session.close_reason(), None);
    server.fetch();
    assert!(server.session.wants_read());
    assert_eq!(server.session.poll_timeout(), Some(server.now.after_secs(15)));
}

#[test]
fn mqtt_3_1_1__3_12_4_1_and_mqtt_5_0__3_12_4_1_each_pingreq_gets_a_pingresp() {
    for version in VERSIONS {
        let mut server = ServerAlone::new(version);
        for _ in 0..3 {
            server.give(&Packet::PingReq);
        }
        assert_eq!(server.fetch_names(), ["PingResp"; 3]);
    }
}

#[test]
fn a_client_that_was_not_listened_to_was_not_silent() {
    for version in VERSIONS {
        let mut connect = resuming(version);
        connect.keep_alive = 10;
        let mut server = ServerAlone::attached(connect, server_config());
        for _ in 0..10 {
            server.now = server.now.after_secs(14);
            server.session.handle_unheard(server.now);
            server.session.handle_timeout(server.now);
            assert_eq!(server.session.close_reason(), None);
        }
        server.now = server.now.after_secs(15);
        server.session.handle_timeout(server.now);
        assert_eq!(server.session.close_reason(), Some(CloseReason::KeepAlive));
    }
}

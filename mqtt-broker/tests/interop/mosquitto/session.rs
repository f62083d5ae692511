//! Sessions that outlive their connection.

use crate::broker::Broker;

use super::{Message, Subscriber, Version, numbers, publish, publish_lines, subscribe_and_leave};

/// A number of messages beyond the usual in-flight windows.
const COUNT: usize = 100;

#[test]
fn a_persistent_session_gets_what_was_published_while_it_was_away() {
    let broker = Broker::start();
    for version in Version::ALL {
        for qos in [1, 2] {
            let id = format!("away-{}-{qos}", version.argument());
            subscribe_and_leave(&broker, version, &format!("-c -i {id} -t {id} -q {qos}"));
            publish_lines(&broker, version, &format!("-t {id} -q {qos}"), &numbers(COUNT));
            // It does not subscribe to that topic again.
            let mut back = Subscriber::start(&broker, version, &format!("-c -i {id} -t {id}/other -q {qos}"));
            let expected: Vec<Message> =
                numbers(COUNT).iter().map(|text| Message::new(&id, qos, text)).collect();
            assert_eq!(back.rest(), expected, "{version:?}");
            publish(&broker, version, &format!("-t {id} -q {qos}"), b"live");
            assert_eq!(back.message(), Message::new(&id, qos, "live"), "{version:?}");
        }
    }
}

#[test]
fn a_killed_client_finds_its_session_again() {
    let broker = Broker::start();
    for version in Version::ALL {
        let id = format!("killed-{}", version.argument());
        Subscriber::start(&broker, version, &format!("-c -i {id} -t {id} -q 1")).kill();
        publish(&broker, version, &format!("-t {id} -q 2"), b"kept");
        let mut back = Subscriber::start(&broker, version, &format!("-c -i {id} -t {id}/other -q 1"));
        assert_eq!(back.rest(), [Message::new(&id, 1, "kept")], "{version:?}");
    }
}

#[test]
fn a_clean_connection_discards_the_session() {
    let broker = Broker::start();
    for version in Version::ALL {
        let id = format!("clean-{}", version.argument());
        subscribe_and_leave(&broker, version, &format!("-c -i {id} -t {id} -q 1"));
        publish(&broker, version, &format!("-t {id} -q 1"), b"discarded");
        subscribe_and_leave(&broker, version, &format!("-i {id} -t {id}/other"));
        let mut back = Subscriber::start(&broker, version, &format!("-c -i {id} -t {id}/other -q 1"));
        publish(&broker, version, &format!("-t {id} -q 1"), b"no longer subscribed");
        assert_eq!(back.rest(), [], "{version:?}");
    }
}

#[test]
fn the_session_expiry_interval_decides_what_is_kept() {
    let broker = Broker::start();
    for (interval, kept) in [("0", false), ("3600", true), ("4294967295", true)] {
        let id = format!("expiry-{interval}");
        subscribe_and_leave(&broker, Version::V5, &format!("-c -x {interval} -i {id} -t {id} -q 1"));
        publish(&broker, Version::V5, &format!("-t {id} -q 1"), b"offline");
        let mut back = Subscriber::start(&broker, Version::V5, &format!("-c -i {id} -t {id}/other -q 1"));
        let expected = if kept { vec![Message::new(&id, 1, "offline")] } else { Vec::new() };
        assert_eq!(back.rest(), expected, "{interval}");
    }
}

#[test]
fn a_session_may_return_with_another_version() {
    let broker = Broker::start();
    for before in Version::ALL {
        for after in Version::ALL {
            let id = format!("{}-{}", before.argument(), after.argument());
            subscribe_and_leave(&broker, before, &format!("-c -i {id} -t {id} -q 1"));
            publish(&broker, Version::V5, &format!("-t {id} -q 1"), b"offline");
            let mut back = Subscriber::start(&broker, after, &format!("-c -i {id} -t {id}/other -q 1"));
            assert_eq!(back.rest(), [Message::new(&id, 1, "offline")]);
        }
    }
}

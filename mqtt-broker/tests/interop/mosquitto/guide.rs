//! The two tables that introductions to MQTT teach: what is kept while a subscriber is away, and what it gets when it
//! comes back.

use crate::broker::Broker;

use super::{Message, Subscriber, Version, publish, subscribe_and_leave};

/// The guide's "clean": nothing outlives the connection.
fn session(clean: bool, id: &str) -> String {
    if clean { format!("-i {id}") } else { format!("-c -i {id}") }
}

/// The guide counts QoS 1 and 2 as one; here each is tried.
const SURE: [u8; 2] = [1, 2];

struct Row {
    clean: bool,
    published: u8,
    subscribed: u8,
}

impl Row {
    fn name(&self, version: Version) -> String {
        let Self { clean, published, subscribed } = self;
        format!("{}-{}{published}{subscribed}", version.argument(), u8::from(*clean))
    }
}

/// Checks a row of table 1 in every version.
fn away(row: &Row, messages_kept: bool, subscription_remembered: bool) {
    let broker = Broker::start();
    for version in Version::ALL {
        let id = row.name(version);
        let Row { clean, published, subscribed } = *row;
        let session = session(clean, &id);
        subscribe_and_leave(&broker, version, &format!("{session} -t {id} -q {subscribed}"));
        publish(&broker, version, &format!("-t {id} -q {published}"), b"away");
        let mut back =
            Subscriber::start(&broker, version, &format!("{session} -t {id}/other -q {subscribed}"));
        publish(&broker, version, &format!("-t {id} -q {published}"), b"back");

        let qos = published.min(subscribed);
        let expected = [("away", messages_kept), ("back", subscription_remembered)];
        let expected: Vec<Message> =
            expected.iter().filter(|(_, sure)| *sure).map(|(text, _)| Message::new(&id, qos, text)).collect();
        assert_eq!(back.rest(), expected, "{id}");
    }
}

#[test]
fn guide_table_1_clean_keeps_neither_messages_nor_subscription() {
    for published in [0, 1, 2] {
        for subscribed in [0, 1, 2] {
            away(&Row { clean: true, published, subscribed }, false, false);
        }
    }
}

#[test]
fn guide_table_1_qos_0_is_not_kept_but_the_subscription_is() {
    away(&Row { clean: false, published: 0, subscribed: 0 }, false, true);
    for qos in SURE {
        away(&Row { clean: false, published: 0, subscribed: qos }, false, true);
        away(&Row { clean: false, published: qos, subscribed: 0 }, false, true);
    }
}

#[test]
fn guide_table_1_qos_1_and_2_are_kept() {
    for published in SURE {
        for subscribed in SURE {
            away(&Row { clean: false, published, subscribed }, true, true);
        }
    }
}

/// What a row of table 2 promises.
#[derive(Clone, Copy)]
enum Promise {
    Nothing,
    TheLastOne,
    All,
}

/// Checks a row of table 2 in every version: the subscriber subscribes anew when it is back.
fn returning(row: &Row, retain: bool, promise: Promise) {
    const TEXTS: [&str; 3] = ["first", "second", "last"];
    let broker = Broker::start();
    for version in Version::ALL {
        let id = row.name(version);
        let Row { clean, published, subscribed } = *row;
        let arguments = format!("{} -t {id} -q {subscribed}", session(clean, &id));
        subscribe_and_leave(&broker, version, &arguments);
        let flag = if retain { "-r" } else { "" };
        for text in TEXTS {
            publish(&broker, version, &format!("-t {id} -q {published} {flag}"), text.as_bytes());
        }
        let received = Subscriber::start(&broker, version, &arguments).rest();

        let qos = published.min(subscribed);
        // A retained message comes with its flag on subscribing; what was queued for the session comes without.
        let (retained, queued): (Vec<_>, Vec<_>) = received.into_iter().partition(|message| message.retain);
        let all = if matches!(promise, Promise::All) { &TEXTS[..] } else { &[] };
        let queued_expected: Vec<Message> = all.iter().map(|text| Message::new(&id, qos, text)).collect();
        assert_eq!(queued, queued_expected, "{id}");
        let last = matches!(promise, Promise::TheLastOne) || retain;
        let retained_expected = last.then(|| Message::new(&id, qos, "last").retained());
        assert_eq!(retained, Vec::from_iter(retained_expected), "{id}");
    }
}

#[test]
fn guide_table_2_clean_without_retain_gets_nothing() {
    for (published, subscribed) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)] {
        returning(&Row { clean: true, published, subscribed }, false, Promise::Nothing);
    }
}

#[test]
fn guide_table_2_a_kept_session_without_retain_gets_all_only_when_both_qos_are_1_or_2() {
    for (published, subscribed) in [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2)] {
        returning(&Row { clean: false, published, subscribed }, false, Promise::Nothing);
    }
    for (published, subscribed) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        returning(&Row { clean: false, published, subscribed }, false, Promise::All);
    }
}

#[test]
fn guide_table_2_clean_with_retain_gets_the_last_one() {
    for (published, subscribed) in [(0, 0), (0, 1), (1, 0), (1, 1), (2, 2)] {
        returning(&Row { clean: true, published, subscribed }, true, Promise::TheLastOne);
    }
}

#[test]
fn guide_table_2_a_kept_session_with_retain_gets_the_last_one_or_all() {
    for (published, subscribed) in [(0, 0), (1, 0), (2, 0), (0, 1), (0, 2)] {
        returning(&Row { clean: false, published, subscribed }, true, Promise::TheLastOne);
    }
    for (published, subscribed) in [(1, 1), (2, 1), (1, 2), (2, 2)] {
        returning(&Row { clean: false, published, subscribed }, true, Promise::All);
    }
}

//! What clients may not do: publish, subscribe, receive, leave a Will; and rules that change meanwhile.

use std::sync::Arc;

use mqtt_broker::auth::{Attempt, Authenticator, Decision, Identity, Judging, Permissions};
use mqtt_broker::config::Config;
use mqtt_broker::core::Counter;
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};
use mqtt_codec::{Message, QoS, Topic, TopicFilter};

use crate::support::broker::{TestBroker, clean, connack, protocol};
use crate::support::{ALL, V3};

/// Everybody may do what they like below `open` and read `read`; below `own` each client has its own place.
const RULES: &str = r##"
    [[acl.rule]]
    deny = "all"
    topics = ["open/secret"]
    [[acl.rule]]
    allow = "all"
    topics = ["open/#", "own/%c/#"]
    [[acl.rule]]
    allow = ["subscribe"]
    topics = ["read"]
    [[acl.rule]]
    allow = ["publish"]
    topics = ["write"]
    [[acl.rule]]
    allow = "all"
    topics = ["#"]
    clients = ["admin"]
"##;

fn broker(rules: &str) -> TestBroker {
    TestBroker::with(|config| config.acl = rules.parse::<Config>().expect("rules").acl)
}

fn reload(broker: &TestBroker, rules: &str) {
    broker.handle.reload(rules.parse().expect("rules")).expect("a valid configuration");
}

/// Allows everything but what is listed.
fn all_but(topics: &str) -> String {
    format!(
        "[[acl.rule]]\ndeny = \"all\"\ntopics = [{topics}]\n[[acl.rule]]\nallow = \"all\"\ntopics = [\"#\"]\n"
    )
}

#[test]
fn mqtt_5_0__4_3_3_9_a_publish_without_permission_is_refused_with_not_authorized() {
    let broker = broker(RULES);
    let mut reader = broker.client(V5, "admin");
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    let mut client = broker.client(V5, "c");
    client.send("30: <read> [] 'x'");
    client.ask("32: <read> 0001 [] 'x'", "40: 0001 87");
    // the identifier is free again at once
    client.ask("34: <read> 0002 [] 'x'", "50: 0002 87");
    client.ask("34: <own/d/x> 0002 [] 'x'", "50: 0002 87");
    client.ask("32: <open/secret> 0003 [] 'x'", "40: 0003 87");
    assert_eq!(broker.count(Counter::PublishRefused), 5);
    assert_eq!(broker.count(Counter::PublishNotAuthorized), 5);
    client.ask("32: <own/c/x> 0004 [] 'x'", "40: 0004");
    reader.expect("30: <own/c/x> [] 'x'");
    reader.quiet();
}

#[test]
fn mqtt_3_1_1__3_3_5_2_a_publish_without_permission_is_acknowledged_and_dropped() {
    let broker = broker(RULES);
    let mut reader = broker.client(V5, "admin");
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    for version in V3 {
        let mut client = broker.client(version, "c");
        client.send("30: <read> 'x'");
        client.ask("32: <read> 0001 'x'", "40: 0001");
        client.ask("34: <read> 0002 'x'", "50: 0002");
        client.ask("62: 0002", "70: 0002");
        client.disconnect();
    }
    reader.quiet();
    assert_eq!(broker.count(Counter::PublishNotAuthorized), 6);
}

#[test]
fn mqtt_3_1_1__3_3_5_2_a_publish_without_permission_ends_the_connection_where_that_is_set() {
    let broker = broker(&format!("[acl]\nrefused_publish = \"disconnect\"\n{RULES}"));
    for version in V3 {
        for publish in ["30: <read> 'x'", "32: <read> 0001 'x'", "34: <read> 0001 'x'"] {
            let mut client = broker.client(version, "c");
            client.send(publish);
            client.expect_end();
        }
    }
    assert_eq!(broker.count(Counter::DisconnectedNotAuthorized), 6);
    let mut client = broker.client(V5, "c");
    client.ask("32: <read> 0001 [] 'x'", "40: 0001 87");
    client.quiet();
}

#[test]
fn a_retained_publish_takes_a_permission_of_its_own() {
    let broker = broker(RULES);
    let mut client = broker.client(V5, "c");
    client.ask("32: <write> 0001 [] 'x'", "40: 0001 10");
    client.ask("33: <write> 0002 [] 'x'", "40: 0002 87");
    client.ask("33: <own/c> 0003 [] 'x'", "40: 0003 10");
    // removing a retained message is a retained publish as well
    client.ask("33: <write> 0004 []", "40: 0004 87");
}

#[test]
fn mqtt_3_1_1__3_8_4_5_and_mqtt_5_0__3_8_4_6_a_subscription_of_which_nothing_is_allowed_is_refused_alone() {
    let broker = broker(RULES);
    for version in ALL {
        let refused = if version.is_v5() { "87" } else { "80" };
        let mut client = broker.client(version, "c");
        client.ask(
            "82: 0001 ~ <write> 00 <read> 01 <own/d/#> 00 <own/+/x> 02 <open/secret> 00 <$SYS/#> 00",
            &format!("90: 0001 ~ {refused} 01 {refused} 02 {refused} {refused}"),
        );
        client.disconnect();
    }
    assert_eq!(broker.count(Counter::SubscriptionsNotAuthorized), 12);
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <$share/g/write> 00 <$share/g/open/#> 00", "90: 0001 [] 87 00");
}

#[test]
fn a_filter_wider_than_what_is_allowed_gets_what_is_allowed() {
    let broker = broker(RULES);
    let mut admin = broker.client(V5, "admin");
    admin.ask("33: <open/a> 0001 [] 'kept'; 33: <open/secret> 0002 [] 'kept'", "40: 0001 10; 40: 0002 87");
    admin.ask("33: <own/d> 0001 [] 'kept'", "40: 0001 10");
    let mut client = broker.client(V5, "c");
    client.send("82: 0001 [] <#> 00");
    client.expect("90: 0001 [] 00");
    client.expect("31: <open/a> [] 'kept'");
    client.quiet();
    admin.send("30: <own/d/x> [] '1'; 30: <own/c/x> [] '2'; 30: <write> [] '3'; 30: <read> [] '4'");
    client.expect("30: <own/c/x> [] '2'; 30: <read> [] '4'");
    client.quiet();
    assert_eq!(broker.count(Counter::PublishWithheld), 3, "one of them retained");
}

#[test]
fn a_client_identifier_with_wildcards_or_levels_widens_nothing() {
    let broker = broker(RULES);
    for client_id in ["+", "#", "d/x", "+/x"] {
        let mut client = broker.client(V5, client_id);
        client.ask("82: 0001 [] <own/d/#> 00 <own/d/x/y> 00", "90: 0001 [] 87 87");
        client.ask("32: <own/d/x/y> 0001 [] 'x'", "40: 0001 87");
    }
}

#[test]
fn a_member_that_may_not_have_a_message_takes_it_from_nobody() {
    for shards in [1, 3] {
        let broker = TestBroker::with(|config| {
            config.acl = RULES.parse::<Config>().expect("rules").acl;
            config.shards = shards.try_into().expect("not zero");
        });
        let mut members = ["a", "admin", "b", "c"].map(|id| broker.client(V5, id));
        for member in &mut members {
            member.ask("82: 0001 [] <$share/g/#> 00", "90: 0001 [] 00");
        }
        for _ in 0..8 {
            broker.handle.publish(message("write"), QoS::AtMostOnce, false, None).expect("room");
        }
        let [a, admin, b, c] = &mut members;
        for _ in 0..8 {
            admin.expect("30: <write> [] 'x'");
        }
        [a, b, c].into_iter().for_each(|member| member.quiet());
        // nobody may have it
        reload(&broker, &all_but("\"write\""));
        broker.handle.publish(message("write"), QoS::AtMostOnce, false, None).expect("room");
        broker.handle.publish(message("open"), QoS::AtMostOnce, false, None).expect("room");
        let got: usize = members.iter_mut().map(|member| member.messages().len()).sum();
        assert_eq!(got, 1);
    }
}

/// Says of the user `held` that it may have `held` only, and admits everybody.
#[derive(Debug)]
struct Holding;

impl Authenticator for Holding {
    fn name(&self) -> &'static str {
        "holding"
    }

    fn authenticate<'a>(&'a self, attempt: &'a Attempt) -> Judging<'a, Decision> {
        let filter = || TopicFilter::new("held").expect("a filter");
        let user_name = attempt.user_name.clone();
        let permissions = user_name
            .as_deref()
            .is_some_and(|name| name == "held")
            .then(|| Permissions { subscribe: vec![filter()], ..Permissions::default() });
        let identity = Identity { user_name, permissions, ..Identity::default() };
        Box::pin(async { Decision::Admit(identity) })
    }
}

#[test]
fn a_member_whose_evidence_does_not_allow_a_message_takes_it_from_nobody() {
    for shards in [1, 3] {
        let broker = TestBroker::judged(Arc::new(Holding), |config| {
            config.shards = shards.try_into().expect("not zero");
        });
        let mut members = ["held", "free"].map(|name| {
            let mut client = broker.send(V5, &format!("10: {} 82 0000 ~ <{name}> <{name}>", protocol(V5)));
            client.expect(&connack(V5, false));
            client.ask("82: 0001 [] <$share/g/#> 00", "90: 0001 [] 00");
            client
        });
        for _ in 0..8 {
            broker.handle.publish(message("a"), QoS::AtMostOnce, false, None).expect("room");
        }
        (0..8).for_each(|_| members[1].expect("30: <a> [] 'x'"));
        members[0].quiet();
    }
}

#[test]
fn a_member_that_comes_back_under_other_rules_is_judged_by_those() {
    let broker = broker(&all_but("\"a\""));
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <$share/g/#> 00", "90: 0001 [] 00");
    client.ask("A2: 0002 [] <$share/g/#>", "B0: 0002 [] 00");
    reload(&broker, "");
    client.ask("82: 0003 [] <$share/g/#> 00", "90: 0003 [] 00");
    broker.handle.publish(message("a"), QoS::AtMostOnce, false, None).expect("room");
    client.expect("30: <a> [] 'x'");
}

fn message(topic: &str) -> Message {
    Message::new(Topic::new(topic).expect("a topic"), "x")
}

/// CONNECT with the Will `bye` to a topic.
fn with_will(version: Version, topic: &str, flags: u8) -> String {
    format!("10: {} {flags:02X} 0000 ~ <c> ~ <{topic}> <bye>", protocol(version))
}

const WILL: u8 = 0x06;
const RETAINED_WILL: u8 = 0x26;

#[test]
fn mqtt_5_0__3_1_4_2_a_connect_with_a_will_that_may_not_be_published_is_refused() {
    let broker = broker(RULES);
    let mut before = broker.client(V5, "c");
    for (version, answer) in [(V3_1, "20: 00 05"), (V3_1_1, "20: 00 05"), (V5, "20: 00 87 []")] {
        broker.refuses(version, &with_will(version, "read", WILL), answer);
        broker.refuses(version, &with_will(version, "write", RETAINED_WILL), answer);
    }
    // who was refused takes nobody's session
    before.quiet();
    assert_eq!(broker.count(Counter::RefusedNotAuthorized), 6);
    let mut client = broker.send(V5, &with_will(V5, "write", WILL));
    client.expect(&connack(V5, false));
}

#[test]
fn a_will_that_may_no_longer_be_published_is_not() {
    let broker = broker("");
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <#> 00", "90: 0001 [] 00");
    let mut client = broker.send(V5, &with_will(V5, "will", WILL));
    client.expect(&connack(V5, false));
    reload(&broker, "[[acl.rule]]\nallow = [\"subscribe\"]\ntopics = [\"#\"]");
    client.cut();
    reader.quiet();
    assert_eq!(broker.count(Counter::PublishNotAuthorized), 1);
}

#[test]
fn what_waits_for_a_client_is_looked_at_again_when_it_comes_back() {
    let broker = broker("");
    for version in ALL {
        reload(&broker, "");
        let mut client = broker.resume(version, "c", false);
        client.ask("82: 0001 ~ <#> 01", "90: 0001 ~ 01");
        client.cut();
        for topic in ["a", "b", "c"] {
            broker.handle.publish(message(topic), QoS::AtLeastOnce, false, None).expect("room");
        }
        reload(&broker, &all_but("\"b\""));
        let mut client = broker.resume(version, "c", true);
        client.expect("32: <a> 0001 ~ 'x'; 32: <c> 0002 ~ 'x'");
        client.ask("40: 0001; 40: 0002; C0:", "D0:");
        client.disconnect();
        broker.send(version, &clean(version, "c")).expect(&connack(version, false));
    }
    assert_eq!(broker.count(Counter::PublishWithheld), 3);
}

#[test]
fn a_reload_of_the_rules_changes_what_subscriptions_give_and_not_that_they_are_there() {
    let broker = broker("");
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <a> 00 <b/#> 00", "90: 0001 [] 00 00");
    let publish = |topic| broker.handle.publish(message(topic), QoS::AtMostOnce, false, None).expect("room");
    for (rules, topics) in [
        (String::new(), &["a", "b/c", "b/d"][..]),
        (all_but("\"a\", \"b/c\""), &["b/d"]),
        (all_but("\"#\""), &[]),
        (all_but("\"b/#\""), &["a"]),
        (String::new(), &["a", "b/c", "b/d"]),
    ] {
        reload(&broker, &rules);
        ["a", "b/c", "b/d"].into_iter().for_each(publish);
        for topic in topics {
            client.expect(&format!("30: <{topic}> [] 'x'"));
        }
        client.quiet();
    }
}

#[test]
fn rules_that_cannot_be_used_change_nothing() {
    let broker = broker(RULES);
    let mut config = Config::default();
    config.auth.acl_file = Some("/nowhere/acl".into());
    let error = broker.handle.reload(config).expect_err("no file").to_string();
    assert!(error.starts_with("cannot read the rules /nowhere/acl: "), "{error}");
    let mut client = broker.client(V5, "c");
    client.ask("32: <read> 0001 [] 'x'", "40: 0001 87");
}

#[test]
fn the_embedding_program_may_publish_anything() {
    let broker = broker(RULES);
    let mut client = broker.client(V5, "c");
    client.ask("82: 0001 [] <read> 00", "90: 0001 [] 00");
    broker.handle.publish(message("read"), QoS::AtMostOnce, false, None).expect("room");
    client.expect("30: <read> [] 'x'");
}

//! 4.7 Topics as the broker treats them.

use std::time::Duration;

use mqtt_codec::Version::V5;

use crate::support::ALL;
use crate::support::broker::TestBroker;

#[test]
fn mqtt_3_1_1__4_7_2_1_and_mqtt_5_0__4_7_2_1_leading_wildcards_do_not_match_topics_that_begin_with_dollar() {
    let broker = TestBroker::start();
    for version in ALL {
        let mut client = broker.client(version, "c");
        client.ask("82: 0001 ~ <#> 00 <+/b> 00 <+/#> 00 <+> 00", "90: 0001 ~ 00 00 00 00");
        client.send("30: <$a/b> ~ 'x'; 31: <$a> ~ 'x'; 31: <$> ~ 'x'");
        client.quiet();
        client.ask("82: 0001 ~ <#> 00 <+/b> 00 <+> 00", "90: 0001 ~ 00 00 00");
        client.quiet();
        client.ask("82: 0002 ~ <$a/#> 00", "90: 0002 ~ 00; 31: <$a> ~ 'x'");
        client.ask("30: <$a/b> ~ 'y'", "30: <$a/b> ~ 'y'");
        client.ask("82: 0003 ~ <$a/+> 01", "90: 0003 ~ 01");
        client.ask("30: <$a/b> ~ 'z'", "30: <$a/b> ~ 'z'");
        client.disconnect();
    }
}

#[test]
fn mqtt_3_1_1__4_7_3_4_and_mqtt_5_0__4_7_3_4_topics_are_compared_byte_by_byte() {
    let broker = TestBroker::start();
    // composed and decomposed, upper case, trailing space, U+FEFF, a private and an unassigned character
    let topics = [
        "Ä",
        "A\u{308}",
        "ä",
        "a",
        "A",
        "a ",
        " a",
        "\u{FEFF}a",
        "\u{E000}",
        "\u{378}",
        "a/",
        "/a",
        "/",
        "//",
    ];
    for version in ALL {
        let mut publisher = broker.client(version, "publisher");
        for own in topics {
            let mut reader = broker.client(version, "reader");
            reader.ask(&format!("82: 0001 ~ <{own}> 00"), "90: 0001 ~ 00");
            for topic in topics {
                publisher.send(&format!("30: <{topic}> ~ 'x'"));
            }
            publisher.quiet();
            reader.expect(&format!("30: <{own}> ~ 'x'"));
            reader.quiet();
            reader.disconnect();
        }
    }
}

#[test]
fn the_sys_topics_are_the_brokers_own() {
    let broker = TestBroker::with(|config| config.sys_interval = Duration::from_secs(3_600));
    let version = concat!("mqtt-broker ", env!("CARGO_PKG_VERSION"));
    for protocol in ALL {
        let mut client = broker.client(protocol, "c");
        client.ask("82: 0001 ~ <$SYS/broker/version> 00", "90: 0001 ~ 00");
        client.expect(&format!("31: <$SYS/broker/version> ~ '{version}'"));
        // nobody else may write there, nor take them away
        client.send("31: <$SYS/broker/version> ~ 'mine'; 31: <$SYS/broker/version> ~; 31: <$SYS> ~ 'mine'");
        client.quiet();
        client.ask("82: 0002 ~ <$SYS/+/version> 00", "90: 0002 ~ 00");
        client.expect(&format!("31: <$SYS/broker/version> ~ '{version}'"));
        client.ask("82: 0003 ~ <#> 00 <+/broker/version> 00 <$SYS> 00", "90: 0003 ~ 00 00 00");
        client.quiet();
        // a name that only begins like them is free
        client.ask("82: 0004 ~ <$SYSTEM> 00", "90: 0004 ~ 00");
        client.ask("30: <$SYSTEM> ~ 'x'", "30: <$SYSTEM> ~ 'x'");
    }
}

#[test]
fn a_will_to_a_sys_topic_is_not_published() {
    let broker = TestBroker::start();
    let mut reader = broker.client(V5, "reader");
    reader.ask("82: 0001 [] <$SYS/#> 00", "90: 0001 [] 00");
    for (version, connect) in [
        (V5, "10: <MQTT> 05 26 0000 [] <c> [] <$SYS/broker/version> <x>"),
        (mqtt_codec::Version::V3_1_1, "10: <MQTT> 04 26 0000 <c> <$SYS> <x>"),
    ] {
        let mut client = broker.send(version, connect);
        client.expect(&crate::support::broker::connack(version, false));
        client.cut();
    }
    reader.quiet();
    reader.ask("82: 0001 [] <$SYS/#> 00", "90: 0001 [] 00");
    reader.quiet();
    assert_eq!(broker.count(mqtt_broker::core::Counter::PublishRefused), 2);
}

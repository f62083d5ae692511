//! Lists in packets: read from bytes or kept in memory, they are the same.

use mqtt_codec::{PacketRef, QoS, Role, Rules, Subscribe, Subscription, TopicFilter, Version};

/// A SUBSCRIBE of these filters, as bytes.
fn subscribe(filters: &[&str], user_properties: &[(&str, &str)]) -> Vec<u8> {
    let filter = |filter: &&str| {
        let filter = TopicFilter::new(filter).unwrap();
        Subscription::new(filter, QoS::AtLeastOnce)
    };
    let text = |text: &str| text.try_into().unwrap();
    let packet = Subscribe {
        user_properties: user_properties.iter().map(|(name, value)| (text(name), text(value))).collect(),
        ..Subscribe::new(mqtt_codec::PacketId::MIN, filters.iter().map(filter).collect())
    };
    let mut bytes = Vec::new();
    PacketRef::Subscribe(packet.view()).encode(Version::V5, &mut bytes).unwrap();
    bytes
}

fn read(bytes: &[u8]) -> mqtt_codec::SubscribeRef<'_> {
    match PacketRef::decode(bytes, &Rules::new(Version::V5, Role::Server)).unwrap() {
        PacketRef::Subscribe(subscribe) => subscribe,
        other => panic!("{other:?}"),
    }
}

#[test]
fn lists_are_equal_if_their_elements_are_and_a_clone_has_them_all() {
    let (ab, ba, a) = (subscribe(&["a", "b"], &[]), subscribe(&["b", "a"], &[]), subscribe(&["a"], &[]));
    let (ab, ba, a) = (read(&ab), read(&ba), read(&a));
    #[expect(clippy::clone_on_copy, reason = "the clone is what is looked at")]
    let again = ab.filters.clone();
    assert_eq!(again, ab.filters);
    assert_eq!(again.to_vec().len(), 2);
    assert_ne!(ab.filters, ba.filters);
    assert_ne!(ab.filters, a.filters);
    let owned = ab.filters.to_vec();
    assert_eq!(mqtt_codec::List::new(&owned), ab.filters);
}

#[test]
fn a_list_is_empty_if_it_has_no_element_whatever_else_is_among_its_bytes() {
    let mut packet = Subscribe::new(
        mqtt_codec::PacketId::MIN,
        vec![Subscription::new(TopicFilter::new("a").unwrap(), QoS::AtMostOnce)],
    );
    packet.subscription_id = mqtt_codec::SubscriptionId::new(1);
    let mut bytes = Vec::new();
    PacketRef::Subscribe(packet.view()).encode(Version::V5, &mut bytes).unwrap();
    let alone = read(&bytes);
    assert!(alone.user_properties.is_empty() && alone.user_properties.to_vec().is_empty());
    let with = subscribe(&["a"], &[("k", "v")]);
    assert!(!read(&with).user_properties.is_empty());
}

#[test]
fn a_text_is_found_by_what_it_says() {
    let text: mqtt_codec::Text = "key".try_into().unwrap();
    assert_eq!(text.as_str(), "key");
    let map = std::collections::BTreeMap::from([(text, 1)]);
    assert_eq!((map.get("key"), map.get("other")), (Some(&1), None));
    assert!(mqtt_codec::Text::try_from("\0").is_err());
}

/// CONNECT of 5.0 with a Will of this topic, payload and properties, and Connect Flags.
fn connect(flags: u8, properties: &[u8], topic: u8, payload: u8) -> Vec<u8> {
    let mut body = b"\x00\x04MQTT\x05".to_vec();
    body.extend([flags, 0, 0, 0, 0, 1, b'c', properties.len() as u8]);
    body.extend(properties);
    body.extend([0, 1, topic, 0, 1, payload]);
    let mut bytes = vec![0x10, body.len() as u8];
    bytes.extend(body);
    bytes
}

#[test]
fn wills_are_equal_if_all_of_them_is() {
    // Will Flag, and with it Will QoS 1 or Will Retain; an expiry, a delay
    let (plain, qos, retain) = (0b0000_0110, 0b0000_1110, 0b0010_0110);
    let (expiry, delay): (&[u8], &[u8]) = (&[2, 0, 0, 0, 9], &[0x18, 0, 0, 0, 9]);
    let all = [
        connect(plain, &[], b't', b'p'),
        connect(plain, &[], b'u', b'p'),
        connect(plain, &[], b't', b'q'),
        connect(qos, &[], b't', b'p'),
        connect(retain, &[], b't', b'p'),
        connect(plain, expiry, b't', b'p'),
        connect(plain, delay, b't', b'p'),
    ];
    let rules = Rules::new(Version::V5, Role::Server);
    let will = |bytes| match PacketRef::decode(bytes, &rules).unwrap() {
        PacketRef::Connect(connect) => connect.will.unwrap(),
        other => panic!("{other:?}"),
    };
    for (index, one) in all.iter().enumerate() {
        for (other_index, other) in all.iter().enumerate() {
            assert_eq!(will(one) == will(other), index == other_index, "{index} {other_index}");
        }
        assert!(will(one) == will(one).to_will().view());
    }
}

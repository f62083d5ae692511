//! The codec: bytes to views, bytes to owned packets, packets to bytes.

use std::hint::black_box;
use std::num::NonZeroU16;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{
    Ack, Connect, Delivery, Message, MessageProperties, Packet, PacketId, PacketRef, PayloadFormat, Publish,
    QoS, Role, Rules, Seconds, Subscribe, Subscription, SubscriptionOptions, Text, Topic, TopicFilter,
    Version,
};

/// The packets that are measured, each with its name and version.
fn packets() -> Vec<(String, Version, Packet)> {
    let mut packets = Vec::new();
    for (version, name) in [(Version::V3_1_1, "3.1.1"), (Version::V5, "5.0")] {
        for (delivery, qos) in [
            (Delivery::AtMostOnce, "qos0"),
            (Delivery::AtLeastOnce { id: PacketId::MIN, dup: false }, "qos1"),
        ] {
            for (size, bytes) in [(64, "64B"), (1024, "1KiB")] {
                let packet = Packet::Publish(publish(delivery, size, None));
                packets.push((format!("publish_{qos}_{bytes}/{name}"), version, packet));
            }
        }
        packets.push((format!("puback/{name}"), version, Packet::PubAck(Ack::new(PacketId::MIN))));
        let mut connect = Connect::new(version, text("client-0123456789"));
        connect.user_name = Some(text("user"));
        connect.password = Some(Bytes::from_static(b"password"));
        packets.push((format!("connect/{name}"), version, Packet::Connect(connect)));
        packets.push((format!("subscribe_x10/{name}"), version, Packet::Subscribe(subscribe())));
    }
    let with_properties =
        Publish { expiry: Some(Seconds(60)), ..publish(Delivery::AtMostOnce, 64, properties()) };
    packets.push(("publish_qos0_64B_5_properties/5.0".into(), Version::V5, Packet::Publish(with_properties)));
    packets
}

fn text(value: &str) -> Text {
    Text::new(value).expect("a good text")
}

fn publish(delivery: Delivery, size: usize, properties: Option<Box<MessageProperties>>) -> Publish {
    let topic = Topic::new("building/7/floor/3/temperature").expect("a good topic");
    let message = Message { properties, ..Message::new(topic, vec![b'x'; size]) };
    let (alias, subscription_ids) = (None::<NonZeroU16>, Vec::new());
    Publish { message: message.into(), delivery, retain: false, expiry: None, alias, subscription_ids }
}

/// Four properties of the message; with the expiry of the hop they are five.
fn properties() -> Option<Box<MessageProperties>> {
    Some(Box::new(MessageProperties {
        payload_format: Some(PayloadFormat::Utf8),
        content_type: Some(text("application/json")),
        response_topic: Topic::new("answers/42").ok(),
        correlation_data: None,
        user_properties: vec![(text("key"), text("value"))],
    }))
}

fn subscribe() -> Subscribe {
    let filters = (0..10).map(|index| Subscription {
        filter: TopicFilter::new(&format!("building/{index}/+/temperature/#")).expect("a good filter"),
        options: SubscriptionOptions::new(QoS::AtLeastOnce),
    });
    Subscribe {
        id: PacketId::MIN,
        subscription_id: None,
        user_properties: Vec::new(),
        filters: filters.collect(),
    }
}

fn codec(criterion: &mut Criterion) {
    for (name, version, packet) in packets() {
        let mut encoded = BytesMut::new();
        packet.encode(version, &mut encoded).expect("a valid packet");
        let frame = encoded.freeze();
        let rules = Rules::new(version, Role::Server);
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Bytes(frame.len() as u64));
        group.bench_function("decode_view", |bencher| {
            bencher.iter(|| {
                black_box(&PacketRef::decode(black_box(&frame), black_box(&rules)));
            });
        });
        group.bench_function("decode_owned", |bencher| {
            bencher.iter(|| {
                let view = PacketRef::decode(black_box(&frame), black_box(&rules)).expect("a valid packet");
                view.to_packet_in(&frame)
            });
        });
        let mut sink = BytesMut::with_capacity(1 << 16);
        group.bench_function("encode", |bencher| {
            bencher.iter(|| {
                sink.clear();
                black_box(&packet).encode(black_box(version), &mut sink)
            });
        });
        group.finish();
    }
}

criterion_group!(benches, codec);
criterion_main!(benches);

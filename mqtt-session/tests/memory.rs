//! What a session holds on the heap: nothing that it does not need.

use std::sync::Arc;

use allocation_counter::measure;
use mqtt_codec::{
    Connect, Decoder, Message, PacketRef, QoS, ReasonCode, Seconds, Subscription, Text, Topic, TopicFilter,
    Version,
};
use mqtt_session::{
    CleanStart, ClientConfig, ClientSession, Delivered, Matched, Outbound, Received, ServerConfig,
    ServerSession, Time,
};

const NOW: Time = Time::ZERO;

/// Bytes that `make` leaves on the heap.
fn heap<T>(make: impl FnOnce() -> T) -> u64 {
    let mut made = None;
    let info = measure(|| made = Some(make()));
    drop(made);
    u64::try_from(info.bytes_current).expect("nothing that was there before is freed")
}

fn connect() -> Connect {
    let mut connect = Connect::new(Version::V5, Text::new("client").unwrap());
    connect.clean_start = false;
    connect.properties.session_expiry = Some(Seconds(3_600));
    connect
}

/// Two connected sessions and what reads their bytes.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    at_client: Decoder,
    at_server: Decoder,
}

impl Pair {
    fn new() -> Self {
        let config = ClientConfig { clean_start: CleanStart::Never, ..ClientConfig::default() };
        let mut pair = Self {
            client: ClientSession::new(Version::V5, config),
            server: ServerSession::new(&ServerConfig::default()),
            at_client: Decoder::client(Version::V5, u32::MAX),
            at_server: Decoder::server(u32::MAX),
        };
        pair.client.handle_connected(NOW, connect());
        pair.drive();
        pair
    }

    /// A hundred messages at once in both directions, carried to their end.
    fn burst(&mut self, qos: QoS) {
        let message = Arc::new(Message::new(Topic::new("t").unwrap(), "payload"));
        let mut scratch = Vec::new();
        for _ in 0..100 {
            self.client.publish(NOW, Arc::clone(&message), qos, false, None).unwrap();
            let mut outbound = Outbound::kept(&message, qos, false, None, &mut scratch);
            let matched = Matched { qos, retain: false, subscription_ids: &[] };
            self.server.deliver(NOW, &mut outbound, &matched, None::<&mut Vec<u8>>);
        }
        self.drive();
        let (client, server) = (&self.client, &self.server);
        assert_eq!(client.queued() + client.in_flight() + server.queued() + server.in_flight(), 0);
    }

    fn drive(&mut self) {
        loop {
            let (mut up, mut down) = (Vec::new(), Vec::new());
            self.client.poll_transmit(NOW, &mut up);
            self.server.poll_transmit(NOW, &mut down);
            if up.is_empty() && down.is_empty() {
                return;
            }
            self.read_at_server(&up);
            self.read_at_client(&down);
            while self.client.poll_event().is_some() {}
        }
    }

    fn read_at_server(&mut self, mut bytes: &[u8]) {
        while let Some((packet, len)) = self.at_server.decode_next(bytes).unwrap() {
            if let PacketRef::Connect(connect) = packet {
                self.server.attach(NOW, &connect, None, &ServerConfig::default());
            } else {
                match self.server.handle_packet(NOW, &packet) {
                    Some(Received::Message { receipt: Some(receipt), .. }) => {
                        self.server.acknowledge(receipt, ReasonCode::Success, None);
                    }
                    Some(Received::Subscribe(subscribe)) => {
                        self.server.answer_subscribe(subscribe.id, vec![ReasonCode::Success], None);
                    }
                    _ => {}
                }
            }
            bytes = &bytes[len..];
        }
    }

    fn read_at_client(&mut self, mut bytes: &[u8]) {
        while let Some((packet, len)) = self.at_client.decode_next(bytes).unwrap() {
            if let Some(Received::Message { receipt: Some(receipt), .. }) =
                self.client.handle_packet(NOW, &packet)
            {
                self.client.acknowledge(receipt, ReasonCode::Success);
            }
            bytes = &bytes[len..];
        }
    }
}

/// The server of a pair that has seen bursts of `qos`.
fn server_after_bursts(qos: QoS) -> ServerSession {
    let mut pair = Pair::new();
    for _ in 0..5 {
        pair.burst(qos);
    }
    pair.server
}

#[test]
fn a_session_without_connection_holds_nothing_on_the_heap() {
    assert_eq!(heap(|| ServerSession::new(&ServerConfig::default())), 0);
    for qos in QoS::ALL {
        let after = heap(|| {
            let mut server = server_after_bursts(qos);
            server.handle_disconnected(NOW);
            server
        });
        assert_eq!(after, 0, "{qos:?}");
    }
}

#[test]
fn a_connection_at_rest_gives_back_what_a_burst_took() {
    let fresh = heap(|| Pair::new().server);
    assert!(fresh < 512, "{fresh}");
    for qos in QoS::ALL {
        let after = heap(|| server_after_bursts(qos));
        assert!(after < fresh + 2_048, "{qos:?}: {after}, {fresh} before");
    }
}

#[test]
fn a_connected_session_with_one_subscription_at_rest_takes_at_most_400_bytes() {
    let heap = heap(|| {
        let mut pair = Pair::new();
        let filters =
            vec![Subscription::new(TopicFilter::new("site/+/temperature").unwrap(), QoS::AtLeastOnce)];
        pair.client.subscribe(filters, None).unwrap();
        pair.drive();
        pair.server
    });
    let bytes = size_of::<ServerSession>() as u64 + heap;
    println!("{bytes} bytes, {heap} of them on the heap");
    assert!(bytes <= 400, "{bytes}");
}

#[test]
fn messages_of_qos_0_need_nothing_that_those_of_qos_1_and_2_need() {
    let quiet = heap(|| Pair::new().server);
    let after = heap(|| {
        let mut pair = Pair::new();
        let message = Arc::new(Message::new(Topic::new("t").unwrap(), "payload"));
        for _ in 0..10 {
            pair.client.publish(NOW, Arc::clone(&message), QoS::AtMostOnce, false, None).unwrap();
            let (mut scratch, mut down) = (Vec::new(), Vec::new());
            let mut outbound = Outbound::kept(&message, QoS::AtMostOnce, false, None, &mut scratch);
            let matched = Matched { qos: QoS::AtMostOnce, retain: false, subscription_ids: &[] };
            let delivered = pair.server.deliver(NOW, &mut outbound, &matched, Some(&mut down));
            assert_eq!(delivered, Delivered::Written);
            pair.read_at_client(&down);
            pair.drive();
        }
        pair.server
    });
    assert_eq!(after, quiet);
}

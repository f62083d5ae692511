//! Sessions: what a message costs from a client's command to the server's answer, in bytes through the codec; and
//! what a session weighs.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{Connect, Decoder, Message, PacketRef, QoS, ReasonCode, Seconds, Text, Topic, Version};
use mqtt_session::{
    ClientConfig, ClientSession, Matched, Outbound, Received, ServerConfig, ServerSession, Time,
};

const NOW: Time = Time::ZERO;
/// Messages that are sent before anything is read.
const BATCH: usize = 16;

/// A client and a server, connected, with buffers that are used again.
struct Pair {
    client: ClientSession,
    server: ServerSession,
    config: ServerConfig,
    at_client: Decoder,
    at_server: Decoder,
    up: Vec<u8>,
    down: Vec<u8>,
    scratch: Vec<u8>,
    message: Arc<Message>,
    received: usize,
}

impl Pair {
    fn new(version: Version) -> Self {
        let config = ServerConfig::default();
        let mut pair = Self {
            client: ClientSession::new(version, ClientConfig::default()),
            server: ServerSession::new(&config),
            config,
            at_client: Decoder::client(version, u32::MAX),
            at_server: Decoder::server(u32::MAX),
            up: Vec::new(),
            down: Vec::new(),
            scratch: Vec::new(),
            message: Arc::new(Message::new(Topic::new("site/7/temperature").expect("a topic"), vec![0; 64])),
            received: 0,
        };
        pair.client.handle_connected(NOW, Connect::new(version, Text::new("client").expect("a text")));
        pair.drive();
        pair
    }

    /// Carries bytes until both sides are silent.
    fn drive(&mut self) {
        loop {
            self.client.poll_transmit(NOW, &mut self.up);
            self.server.poll_transmit(NOW, &mut self.down);
            if self.up.is_empty() && self.down.is_empty() {
                break;
            }
            self.read_at_server();
            self.read_at_client();
        }
        while self.client.poll_event().is_some() {}
    }

    fn read_at_server(&mut self) {
        let mut rest = &self.up[..];
        while let Some((packet, len)) = self.at_server.decode_next(rest).expect("packets of a client") {
            if let PacketRef::Connect(connect) = packet {
                self.server.attach(NOW, &connect, None, &self.config);
            } else if let Some(Received::Message { receipt, .. }) = self.server.handle_packet(NOW, &packet) {
                self.received += 1;
                if let Some(receipt) = receipt {
                    self.server.acknowledge(receipt, ReasonCode::Success, None);
                }
            }
            rest = &rest[len..];
        }
        self.up.clear();
    }

    fn read_at_client(&mut self) {
        let mut rest = &self.down[..];
        while let Some((packet, len)) = self.at_client.decode_next(rest).expect("packets of a server") {
            if let Some(Received::Message { receipt, .. }) = self.client.handle_packet(NOW, &packet) {
                self.received += 1;
                if let Some(receipt) = receipt {
                    self.client.acknowledge(receipt, ReasonCode::Success);
                }
            }
            rest = &rest[len..];
        }
        self.down.clear();
    }

    /// A batch from client to server, with all answers.
    fn publish(&mut self, qos: QoS) {
        for _ in 0..BATCH {
            self.client.publish(NOW, Arc::clone(&self.message), qos, false, None).expect("room");
        }
        self.finish();
    }

    /// A batch from server to client, with all answers.
    fn deliver(&mut self, qos: QoS) {
        let matched = Matched { qos, retain: false, subscription_ids: &[] };
        for _ in 0..BATCH {
            let mut outbound = Outbound::kept(&self.message, qos, false, None, &mut self.scratch);
            self.server.deliver(NOW, &mut outbound, &matched, Some(&mut self.down));
        }
        self.finish();
    }

    fn finish(&mut self) {
        let before = self.received;
        self.drive();
        assert_eq!(self.received - before, BATCH);
    }
}

fn messages(criterion: &mut Criterion) {
    weigh();
    count_allocations();
    let mut group = criterion.benchmark_group("session");
    group.throughput(Throughput::Elements(BATCH as u64));
    for version in [Version::V3_1_1, Version::V5] {
        for qos in QoS::ALL {
            let name = format!("{version:?} QoS {}", qos as u8);
            let mut pair = Pair::new(version);
            group.bench_function(BenchmarkId::new("publish", &name), |bencher| {
                bencher.iter(|| pair.publish(qos));
            });
            let mut pair = Pair::new(version);
            group.bench_function(BenchmarkId::new("deliver", &name), |bencher| {
                bencher.iter(|| pair.deliver(qos));
            });
        }
    }
    group.finish();
}

/// Prints what a message allocates from one command to the last acknowledgement, on both sides together.
fn count_allocations() {
    for qos in QoS::ALL {
        let mut pair = Pair::new(Version::V5);
        pair.publish(qos);
        let published = allocation_counter::measure(|| pair.publish(qos)).count_total;
        pair.deliver(qos);
        let delivered = allocation_counter::measure(|| pair.deliver(qos)).count_total;
        let each = |count: u64| count as f64 / BATCH as f64;
        println!(
            "QoS {}: {:.2} allocations a message published, {:.2} delivered",
            qos as u8,
            each(published),
            each(delivered)
        );
    }
}

/// Prints the sizes that a broker multiplies by its clients.
fn weigh() {
    let config = ServerConfig::default();
    let mut connect = Connect::new(Version::V5, Text::new("client").expect("a text"));
    connect.properties.session_expiry = Some(Seconds(3_600));
    let mut session = None;
    let connected = allocation_counter::measure(|| {
        let mut server = ServerSession::new(&config);
        server.attach(NOW, &connect.view(), None, &config);
        server.poll_transmit(NOW, &mut Vec::new());
        session = Some(server);
    });
    let away = allocation_counter::measure(|| {
        if let Some(server) = &mut session {
            server.handle_disconnected(NOW);
        }
    });
    println!("ServerSession: {} bytes", size_of::<ServerSession>());
    println!("  heap, connected and idle: {} bytes", connected.bytes_current);
    println!("  heap, without connection: {} bytes", connected.bytes_current + away.bytes_current);
    println!("ClientSession: {} bytes", size_of::<ClientSession>());
}

criterion_group!(benches, messages);
criterion_main!(benches);

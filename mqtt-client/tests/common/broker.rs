//! A small broker on the server's session: enough for clients to talk to each other.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use mqtt_client::{ConnectionError, Dial};
use mqtt_codec::{
    ConnectRef, Decoder, Message, PacketRef, PublishRef, QoS, ReasonCode, SubscribeRef, Subscription,
    SubscriptionId, Topic, UnsubscribeRef,
};
use mqtt_session::{Matched, Outbound, Received, ServerConfig, ServerEvent, ServerSession, Time};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::Notify;
use tokio::time::Instant;

/// The broker; clones are the same one.
#[derive(Clone)]
pub(crate) struct Broker {
    hub: Arc<Mutex<Hub>>,
    config: ServerConfig,
    start: Instant,
}

#[derive(Default)]
struct Hub {
    sessions: BTreeMap<String, Session>,
    retained: BTreeMap<Topic, (Arc<Message>, QoS)>,
    connections: u64,
    away: bool,
}

struct Session {
    session: ServerSession,
    subscriptions: Vec<(Subscription, Option<SubscriptionId>)>,
    wake: Arc<Notify>,
    connection: u64,
}

/// Dials a broker over pipes that hold `size` bytes.
pub(crate) struct Pipes {
    broker: Broker,
    size: usize,
}

impl Dial for Pipes {
    type Stream = DuplexStream;

    async fn dial(&mut self, _: Instant) -> Result<DuplexStream, ConnectionError> {
        if self.broker.hub.lock().unwrap().away {
            return Err(ConnectionError::Transport(std::io::ErrorKind::ConnectionRefused.into()));
        }
        let (near, far) = tokio::io::duplex(self.size);
        let broker = self.broker.clone();
        tokio::spawn(async move { broker.serve(far).await });
        Ok(near)
    }
}

impl Broker {
    pub(crate) fn new(config: ServerConfig) -> Self {
        Self { hub: Arc::default(), config, start: Instant::now() }
    }

    pub(crate) fn pipes(&self, size: usize) -> Pipes {
        Pipes { broker: self.clone(), size }
    }

    /// Ends a client's connection without a word.
    pub(crate) fn cut(&self, client_id: &str) {
        let mut hub = self.hub.lock().unwrap();
        let session = hub.sessions.get_mut(client_id).unwrap();
        session.connection = 0;
        session.wake.notify_one();
    }

    /// Whether connections are refused.
    pub(crate) fn set_away(&self, away: bool) {
        self.hub.lock().unwrap().away = away;
    }

    /// Filters of a client's subscriptions.
    pub(crate) fn filters(&self, client_id: &str) -> Vec<String> {
        let hub = self.hub.lock().unwrap();
        let Some(session) = hub.sessions.get(client_id) else { return Vec::new() };
        session.subscriptions.iter().map(|(subscription, _)| subscription.filter.to_string()).collect()
    }

    /// Forgets a client's session, as a server that was started anew.
    pub(crate) fn forget(&self, client_id: &str) {
        self.cut(client_id);
        self.hub.lock().unwrap().sessions.remove(client_id);
    }

    fn now(&self) -> Time {
        Time::ZERO.after(self.start.elapsed())
    }

    async fn serve(self, mut stream: DuplexStream) {
        let mut decoder = Decoder::server(self.config.maximum_packet_size);
        decoder.set_topic_alias_maximum(self.config.topic_alias_maximum);
        let mut input = BytesMut::new();
        let mut own: Option<(String, u64, Arc<Notify>)> = None;
        loop {
            let mut output = Vec::new();
            if let Some((client_id, connection, _)) = &own {
                match self.transmit(client_id, *connection, &mut output) {
                    Step::Open => {}
                    Step::Over => break,
                }
            }
            if stream.write_all(&output).await.is_err() {
                break;
            }
            let woken = own.as_ref().map(|(_, _, wake)| Arc::clone(wake));
            let read = tokio::select! {
                read = stream.read_buf(&mut input) => read,
                () = async { match woken { Some(wake) => wake.notified().await, None => std::future::pending().await } } => continue,
            };
            if !matches!(read, Ok(count) if count > 0) {
                break;
            }
            loop {
                let (packet, len) = match decoder.decode_next(&input) {
                    Ok(Some(decoded)) => decoded,
                    Ok(None) => break,
                    Err(error) => panic!("the client wrote nonsense: {error}"),
                };
                match (&own, &packet) {
                    (None, PacketRef::Connect(connect)) => own = Some(self.attach(connect)),
                    (None, _) => return,
                    (Some((client_id, connection, _)), packet) => self.handle(client_id, *connection, packet),
                }
                let _ = input.split_to(len);
            }
        }
        if let Some((client_id, connection, _)) = own {
            self.detach(&client_id, connection);
        }
    }

    fn attach(&self, connect: &ConnectRef<'_>) -> (String, u64, Arc<Notify>) {
        let mut hub = self.hub.lock().unwrap();
        hub.connections += 1;
        let connection = hub.connections;
        let session = hub.sessions.entry(connect.client_id.to_owned()).or_insert_with(|| Session {
            session: ServerSession::new(&self.config),
            subscriptions: Vec::new(),
            wake: Arc::default(),
            connection: 0,
        });
        session.wake.notify_one();
        session.wake = Arc::default();
        session.connection = connection;
        if !session.session.attach(self.now(), connect, None, &self.config).session_present {
            session.subscriptions.clear();
        }
        (connect.client_id.to_owned(), connection, Arc::clone(&session.wake))
    }

    fn transmit(&self, client_id: &str, connection: u64, output: &mut Vec<u8>) -> Step {
        let mut hub = self.hub.lock().unwrap();
        match hub.sessions.get_mut(client_id) {
            Some(session) if session.connection == connection => {
                session.session.poll_transmit(self.now(), output);
                if session.session.close_reason().is_some() { Step::Over } else { Step::Open }
            }
            _ => Step::Over,
        }
    }

    fn handle(&self, client_id: &str, connection: u64, packet: &PacketRef<'_>) {
        let mut hub = self.hub.lock().unwrap();
        let now = self.now();
        let Some(session) =
            hub.sessions.get_mut(client_id).filter(|session| session.connection == connection)
        else {
            return;
        };
        match session.session.handle_packet(now, packet) {
            Some(Received::Message { publish, receipt }) => {
                hub.publish(now, client_id, &publish);
                if let (Some(receipt), Some(session)) = (receipt, hub.sessions.get_mut(client_id)) {
                    session.session.acknowledge(receipt, ReasonCode::Success, None);
                }
            }
            Some(Received::Subscribe(subscribe)) => hub.subscribe(now, client_id, &subscribe),
            Some(Received::Unsubscribe(unsubscribe)) => unsubscribe_from(session, &unsubscribe),
            Some(Received::Authentication(_) | Received::Disconnect(_)) | None => {}
        }
    }

    fn detach(&self, client_id: &str, connection: u64) {
        let mut hub = self.hub.lock().unwrap();
        let now = self.now();
        let Some(session) = hub.sessions.get_mut(client_id) else { return };
        if session.connection != connection && session.connection != 0 {
            return;
        }
        session.session.handle_disconnected(now);
        let mut wills = Vec::new();
        while let Some(event) = session.session.poll_event() {
            match event {
                ServerEvent::Will(will) => wills.push(will),
                ServerEvent::Ended => session.subscriptions.clear(),
                _ => {}
            }
        }
        for will in wills {
            let publish = PublishRef {
                message: will.message.view(),
                delivery: mqtt_codec::Delivery::AtMostOnce,
                retain: will.retain,
                expiry: None,
                alias: None,
                subscription_ids: mqtt_codec::List::EMPTY,
            };
            hub.publish(now, client_id, &publish);
        }
    }
}

enum Step {
    Open,
    Over,
}

impl Hub {
    fn publish(&mut self, now: Time, from: &str, publish: &PublishRef<'_>) {
        let topic = publish.message.topic;
        if publish.retain && publish.message.payload.is_empty() {
            self.retained.remove(&topic.to_topic());
        } else if publish.retain {
            let kept = (Arc::new(publish.message.to_message()), publish.delivery.qos());
            self.retained.insert(topic.to_topic(), kept);
        }
        let mut scratch = Vec::new();
        let mut outbound = Outbound::new(publish, None, &mut scratch);
        for (client_id, session) in &mut self.sessions {
            let matching: Vec<_> = session
                .subscriptions
                .iter()
                .filter(|(subscription, _)| {
                    subscription.filter.view().matches(topic)
                        && !(subscription.options.no_local && client_id == from)
                })
                .collect();
            let Some(qos) = matching.iter().map(|(subscription, _)| subscription.options.qos).max() else {
                continue;
            };
            let ids: Vec<_> = matching.iter().filter_map(|(_, id)| *id).collect();
            let matched = Matched { qos, retain: false, subscription_ids: &ids };
            session.session.deliver(now, &mut outbound, &matched, None::<&mut Vec<u8>>);
            session.wake.notify_one();
        }
    }

    fn subscribe(&mut self, now: Time, client_id: &str, subscribe: &SubscribeRef<'_>) {
        let Some(session) = self.sessions.get_mut(client_id) else { return };
        let mut reasons = Vec::new();
        for subscription in subscribe.filters.to_vec() {
            if subscription.filter.as_str().starts_with("forbidden") {
                reasons.push(ReasonCode::UnspecifiedError);
                continue;
            }
            reasons.push(ReasonCode::granted(subscription.options.qos));
            session.subscriptions.retain(|(other, _)| other.filter != subscription.filter);
            for (topic, (message, qos)) in &self.retained {
                if subscription.filter.view().matches(topic.view()) {
                    let mut scratch = Vec::new();
                    let ids: Vec<_> = subscribe.subscription_id.into_iter().collect();
                    let mut outbound = Outbound::kept(message, *qos, true, None, &mut scratch);
                    let matched =
                        Matched { qos: subscription.options.qos, retain: true, subscription_ids: &ids };
                    session.session.deliver(now, &mut outbound, &matched, None::<&mut Vec<u8>>);
                }
            }
            session.subscriptions.push((subscription, subscribe.subscription_id));
        }
        session.session.answer_subscribe(subscribe.id, reasons, None);
    }
}

fn unsubscribe_from(session: &mut Session, unsubscribe: &UnsubscribeRef<'_>) {
    let mut reasons = Vec::new();
    for filter in unsubscribe.filters {
        session.subscriptions.retain(|(subscription, _)| subscription.filter.view() != filter);
        reasons.push(ReasonCode::Success);
    }
    session.session.answer_unsubscribe(unsubscribe.id, reasons, None);
}

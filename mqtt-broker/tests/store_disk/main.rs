//! The store in files: what it gives back is what an image of the same operations has.
#![cfg(feature = "disk")]

mod damage;

use std::fs;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use mqtt_broker::config::{Durability, StoreSettings};
use mqtt_broker::core::router::{Granted, SessionKey};
use mqtt_broker::store::{
    DiskSettings, DiskStore, Image, Kept, Op, OpenError, Owed, Position, Request, Restored, SessionNumber,
    Store, StoredClient, StoredUser, WallTime,
};
use mqtt_codec::{
    Message, MessageProperties, PacketId, QoS, Seconds, SubscriptionId, Text, Topic, TopicFilter, Will,
};
use mqtt_session::{StoreOp, Ticket};

/// A directory of its own, gone with the test.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("store-{name}"));
        let _ = fs::remove_dir_all(&path);
        Self(path)
    }

    fn settings(&self) -> DiskSettings {
        DiskSettings::new(&self.0, StoreSettings::default())
    }

    fn open(&self) -> (DiskStore, Restored) {
        let (store, restored, damage) = DiskStore::open(self.settings()).expect("it opens");
        assert_eq!(damage, mqtt_broker::store::Damage::default());
        (store, restored)
    }

    fn file(&self) -> PathBuf {
        self.0.join("messages.redb")
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Appends, and waits until it is safe.
fn store_all(store: &DiskStore, mut ops: Vec<Op>) -> Position {
    let (sender, receiver) = mpsc::channel();
    store.set_wake(0, Arc::new(move || sender.send(()).unwrap_or_default()));
    let position = store.append(0, &mut ops);
    while store.stored() < position {
        receiver.recv_timeout(Duration::from_secs(60)).expect("it is stored");
    }
    position
}

fn number(number: u64) -> SessionNumber {
    SessionNumber(NonZeroU64::new(number).unwrap())
}

fn text(text: &str) -> Text {
    Text::new(text).unwrap()
}

fn message(topic: &str, payload: String) -> Arc<Message> {
    Arc::new(Message::new(Topic::new(topic).unwrap(), payload))
}

fn kept(topic: &str, payload: String) -> Kept {
    let message = message(topic, payload);
    Kept { message, qos: QoS::AtLeastOnce, published: WallTime(5), expires: None }
}

fn owed(session: u64) -> Owed {
    Owed { session: number(session), qos: QoS::ExactlyOnce, retain: false, subscription_ids: [].into() }
}

fn client(id: &str) -> StoredClient {
    StoredClient { client_id: text(id), user: None }
}

fn attached(session: u64, will: Option<Will>) -> [Op; 2] {
    let op = StoreOp::Attached { session_present: false, expiry: 3_600, will: will.map(Arc::new) };
    [
        Op::Client { session: number(session), client: client(&format!("c{session}")) },
        Op::Effect { session: number(session), op, at: WallTime(1) },
    ]
}

/// Numbers that a seed decides.
struct Rng(u64);

impl Rng {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

/// What some operations may come after.
#[derive(Default)]
struct World {
    sessions: Vec<u64>,
    last_session: u64,
    last_ticket: u64,
}

impl World {
    fn next(&mut self, rng: &mut Rng) -> Vec<Op> {
        let topics = ["a", "b/c", "d"];
        if self.sessions.is_empty() || rng.below(12) == 0 {
            self.last_session += 1;
            self.sessions.push(self.last_session);
            return attached(self.last_session, None).into();
        }
        let session = self.sessions[rng.below(self.sessions.len() as u64) as usize];
        let id = PacketId::new(1 + rng.below(3) as u16).unwrap();
        let ticket = Ticket(1 + rng.below(self.last_ticket + 1));
        let effect = |op| vec![Op::Effect { session: number(session), op, at: WallTime(session * 10) }];
        let filter = TopicFilter::new(["a/#", "+", "$share/g/b"][rng.below(3) as usize]).unwrap();
        match rng.below(14) {
            0..=4 => {
                // those of several shards may come in another order
                self.last_ticket += 1;
                let ticket = Ticket(if rng.below(5) == 0 { self.last_ticket + 1 } else { self.last_ticket });
                self.last_ticket = self.last_ticket.max(ticket.0);
                let count = 1 + rng.below(3);
                let mut to: Vec<u64> = (0..count).map(|_| 1 + rng.below(self.last_session)).collect();
                to.sort_unstable();
                to.dedup();
                let owed = to.into_iter().map(owed).collect();
                let topic = topics[rng.below(3) as usize];
                vec![Op::Message { ticket, kept: kept(topic, ticket.0.to_string()), owed }]
            }
            5 | 6 => effect(StoreOp::Finished(ticket)),
            7 => effect(StoreOp::Received(id)),
            8 => effect(StoreOp::Released(id)),
            9 => vec![Op::Subscribed {
                session: number(session),
                filter,
                granted: Granted {
                    qos: QoS::AtLeastOnce,
                    no_local: rng.below(2) == 0,
                    retain_as_published: false,
                    subscription_id: SubscriptionId::new(rng.below(2) as u32),
                },
            }],
            10 => vec![Op::Unsubscribed { session: number(session), filter }],
            11 => {
                let kept = kept(topics[rng.below(3) as usize], rng.below(100).to_string());
                let gone = Op::RetainedGone(kept.message.topic.clone());
                vec![if rng.below(3) == 0 { gone } else { Op::Retained(kept) }]
            }
            12 => effect(StoreOp::Detached { expiry: 60, will: false }),
            _ if rng.below(3) == 0 => {
                self.sessions.retain(|other| *other != session);
                effect(StoreOp::Ended)
            }
            _ => Vec::new(),
        }
    }
}

#[test]
fn what_is_opened_again_is_what_an_image_has() {
    let directory = Directory::new("image");
    for seed in 0..12 {
        let _ = fs::remove_dir_all(&directory.0);
        let (mut rng, mut world, mut image) = (Rng(seed), World::default(), Image::default());
        for _ in 0..4 {
            let (store, _) = directory.open();
            for _ in 0..rng.below(12) {
                let ops: Vec<Op> = (0..rng.below(20)).flat_map(|_| world.next(&mut rng)).collect();
                ops.iter().cloned().for_each(|op| image.apply(op));
                store_all(&store, ops);
            }
            drop(store);
            let (store, mut restored) = directory.open();
            let mut expected = image.restored(restored.alive);
            // messages that nobody was owed were never written
            expected.last_ticket = expected.last_ticket.max(restored.last_ticket);
            restored.last_ticket = expected.last_ticket;
            assert_eq!(restored, expected, "seed {seed}");
            for session in &restored.sessions {
                let tickets: Vec<Ticket> = session.waiting.iter().map(|waiting| waiting.ticket).collect();
                let key = SessionKey { shard: 0, generation: 0, slot: 0 };
                let (sender, receiver) = mpsc::channel();
                store.set_wake(0, Arc::new(move || sender.send(()).unwrap_or_default()));
                store.fetch(0, Request { key, session: session.number, tickets });
                receiver.recv_timeout(Duration::from_secs(60)).expect("an answer");
                for (ticket, message) in store.poll_fetched(0).expect("messages").messages {
                    assert_eq!(message, image.delivery(session.number, ticket));
                }
            }
        }
    }
}

#[test]
fn everything_that_a_session_and_a_message_can_have_comes_back() {
    let directory = Directory::new("everything");
    let properties = MessageProperties {
        content_type: Some(text("text/plain")),
        response_topic: Some(Topic::new("answers").unwrap()),
        correlation_data: Some(vec![0, 1, 2].into()),
        user_properties: vec![(text("a"), text("b")), (text("a"), text("c"))],
        ..MessageProperties::default()
    };
    let topic = Topic::new("t").unwrap();
    let rich =
        Arc::new(Message { topic, payload: vec![7; 70_000].into(), properties: Some(properties.into()) });
    let kept = Kept {
        message: Arc::clone(&rich),
        qos: QoS::ExactlyOnce,
        published: WallTime(7),
        expires: Some(WallTime(70_000)),
    };
    let will = Will {
        message: rich,
        qos: QoS::AtLeastOnce,
        retain: true,
        expiry: Some(Seconds(3)),
        delay: Some(Seconds(4)),
    };
    let user = Some(Box::new(StoredUser { name: Some(text("ann")), groups: vec![text("g"), text("h")] }));
    let stored = StoredClient { client_id: text("c1"), user };
    let id = PacketId::new(9).unwrap();
    let owed = Owed {
        subscription_ids: [SubscriptionId::new(1).unwrap(), SubscriptionId::new(268_435_455).unwrap()].into(),
        retain: true,
        ..owed(1)
    };
    let mut ops: Vec<Op> = attached(1, Some(will)).into();
    ops.push(Op::Client { session: number(1), client: stored });
    ops.push(Op::Message { ticket: Ticket(1), kept: kept.clone(), owed: [owed.clone()].into() });
    ops.push(Op::Message { ticket: Ticket(2), kept: kept.clone(), owed: [owed].into() });
    ops.push(Op::Retained(kept));
    for op in [
        StoreOp::Received(id),
        StoreOp::Sent { id, message: Ticket(1) },
        StoreOp::Sent { id: PacketId::new(10).unwrap(), message: Ticket(3) },
        StoreOp::Taken(PacketId::new(10).unwrap()),
    ] {
        ops.push(Op::Effect { session: number(1), op, at: WallTime(2) });
    }
    let mut image = Image::default();
    ops.iter().cloned().for_each(|op| image.apply(op));
    let (store, _) = directory.open();
    store_all(&store, ops);
    drop(store);
    let (_store, restored) = directory.open();
    assert_eq!(restored, image.restored(restored.alive));
    assert_eq!((restored.sessions[0].in_flight.len(), restored.sessions[0].waiting.len()), (1, 1));
}

#[test]
fn what_comes_and_goes_before_its_commit_is_never_written() {
    let directory = Directory::new("never");
    let (store, _) = directory.open();
    store_all(&store, attached(1, None).into());
    let before = fs::metadata(directory.file()).unwrap().len();
    for round in 0..50 {
        let mut ops = Vec::new();
        for ticket in round * 100 + 1..=round * 100 + 100 {
            let kept = kept("t", "x".repeat(10_000));
            ops.push(Op::Message { ticket: Ticket(ticket), kept, owed: [owed(1)].into() });
            let op = StoreOp::Finished(Ticket(ticket));
            ops.push(Op::Effect { session: number(1), op, at: WallTime(1) });
        }
        store_all(&store, ops);
    }
    let grown = fs::metadata(directory.file()).unwrap().len() - before;
    assert!(grown < 5_000_000, "50 MB went through, and the file has grown by {grown}");
}

#[test]
fn a_directory_in_use_is_refused_and_one_that_cannot_be_is_named() {
    let directory = Directory::new("in-use");
    let (store, _) = directory.open();
    let second = DiskStore::open(directory.settings());
    assert!(matches!(second, Err(OpenError::InUse { .. })), "{second:?}");
    drop(store);
    drop(directory.open());
    let file = directory.0.join("file");
    fs::write(&file, "").unwrap();
    let beneath = DiskStore::open(DiskSettings::new(file.join("data"), StoreSettings::default()));
    let message = beneath.expect_err("a file is no directory").to_string();
    assert!(message.contains("--data") && message.contains("file"), "{message}");
}

#[test]
fn either_durability_keeps_what_was_stored_when_nobody_closes_it() {
    for durability in [Durability::Fsync, Durability::Os] {
        let directory = Directory::new(&format!("{durability:?}"));
        let mut settings = directory.settings();
        settings.store.durability = durability;
        let (store, ..) = DiskStore::open(settings.clone()).expect("it opens");
        store_all(&store, attached(1, None).into());
        // what the process would leave behind if it were killed now
        let left = fs::read(directory.file()).unwrap();
        drop(store);
        fs::write(directory.file(), left).unwrap();
        fs::remove_file(directory.0.join("closed")).unwrap();
        let (_, restored, damage) = DiskStore::open(settings).expect("it opens");
        assert_eq!((restored.sessions.len(), damage.values, damage.set_aside), (1, 0, None));
    }
}

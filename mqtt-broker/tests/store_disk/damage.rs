//! Files that are not as they were left: nothing comes that nobody sent, and what is intact comes.

use std::fs;

use mqtt_broker::store::{DiskStore, Image, Op};
use mqtt_session::{StoreOp, Ticket};
use redb::{Database, TableDefinition};

use super::{Directory, Rng, WallTime, attached, kept, number, owed, store_all};

#[test]
fn a_file_that_is_no_store_is_set_aside_and_the_broker_begins_anew() {
    let directory = Directory::new("set-aside");
    fs::create_dir_all(&directory.0).unwrap();
    fs::write(directory.file(), vec![0x5A; 100_000]).unwrap();
    let (store, restored, damage) = DiskStore::open(directory.settings()).expect("it opens");
    assert_eq!(restored.sessions.len(), 0);
    let aside = damage.set_aside.expect("said to be set aside");
    assert_eq!(fs::read(aside).unwrap(), vec![0x5A; 100_000]);
    store_all(&store, attached(1, None).into());
    drop(store);
    assert_eq!(directory.open().1.sessions.len(), 1);
}

/// `FLIPS` says how often a byte is flipped.
fn flips() -> u64 {
    std::env::var("FLIPS").ok().and_then(|flips| flips.parse().ok()).unwrap_or(60)
}

#[test]
fn flipped_bytes_never_bring_a_message_that_nobody_sent() {
    let directory = Directory::new("flipped");
    let (store, _) = directory.open();
    let mut ops: Vec<Op> = attached(1, None).into();
    for ticket in 1..=200 {
        let kept = kept("t", format!("payload {ticket} {}", "x".repeat(300)));
        ops.push(Op::Message { ticket: Ticket(ticket), kept, owed: [owed(1)].into() });
    }
    let mut image = Image::default();
    ops.iter().cloned().for_each(|op| image.apply(op));
    store_all(&store, ops);
    drop(store);
    let intact = fs::read(directory.file()).unwrap();
    let mut rng = Rng(1);
    let (mut same, mut counted, mut aside) = (0, 0, 0);
    // most of what is in a file that is set aside is salvaged
    let (mut salvaged, mut messages) = (0, 0);
    for round in 0..flips() {
        let _ = fs::remove_dir_all(&directory.0);
        fs::create_dir_all(&directory.0).unwrap();
        // half of them after a stop that seems to have been clean, where the engine does not look
        if round % 2 == 0 {
            fs::write(directory.0.join("closed"), "").unwrap();
        }
        let mut damaged = intact.clone();
        let place = rng.below(damaged.len() as u64) as usize;
        damaged[place] ^= 1 << rng.below(8);
        fs::write(directory.file(), &damaged).unwrap();
        let (_store, restored, damage) = DiskStore::open(directory.settings()).expect("it opens");
        let whole = image.restored(restored.alive);
        for session in &restored.sessions {
            let known = &whole.sessions[0].waiting;
            assert!(session.waiting.iter().all(|waiting| known.contains(waiting)), "byte {place}");
        }
        match (restored == whole, damage.values, damage.set_aside) {
            (true, 0, None) => same += 1,
            (false, 1.., None) => counted += 1,
            (_, _, Some(_)) => {
                aside += 1;
                salvaged += u64::from(damage.salvaged > 0);
                messages += restored.sessions.iter().map(|session| session.waiting.len()).sum::<usize>();
            }
            (is_same, values, None) => panic!("byte {place}: the same {is_same}, {values} counted"),
        }
    }
    println!(
        "{same} flips without effect, {counted} counted, {aside} files set aside, of which {salvaged} gave something back: \
         {messages} messages of {}",
        aside * 200
    );
    assert!(same > 0 && counted > 0 && aside > 0, "{same} {counted} {aside}");
    assert!(messages > aside * 200 / 2, "{messages} messages of {aside} files, {salvaged} not empty");
}

const SESSIONS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("sessions");
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

#[test]
fn numbers_are_not_given_again_when_those_who_had_them_are_lost() {
    let directory = Directory::new("numbers");
    let (store, _) = directory.open();
    let mut ops: Vec<Op> = [attached(1, None), attached(5, None)].concat();
    for (ticket, session) in [(40, 5), (50, 1)] {
        let kept = kept("t", "payload".to_owned());
        ops.push(Op::Message { ticket: Ticket(ticket), kept, owed: [owed(session)].into() });
    }
    store_all(&store, ops);
    let op = StoreOp::Finished(Ticket(50));
    store_all(&store, vec![Op::Effect { session: number(1), op, at: WallTime(1) }]);
    drop(store);
    // what a damaged file may be left with
    let database = Database::open(directory.file()).expect("a store");
    let transaction = database.begin_write().expect("a transaction");
    transaction.open_table(SESSIONS).expect("sessions").remove(5).expect("removed");
    let mut meta = transaction.open_table(META).expect("numbers");
    for name in ["last ticket", "last session"] {
        assert!(meta.remove(name).expect("removed").is_some(), "{name}");
    }
    drop(meta);
    transaction.commit().expect("written");
    drop(database);
    let (_, restored) = directory.open();
    assert_eq!((restored.last_session, restored.last_ticket), (5, Ticket(50)));
}

#[test]
fn a_start_that_ends_between_two_names_of_a_salvaged_file_is_made_up_for() {
    let directory = Directory::new("between");
    let (store, _) = directory.open();
    store_all(&store, attached(1, None).into());
    drop(store);
    fs::rename(directory.file(), directory.0.join("messages.redb.salvaged")).expect("renamed");
    assert_eq!(directory.open().1.sessions.len(), 1);
    assert!(directory.file().exists());
}

#[test]
fn a_file_whose_tables_are_said_to_be_of_another_kind_is_set_aside() {
    let directory = Directory::new("another-kind");
    let (store, _) = directory.open();
    let ops = vec![Op::Message {
        ticket: Ticket(1),
        kept: kept("t", "payload".to_owned()),
        owed: [owed(1)].into(),
    }];
    store_all(&store, [attached(1, None).to_vec(), ops].concat());
    drop(store);
    let database = Database::open(directory.file()).expect("a store");
    let transaction = database.begin_write().expect("a transaction");
    transaction.delete_table(SESSIONS).expect("deleted");
    transaction.open_table(TableDefinition::<&str, u64>::new("sessions")).expect("of another kind");
    transaction.commit().expect("written");
    drop(database);
    let (_store, restored, damage) = DiskStore::open(directory.settings()).expect("it opens");
    assert!(restored.sessions.is_empty() && damage.set_aside.is_some() && damage.salvaged > 0);
}

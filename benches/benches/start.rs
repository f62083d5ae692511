//! How a broker starts on a store that has much: when it accepts a client, and how much memory it has then.
//!
//! ```text
//! cargo bench -p mqtt-benches --bench start -- 1000000 10000   # messages, and sessions that are owed them
//! ```
//!
//! Each broker is a process of its own. The last start finds what a broker left that was not stopped: the whole file is checked then.

use std::env;
use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mqtt_broker::Broker;
use mqtt_broker::config::{Config, StoreSettings};
use mqtt_broker::store::{
    DiskSettings, DiskStore, Kept, Op, Owed, SessionNumber, Store, StoredClient, WallTime,
};
use mqtt_codec::{Message, QoS, Text, Topic};
use mqtt_session::{StoreOp, Ticket};

/// The argument of the process that is the broker.
const SERVE: &str = "serve";
/// CONNECT of MQTT 3.1.1, clean, no keep alive, client identifier "x".
const CONNECT: &[u8] = b"\x10\x0D\x00\x04MQTT\x04\x02\x00\x00\x00\x01x";
/// Operations that are appended at once.
const AT_ONCE: u64 = 5_000;
const PAYLOAD: usize = 64;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if let [serve, directory, end] = &arguments[..]
        && serve == SERVE
    {
        return self::serve(Path::new(directory), end == "stop");
    }
    // as a test it only has to work
    let few =
        if env::args().any(|argument| argument == "--bench") { (1_000_000, 10_000) } else { (1_000, 10) };
    let number =
        |index: usize, default| arguments.get(index).and_then(|text| text.parse().ok()).unwrap_or(default);
    measure(number(0, few.0), number(1, few.1))
}

fn measure(messages: u64, sessions: u64) -> io::Result<()> {
    let place = env::temp_dir().join(format!("mqtt-start-{}", std::process::id()));
    let result = measure_at(&place, messages, sessions);
    fs::remove_dir_all(&place)?;
    result
}

fn measure_at(place: &Path, messages: u64, sessions: u64) -> io::Result<()> {
    let [empty, idle, full] = ["empty", "idle", "full"].map(|name| place.join(name));
    fill(&empty, 0, 0)?;
    fill(&idle, 0, sessions)?;
    let start = Instant::now();
    let size = fill(&full, messages, sessions)?;
    println!(
        "{messages} messages of {PAYLOAD} bytes over {sessions} sessions: {} MiB, stored in {:.1} s",
        size >> 20,
        start.elapsed().as_secs_f64()
    );
    let (_, without) = started(&empty, "stop")?;
    let (_, with_sessions) = started(&idle, "stop")?;
    let (clean, with_messages) = started(&full, "die")?;
    let (unclean, _) = started(&full, "stop")?;
    let each = |more: u64, less: u64, count: u64| more.saturating_sub(less) / count.max(1);
    println!(
        "start after a clean stop: {:.2} s; after one that was not: {:.2} s",
        clean.as_secs_f64(),
        unclean.as_secs_f64()
    );
    println!(
        "resident bytes for each session: {}; for each message besides: {}",
        each(with_sessions, without, sessions),
        each(with_messages, with_sessions, messages)
    );
    Ok(())
}

/// A store with sessions, which are owed messages in turn; the bytes of its file.
fn fill(directory: &Path, messages: u64, sessions: u64) -> io::Result<u64> {
    let (store, ..) =
        DiskStore::open(DiskSettings::new(directory, StoreSettings::default())).map_err(io::Error::other)?;
    let (sender, receiver) = mpsc::channel();
    store.set_wake(0, Arc::new(move || sender.send(()).unwrap_or_default()));
    let number = |index: u64| SessionNumber(NonZeroU64::MIN.saturating_add(index));
    let mut ops = (0..sessions).flat_map(|session| attached(number(session), session)).collect::<Vec<_>>();
    let mut next = 1;
    loop {
        let position = store.append(0, &mut ops);
        while store.stored() < position {
            receiver.recv().map_err(io::Error::other)?;
        }
        let last = messages.min(next + AT_ONCE - 1);
        if next > last {
            break;
        }
        ops.extend((next..=last).map(|ticket| message(ticket, number(ticket % sessions.max(1)))));
        next = last + 1;
    }
    drop(store);
    Ok(fs::metadata(directory.join("messages.redb"))?.len())
}

fn attached(session: SessionNumber, index: u64) -> [Op; 3] {
    let client_id = Text::new(&format!("client-{index}")).unwrap_or_default();
    let client = StoredClient { client_id, user: None };
    let at = WallTime(now());
    let attached = StoreOp::Attached { session_present: false, expiry: u32::MAX, will: None };
    [
        Op::Client { session, client },
        Op::Effect { session, op: attached, at },
        Op::Effect { session, op: StoreOp::Detached { expiry: u32::MAX, will: false }, at },
    ]
}

fn message(ticket: u64, session: SessionNumber) -> Op {
    let topic = Topic::new(&format!("sensors/{}/temperature", ticket % 1_000));
    let message = Message::new(topic.unwrap_or_else(|_| unreachable!("a topic")), vec![b'x'; PAYLOAD]);
    let kept =
        Kept { message: Arc::new(message), qos: QoS::AtLeastOnce, published: WallTime(now()), expires: None };
    let owed = Owed { session, qos: QoS::AtLeastOnce, retain: false, subscription_ids: [].into() };
    Op::Message { ticket: Ticket(ticket), kept, owed: [owed].into() }
}

fn now() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as u64
}

/// Starts a broker; how long it took until a client was accepted, and its resident memory then.
fn started(directory: &Path, end: &str) -> io::Result<(Duration, u64)> {
    let output = Command::new(env::current_exe()?).arg(SERVE).arg(directory).arg(end).output()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut numbers = text.split_whitespace().map(|number| number.parse::<u64>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(micros), Some(bytes)) => Ok((Duration::from_micros(micros), bytes)),
        _ => Err(io::Error::other(format!(
            "the broker did not start: {}",
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

/// The broker: it accepts one client, says how long that took and how much memory it has, and stops or dies.
fn serve(directory: &Path, stop: bool) -> io::Result<()> {
    let start = Instant::now();
    let mut config = Config::default();
    config.store.directory = Some(PathBuf::from(directory));
    config.listeners.push("tcp://127.0.0.1:0".parse().map_err(io::Error::other)?);
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let broker = runtime.block_on(Broker::builder().config(config).start()).map_err(io::Error::other)?;
    let address: SocketAddr = *broker.addresses().first().ok_or_else(|| io::Error::other("no address"))?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(CONNECT)?;
    stream.read_exact(&mut [0; 4])?;
    println!("{} {}", start.elapsed().as_micros(), resident()?);
    if !stop {
        exit(0);
    }
    runtime.block_on(broker.shutdown());
    Ok(())
}

fn resident() -> io::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kibibytes.map(|kibibytes| kibibytes * 1_024).ok_or_else(|| io::Error::other("no resident memory"))
}

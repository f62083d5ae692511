//! `mosquitto_pub` and `mosquitto_sub` as the two ends of a test.

mod delivery;
mod guide;
mod permission;
mod properties;
mod retained;
mod session;
mod subscriptions;
mod will;

use std::collections::VecDeque;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::broker::Broker;
use crate::program::{Finished, Program, locate};

/// Package of both programs.
const PACKAGE: &str = "mosquitto-clients";

/// Every QoS, as the standard numbers them.
const EVERY_QOS: [u8; 3] = [0, 1, 2];

/// How `mosquitto_sub` prints a message; the payload in hexadecimal digits, so that a message is a line.
const FORMAT: &str = "message|%t|%q|%r|%x|%C|%P|%R|%D|%E|%F|%S";

/// Gives every subscriber a topic of its own for the message that comes last.
static SUBSCRIBERS: AtomicUsize = AtomicUsize::new(0);

/// The version of the protocol that a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    V3_1,
    V3_1_1,
    V5,
}

impl Version {
    const ALL: [Self; 3] = [Self::V3_1, Self::V3_1_1, Self::V5];

    fn argument(self) -> &'static str {
        match self {
            Self::V3_1 => "mqttv31",
            Self::V3_1_1 => "mqttv311",
            Self::V5 => "mqttv5",
        }
    }
}

/// A message as a subscriber received it; what the version does not know stays empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Message {
    topic: String,
    qos: u8,
    retain: bool,
    payload: Vec<u8>,
    content_type: String,
    /// `name:value`, separated by spaces.
    user_properties: String,
    response_topic: String,
    correlation_data: String,
    expiry: Option<u32>,
    payload_format: String,
    subscription_ids: String,
}

impl Message {
    fn new(topic: &str, qos: u8, payload: impl AsRef<[u8]>) -> Self {
        Self { topic: topic.to_owned(), qos, payload: payload.as_ref().to_vec(), ..Self::default() }
    }

    fn retained(self) -> Self {
        Self { retain: true, ..self }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.payload).into_owned()
    }

    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('|').collect();
        let ["message", topic, qos, retain, payload, rest @ ..] = fields.as_slice() else { return None };
        let [content_type, user, response, correlation, expiry, format, ids] = rest else { return None };
        Some(Self {
            topic: (*topic).to_owned(),
            qos: qos.parse().ok()?,
            retain: *retain == "1",
            payload: bytes_of(payload)?,
            content_type: (*content_type).to_owned(),
            user_properties: (*user).to_owned(),
            response_topic: (*response).to_owned(),
            correlation_data: (*correlation).to_owned(),
            expiry: expiry.parse().ok(),
            payload_format: (*format).to_owned(),
            subscription_ids: (*ids).to_owned(),
        })
    }
}

/// A running `mosquitto_sub` whose subscriptions are acknowledged.
struct Subscriber<'a> {
    broker: &'a Broker,
    program: Program,
    last: String,
    waiting: VecDeque<Message>,
    granted: Vec<u8>,
}

impl<'a> Subscriber<'a> {
    /// Connects and subscribes as `arguments` of `mosquitto_sub` say, and to the topic that [`Self::rest`] needs.
    fn start(broker: &'a Broker, version: Version, arguments: &str) -> Self {
        let last = format!("the/last/message/{}", SUBSCRIBERS.fetch_add(1, Ordering::Relaxed));
        let mut command = client("mosquitto_sub", broker, version, arguments);
        command.args(["-d", "-F", FORMAT, "-t", &last]);
        let program = Program::start(command, b"");
        let mut subscriber = Self { broker, program, last, waiting: VecDeque::new(), granted: Vec::new() };
        let line = subscriber.line_with("Subscribed (mid");
        let (_, codes) = line.rsplit_once(": ").expect("the line lists the granted QoS");
        subscriber.granted = codes.split(", ").map(|code| code.parse().expect("a reason code")).collect();
        // That of the topic added here.
        subscriber.granted.pop();
        subscriber
    }

    /// The next message.
    fn message(&mut self) -> Message {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return message;
            }
            self.take_line();
        }
    }

    /// The next message if there is one within `patience`.
    fn message_within(&mut self, patience: Duration) -> Option<Message> {
        if self.waiting.is_empty() {
            let line = self.program.line_within(patience)?;
            self.waiting.extend(Message::parse(&line));
        }
        self.waiting.pop_front()
    }

    /// All messages that the broker has for this subscriber now: those that come before one published last.
    fn rest(&mut self) -> Vec<Message> {
        publish(self.broker, Version::V3_1_1, &format!("-t {} -q 2", self.last), b"last");
        let mut messages = Vec::new();
        loop {
            let message = self.message();
            if message.topic == self.last {
                return messages;
            }
            messages.push(message);
        }
    }

    /// Waits for a line of the client's own report that contains `part`.
    fn line_with(&mut self, part: &str) -> String {
        loop {
            let line = self.take_line();
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Kills the client: its connection ends without DISCONNECT.
    fn kill(mut self) {
        self.program.kill();
    }

    fn take_line(&mut self) -> String {
        let Some(line) = self.program.line() else { self.program.fail("ended") };
        self.waiting.extend(Message::parse(&line));
        line
    }
}

/// Subscribes as `arguments` say and leaves with DISCONNECT once the subscriptions are acknowledged.
fn subscribe_and_leave(broker: &Broker, version: Version, arguments: &str) {
    let command = client("mosquitto_sub", broker, version, &format!("{arguments} -E"));
    succeed(Program::start(command, b"").finish());
}

/// Publishes one message as `arguments` of `mosquitto_pub` say.
fn publish(broker: &Broker, version: Version, arguments: &str, payload: &[u8]) {
    let source = if payload.is_empty() { "-n" } else { "-s" };
    let command = client("mosquitto_pub", broker, version, &format!("{arguments} {source}"));
    succeed(Program::start(command, payload).finish());
}

/// Publishes each line as a message of its own, over one connection.
fn publish_lines(broker: &Broker, version: Version, arguments: &str, lines: &[String]) {
    let command = client("mosquitto_pub", broker, version, &format!("{arguments} -l"));
    succeed(Program::start(command, format!("{}\n", lines.join("\n")).as_bytes()).finish());
}

/// The texts `0`, `1`, ... of `count` messages.
fn numbers(count: usize) -> Vec<String> {
    (0..count).map(|number| number.to_string()).collect()
}

fn client(program: &str, broker: &Broker, version: Version, arguments: &str) -> Command {
    let program = locate(program, PACKAGE);
    // Into a pipe the clients would print only when their buffer is full.
    let mut command = Command::new(locate("stdbuf", "coreutils"));
    command.arg("-oL").arg(program).args(["-h", "127.0.0.1", "-V", version.argument(), "-p"]);
    command.arg(broker.port().to_string()).args(arguments.split_whitespace());
    command
}

fn succeed(finished: Finished) {
    let Finished { code, lines, errors } = finished;
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{}", lines.join("\n"));
}

fn bytes_of(digits: &str) -> Option<Vec<u8>> {
    digits.as_bytes().chunks(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

//! Measurements against a scripted broker that delivers well or badly.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread::{self, JoinHandle};

use clap::Parser;

use super::*;
use crate::load::frame::{Split, split};
use crate::load::void::Peer;

#[test]
fn a_sample_is_the_difference_of_two_snapshots() {
    let taken = Instant::now();
    let time = Duration::from_millis;
    let before = Snapshot { taken, count: 10, broker_cpu: time(5), own_cpu: time(2) };
    let after = Snapshot { taken: taken + time(9), count: 40, broker_cpu: time(12), own_cpu: time(3) };
    let sample = Sample {
        count: 30,
        elapsed: time(9),
        broker_cpu: time(7),
        own_cpu: time(1),
        p50: time(0),
        p99: time(0),
    };
    assert_eq!(after.since(&before), sample);
}

#[test]
fn a_broker_that_delivers_everything_is_measured() {
    let result = measure_with(|number, message| match number {
        _ if number.is_multiple_of(7) => vec![message[..5].to_vec(), message[5..].to_vec()],
        _ => vec![message.to_vec()],
    });
    let sample = result.expect("nothing is lost");
    assert!(sample.count >= WANTED, "{sample:?}");
}

#[test]
fn a_lost_message_voids_the_measurement() {
    let result = measure_with(|number, message| if number == 50 { vec![] } else { vec![message.to_vec()] });
    assert_faults(result, Faults { lost: 1, ..Faults::default() });
}

#[test]
fn a_duplicate_voids_the_measurement() {
    let result = measure_with(|number, message| vec![message.to_vec(); if number == 50 { 2 } else { 1 }]);
    assert_faults(result, Faults { duplicated: 1, ..Faults::default() });
}

#[test]
fn a_message_that_comes_late_voids_the_measurement_as_reordered() {
    let mut held = Vec::new();
    let result = measure_with(move |number, message| match number {
        50 => {
            held = message.to_vec();
            vec![]
        }
        51 => vec![message.to_vec(), std::mem::take(&mut held)],
        _ => vec![message.to_vec()],
    });
    assert_faults(result, Faults { reordered: 1, ..Faults::default() });
}

#[test]
fn a_changed_message_voids_the_measurement() {
    let result = measure_with(|number, message| {
        let mut message = message.to_vec();
        if number == 50 {
            let publisher = message.len() - 64;
            message[publisher] = 1;
        }
        vec![message]
    });
    assert!(matches!(result, Err(Void::Foreign(Peer::Subscriber(0)))), "{result:?}");
}

fn assert_faults(result: Result<Sample, Void>, expected: Faults) {
    match result {
        Err(Void::Faults(faults)) => assert_eq!(faults, expected),
        other => panic!("{expected} was not noticed: {other:?}"),
    }
}

/// Measures one pair at QoS 0; `deliver` tells what the subscriber gets for each PUBLISH.
fn measure_with(deliver: impl FnMut(u64, &[u8]) -> Vec<Vec<u8>> + Send + 'static) -> Result<Sample, Void> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    let address = listener.local_addr().expect("a bound listener has an address");
    let broker = serve(listener, deliver);
    let wanted = WANTED.to_string();
    let options = Options::parse_from([
        "load",
        "--pairs",
        "1",
        "--messages",
        &wanted,
        "--warm-up",
        "0",
        "--limit",
        "60",
    ]);
    let result = run(&options, 0, &Target { address, tls: None, websocket: false }, std::process::id());
    broker.join().expect("the scripted broker does not panic");
    result
}

/// Serves the subscriber, which comes first, and then the publisher until it closes its connection.
fn serve(
    listener: TcpListener,
    mut deliver: impl FnMut(u64, &[u8]) -> Vec<Vec<u8>> + Send + 'static,
) -> JoinHandle<()> {
    thread::spawn(move || {
        let accept = || Stream { socket: listener.accept().expect("a client comes").0, bytes: Vec::new() };
        let mut subscriber = accept();
        subscriber.answer(b"\x20\x02\x00\x00");
        subscriber.answer(b"\x90\x03\x00\x01\x00");
        let mut publisher = accept();
        publisher.answer(b"\x20\x02\x00\x00");
        let mut number = 0;
        while let Some(packet) = publisher.packet() {
            if packet == b"\xc0\x00" {
                publisher.write(b"\xd0\x00");
                subscriber.answer(b"\xd0\x00");
            } else {
                deliver(number, &packet).iter().for_each(|part| subscriber.write(part));
                number += 1;
            }
        }
    })
}

struct Stream {
    socket: TcpStream,
    bytes: Vec<u8>,
}

impl Stream {
    /// The next packet, `None` at the end of the connection.
    fn packet(&mut self) -> Option<Vec<u8>> {
        loop {
            if let Split::Frame(_, rest) = split(&self.bytes) {
                let length = self.bytes.len() - rest.len();
                return Some(self.bytes.drain(..length).collect());
            }
            let mut buffer = [0; 4096];
            match self.socket.read(&mut buffer) {
                Ok(count) if count > 0 => self.bytes.extend_from_slice(&buffer[..count]),
                _ => return None,
            }
        }
    }

    fn answer(&mut self, answer: &[u8]) {
        if self.packet().is_some() {
            self.write(answer);
        }
    }

    /// A client that has seen enough may be gone.
    fn write(&mut self, bytes: &[u8]) {
        let _ = self.socket.write_all(bytes);
    }
}

const WANTED: u64 = 200;

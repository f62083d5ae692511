//! Publishers that wait for nothing but acknowledgements: what they publish is for sessions that are away, or to be retained.

use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::client::{Client, Publisher};
use super::report::Figures;
use crate::load::latency::Latency;
use crate::load::packets::Afterwards;
use crate::load::proc::{cpu_time, thread_time};
use crate::load::program::Running;
use crate::load::void::{Peer, Void};
use crate::load::wire::Target;

pub(super) const PUBLISHERS: u32 = 50;
const WARM_UP: Duration = Duration::from_millis(500);
/// The thread of our store that writes.
const WRITER: &str = "mqtt-store";

/// How far a measurement is.
const WARMING: u8 = 0;
const MEASURING: u8 = 1;
const OVER: u8 = 2;

/// A session for each publisher that is subscribed to its topic and has no connection.
pub(super) fn leave_sessions(target: &Target) -> Result<(), Void> {
    for number in 0..PUBLISHERS {
        let client = Client::connect(target, Peer::Subscriber(number), Afterwards::Stays)?;
        client.subscribe(&topic(number), 1)?.disconnect()?;
    }
    Ok(())
}

pub(super) fn topic(number: u32) -> String {
    format!("store/{number}")
}

pub(super) fn measure(
    broker: &Running,
    publishers: u32,
    window: usize,
    retain: bool,
    seconds: Duration,
) -> Result<Figures, Void> {
    let stage = AtomicU8::new(WARMING);
    thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..publishers {
            let client = Client::connect(broker.target(), Peer::Publisher(number), Afterwards::Ends)?;
            let publisher = Publisher::new(client, &topic(number), window, retain, number);
            let stage = &stage;
            threads.push(scope.spawn(move || publish(publisher, stage)));
        }
        thread::sleep(WARM_UP);
        stage.store(MEASURING, Ordering::Relaxed);
        let before = times(broker.process())?;
        let start = Instant::now();
        thread::sleep(seconds);
        stage.store(OVER, Ordering::Relaxed);
        let elapsed = start.elapsed();
        let after = times(broker.process())?;
        let mut spans = Latency::default();
        for thread in threads {
            spans.add(&thread.join().unwrap_or(Err(Void::OverTime(seconds)))?);
        }
        let (broker, writer) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        Ok(Figures {
            rate: spans.count() as f64 / elapsed.as_secs_f64(),
            p50: spans.quantile(0.5),
            p99: spans.quantile(0.99),
            cpu: broker.div_f64(spans.count().max(1) as f64),
            writer: writer.as_secs_f64() / broker.as_secs_f64(),
        })
    })
}

/// CPU time of a broker, and of its thread that writes.
pub(super) fn times(process: u32) -> Result<(Duration, Duration), Void> {
    Ok((cpu_time(process).map_err(Void::Proc)?, thread_time(process, WRITER).map_err(Void::Proc)?))
}

/// Until the measurement is over and all is acknowledged; the spans of what was acknowledged while it was measured.
fn publish(mut publisher: Publisher, stage: &AtomicU8) -> Result<Latency, Void> {
    let mut spans = Latency::default();
    loop {
        let now = stage.load(Ordering::Relaxed);
        let last = if now == OVER { publisher.published() } else { u64::MAX };
        if now == OVER && publisher.is_idle() {
            return Ok(spans);
        }
        publisher.turn(last, |sent| {
            if stage.load(Ordering::Relaxed) == MEASURING {
                spans.record(sent.elapsed());
            }
        })?;
    }
}

//! A session comes back for all that waits for it, while others measure how fast they are served.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::acknowledged::times;
use super::client::{Client, PAYLOAD, Publisher, answer};
use super::report::Figures;
use crate::load::latency::Latency;
use crate::load::packets::{Afterwards, PUBLISH, Template};
use crate::load::program::Running;
use crate::load::void::{Peer, Void};
use crate::load::wire::Target;

/// Publishers that fill the session.
const PUBLISHERS: u32 = 10;
const WINDOW: usize = 100;
/// Clients that send themselves a message of QoS 0 and wait for it, again and again.
const OTHERS: u32 = 4;
/// Between two of them.
const PAUSE: Duration = Duration::from_millis(1);

/// Messages a second that the session gets; the spans are those of the others meanwhile.
pub(super) fn measure(broker: &Running, waiting: u32) -> Result<Figures, Void> {
    let target = broker.target();
    let own = Peer::Subscriber(0);
    Client::connect(target, own, Afterwards::Stays)?.subscribe("drain/#", 1)?.disconnect()?;
    let each = waiting / PUBLISHERS;
    fill(target, u64::from(each))?;

    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let mut others = Vec::new();
        for number in 1..=OTHERS {
            let topic = format!("other/{number}");
            let client = Client::connect(target, Peer::Subscriber(number), Afterwards::Ends)?;
            let client = client.subscribe(&topic, 0)?;
            let template = Template::new(4, &topic, 0, PAYLOAD, number);
            let is_over = &is_over;
            others.push(scope.spawn(move || echo(client, &template, is_over)));
        }
        let before = times(broker.process())?;
        let start = Instant::now();
        let drained = take(target, own, each * PUBLISHERS);
        let elapsed = start.elapsed();
        let after = times(broker.process())?;
        is_over.store(true, Ordering::Relaxed);
        let mut spans = Latency::default();
        for thread in others {
            spans.add(&thread.join().unwrap_or(Err(Void::OverTime(elapsed)))?);
        }
        drained?;
        let count = f64::from(each * PUBLISHERS);
        let (broker, writer) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
        Ok(Figures {
            rate: count / elapsed.as_secs_f64(),
            p50: spans.quantile(0.5),
            p99: spans.quantile(0.99),
            cpu: broker.div_f64(count),
            writer: writer.as_secs_f64() / broker.as_secs_f64(),
        })
    })
}

fn fill(target: &Target, each: u64) -> Result<(), Void> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..PUBLISHERS)
            .map(|number| {
                scope.spawn(move || {
                    let client = Client::connect(target, Peer::Publisher(number), Afterwards::Ends)?;
                    let topic = format!("drain/{number}");
                    let mut publisher = Publisher::new(client, &topic, WINDOW, false, number);
                    while publisher.published() < each || !publisher.is_idle() {
                        publisher.turn(each, |_| {})?;
                    }
                    Ok(())
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap_or(Err(Void::OverTime(PAUSE))))
    })
}

fn take(target: &Target, own: Peer, count: u32) -> Result<(), Void> {
    let mut client = Client::come_back(target, own)?;
    let mut left = count;
    while left > 0 {
        client.turn(|frame, answers| {
            if let Some(packet) = answer(frame) {
                answers.extend(packet);
                left = left.saturating_sub(1);
            }
        })?;
    }
    Ok(())
}

fn echo(mut client: Client, template: &Template, is_over: &AtomicBool) -> Result<Latency, Void> {
    let (mut spans, mut number) = (Latency::default(), 0);
    while !is_over.load(Ordering::Relaxed) {
        let mut bytes = Vec::new();
        template.put(number, 0, &mut bytes);
        number += 1;
        let start = Instant::now();
        client.send(&bytes)?;
        let mut is_back = false;
        while !is_back {
            client.turn(|frame, _| is_back = frame.kind() == PUBLISH)?;
        }
        spans.record(start.elapsed());
        thread::sleep(PAUSE);
    }
    Ok(spans)
}

//! One measurement of messages: a fresh broker, a warm-up, the measured time, and the proof that nothing is missing.

use std::time::{Duration, Instant};

use super::options::Options;
use super::proc::cpu_time;
use super::program::Program;
use super::sequence::Faults;
use super::traffic::Traffic;
use super::void::Void;
use super::wire::Target;

/// What one measurement has found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sample {
    /// Messages received, or connections made.
    pub(crate) count: u64,
    pub(crate) elapsed: Duration,
    pub(crate) broker_cpu: Duration,
    pub(crate) own_cpu: Duration,
    /// What half of all messages, and 99 of 100, took at most; zero for connections.
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
}

/// Measures messages with the scenario of `options`.
pub(crate) fn messages(options: &Options, program: &Program, qos: u8) -> Result<Sample, Void> {
    let broker = program.start()?;
    run(options, qos, broker.target(), broker.process())
}

/// The same with a broker that runs already.
pub(crate) fn run(options: &Options, qos: u8, target: &Target, process: u32) -> Result<Sample, Void> {
    let mut traffic = Traffic::connect(options, qos, target)?;
    let mut watch = Watch::new(options.limit);

    traffic.start();
    let warm = Instant::now() + options.warm_up;
    watch.run("warming up", &mut traffic, |traffic, now| now >= warm && traffic.received() > 0)?;

    traffic.latency().clear();
    let before = Snapshot::take(process, traffic.received())?;
    let end = before.taken + options.seconds;
    let wanted = options.messages.map(|each| before.count + each * u64::from(options.pairs()));
    watch.run("measuring", &mut traffic, |traffic, now| match wanted {
        Some(count) => traffic.received() >= count,
        None => now >= end && traffic.received() > before.count,
    })?;
    let after = Snapshot::take(process, traffic.received())?;
    let (p50, p99) = (traffic.latency().quantile(0.5), traffic.latency().quantile(0.99));

    traffic.stop();
    prove(&mut traffic, &mut watch)?;
    Ok(Sample { p50, p99, ..after.since(&before) })
}

/// Waits until all is received and acknowledged, then for late duplicates.
pub(crate) fn prove(traffic: &mut Traffic, watch: &mut Watch) -> Result<(), Void> {
    watch.run("draining", traffic, |traffic, _| {
        traffic.outstanding() == 0 && traffic.open_handshakes() == 0
    })?;
    watch.settle(traffic)?;
    match traffic.faults() {
        none if none == Faults::default() => Ok(()),
        faults => Err(faults.into()),
    }
}

/// The clocks at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    taken: Instant,
    count: u64,
    broker_cpu: Duration,
    own_cpu: Duration,
}

impl Snapshot {
    /// Reads the CPU times of the process `broker` and of this one; `count` is what was done so far.
    pub(crate) fn take(broker: u32, count: u64) -> Result<Self, Void> {
        let broker_cpu = cpu_time(broker).map_err(Void::Proc)?;
        let own_cpu = cpu_time(std::process::id()).map_err(Void::Proc)?;
        Ok(Self { taken: Instant::now(), count, broker_cpu, own_cpu })
    }

    /// The count it was taken with.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// What happened after `before`.
    pub(crate) fn since(&self, before: &Self) -> Sample {
        Sample {
            count: self.count - before.count,
            elapsed: self.taken - before.taken,
            broker_cpu: self.broker_cpu.saturating_sub(before.broker_cpu),
            own_cpu: self.own_cpu.saturating_sub(before.own_cpu),
            p50: Duration::ZERO,
            p99: Duration::ZERO,
        }
    }
}

/// Sees to it that a measurement ends.
pub(crate) struct Watch {
    limit: Duration,
    deadline: Instant,
    /// The count of packets when it last changed, and when that was.
    progress: u64,
    moved: Instant,
}

impl Watch {
    pub(crate) fn new(limit: Duration) -> Self {
        let now = Instant::now();
        Self { limit, deadline: now + limit, progress: 0, moved: now }
    }

    /// Turns until `done`. A message out of place ends everything, with a count of all that went wrong.
    pub(crate) fn run(
        &mut self,
        activity: &'static str,
        traffic: &mut Traffic,
        done: impl Fn(&Traffic, Instant) -> bool,
    ) -> Result<(), Void> {
        loop {
            let now = Instant::now();
            if traffic.is_irregular() {
                // Whatever goes wrong besides, the faults are the reason.
                let _ = self.settle(traffic);
                return Err(traffic.faults().into());
            }
            if done(traffic, now) {
                return Ok(());
            }
            self.check(activity, traffic, now)?;
            traffic.turn(WAIT)?;
        }
    }

    /// Like `run`, when faults are only to be counted.
    fn finish(&mut self, traffic: &mut Traffic, done: impl Fn(&Traffic) -> bool) -> Result<(), Void> {
        while !done(traffic) {
            self.check("answering PINGREQ", traffic, Instant::now())?;
            traffic.turn(WAIT)?;
        }
        Ok(())
    }

    /// Lets what is on its way arrive, so that a late message is told from a lost one and no duplicate is missed:
    /// what the broker still had to send comes before its answers to PINGREQ.
    fn settle(&mut self, traffic: &mut Traffic) -> Result<(), Void> {
        traffic.stop();
        traffic.ping_publishers();
        self.finish(traffic, Traffic::publishers_answered)?;
        traffic.ping_subscribers();
        self.finish(traffic, Traffic::subscribers_answered)
    }

    fn check(&mut self, activity: &'static str, traffic: &Traffic, now: Instant) -> Result<(), Void> {
        if now >= self.deadline {
            return Err(Void::OverTime(self.limit));
        }
        if traffic.progress() != self.progress {
            self.progress = traffic.progress();
            self.moved = now;
        } else if now - self.moved >= STALL {
            return Err(Void::Stalled(STALL, activity, traffic.outstanding(), traffic.open_handshakes()));
        }
        Ok(())
    }
}

/// Without a packet for this long a measurement is void.
const STALL: Duration = Duration::from_secs(10);

/// The longest wait for events, and so how late the end of the measured time may be noticed on a silent broker.
const WAIT: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests;

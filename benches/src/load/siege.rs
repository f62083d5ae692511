//! Clients of a broker that is flooded with strangers, beside the control: the same flood at another broker.
//!
//! ```text
//! pairs --messages at a fixed rate--> broker <--flood--+
//!                                                      |  alternating, on the same machine
//!                                     bystander <--flood+
//! ```
//!
//! The flood takes the same CPU from the machine either way. What it takes from clients only when it is aimed at
//! their broker is the broker's doing.

use std::time::{Duration, Instant};

use super::flood::{Fault, Flood};
use super::measure::{Watch, prove};
use super::options::Options;
use super::program::Program;
use super::traffic::Traffic;
use super::void::Void;
use super::wire::Target;

/// What clients saw under one kind of flood.
#[derive(Debug)]
pub(crate) struct Siege {
    fault: Fault,
    calm: Vec<Seen>,
    control: Vec<Seen>,
    attack: Vec<Seen>,
}

/// What clients saw for a while.
#[derive(Debug, Clone, Copy)]
struct Seen {
    p50: Duration,
    p99: Duration,
    /// Connections of strangers in a second.
    strangers: f64,
}

/// Measures each of the floods of `options`, with fresh brokers.
pub(crate) fn measure(options: &Options, program: &Program, fault: Fault) -> Result<Siege, Void> {
    let (broker, bystander) = (program.start()?, program.start()?);
    let mut traffic = Traffic::connect(options, 0, broker.target())?;
    traffic.start_paced(Duration::from_secs(1) / options.rate);
    let mut watch = Watch::new(options.limit);
    let mut siege = Siege { fault, calm: Vec::new(), control: Vec::new(), attack: Vec::new() };
    for round in 1..=options.rounds {
        siege.calm.push(see(options, &mut traffic, &mut watch, None)?);
        siege.control.push(see(options, &mut traffic, &mut watch, Some((bystander.target(), fault)))?);
        siege.attack.push(see(options, &mut traffic, &mut watch, Some((broker.target(), fault)))?);
        eprintln!("round {round}/{}, {}", options.rounds, siege.line());
    }
    traffic.stop();
    prove(&mut traffic, &mut watch)?;
    Ok(siege)
}

/// Latency for `seconds`, under a flood at a broker if there is one.
fn see(
    options: &Options,
    traffic: &mut Traffic,
    watch: &mut Watch,
    aim: Option<(&Target, Fault)>,
) -> Result<Seen, Void> {
    let flood = match aim {
        Some((target, fault)) => {
            let Options { strangers, flood_from, flood_addresses, .. } = options;
            Some(
                Flood::start(target, fault, *strangers, *flood_from, *flood_addresses)
                    .map_err(Void::Flood)?,
            )
        }
        None => None,
    };
    let opened = || flood.as_ref().map_or(0, Flood::opened);
    let wait = |until: Instant| move |_: &Traffic, now: Instant| now >= until;
    watch.run("warming up", traffic, wait(Instant::now() + options.warm_up))?;
    traffic.latency().clear();
    let (start, before) = (Instant::now(), opened());
    watch.run("measuring", traffic, wait(start + options.seconds))?;
    let strangers = (opened() - before) as f64 / start.elapsed().as_secs_f64();
    let latency = traffic.latency();
    let seen = Seen { p50: latency.quantile(0.5), p99: latency.quantile(0.99), strangers };
    drop(flood);
    // what it has left behind in the brokers and in the kernel is over before the next
    watch.run("calming down", traffic, wait(Instant::now() + options.warm_up))?;
    Ok(seen)
}

impl Siege {
    /// The last round in one line.
    fn line(&self) -> String {
        let show = |seen: &[Seen]| {
            let last = seen.last().map(|seen| (micros(seen.p50), micros(seen.p99), seen.strangers));
            last.map(|(p50, p99, strangers)| format!("{p50:.0}/{p99:.0} us at {strangers:.0}/s"))
        };
        let [calm, control, attack] =
            [&self.calm, &self.control, &self.attack].map(|seen| show(seen).unwrap_or_default());
        format!("{:?}: calm {calm}, control {control}, attack {attack}", self.fault)
    }

    fn row(&self) -> String {
        let median = |seen: &[Seen], figure: fn(&Seen) -> f64| {
            super::report::median(seen.iter().map(figure).collect())
        };
        let p50 = |seen: &[Seen]| median(seen, |seen| micros(seen.p50));
        let p99 = |seen: &[Seen]| median(seen, |seen| micros(seen.p99));
        let strangers = |seen: &[Seen]| median(seen, |seen| seen.strangers);
        let Self { fault, calm, control, attack } = self;
        format!(
            "| {} | {:.0} / {:.0} | {:.0} / {:.0} | {:.0} / {:.0} | {:.2} | {:.0} | {:.0} |\n",
            format!("{fault:?}").to_lowercase(),
            p50(calm),
            p99(calm),
            p50(control),
            p99(control),
            p50(attack),
            p99(attack),
            p99(attack) / p99(control),
            strangers(control),
            strangers(attack),
        )
    }
}

/// The table of all floods.
pub(crate) fn table(sieges: &[Siege]) -> String {
    let rows: String = sieges.iter().map(Siege::row).collect();
    format!("{HEAD}{rows}")
}

fn micros(span: Duration) -> f64 {
    span.as_secs_f64() * 1e6
}

const HEAD: &str = "\
| flood | calm p50 / p99 us | control p50 / p99 us | attack p50 / p99 us | attack / control | strangers/s, control | attack |
|---|---|---|---|---|---|---|
";

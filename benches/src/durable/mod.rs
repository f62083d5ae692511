//! What storing costs: loads that make the broker store, with each kind of store in turn.
//!
//! Reading order: `subject` (the brokers), `acknowledged` and `drain` (what clients do), `disk` (what is possible).

mod acknowledged;
mod client;
mod disk;
mod drain;
mod options;
mod report;
mod subject;

use std::error::Error;
use std::time::Duration;

use acknowledged::PUBLISHERS;
use disk::{Disk, FEW, MANY};
use report::{Figures, Row, table};
use subject::{Place, Subject, load_options};

use crate::load::measure;
use crate::load::program::Running;
use crate::load::void::Void;

pub use options::{Kind, Load, Options};

/// Measures as `options` say and prints what was found; progress goes to standard error.
///
/// Returns whether every row counts.
///
/// # Errors
///
/// A broker or the disk cannot be used.
pub fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    let seconds = Duration::from_secs(options.seconds.into());
    let mut rows = Vec::new();
    for &load in &options.load {
        let row = |&kind: &Kind| Row { load, kind, samples: Vec::new(), void: None };
        rows.extend(options.only.iter().map(row));
    }
    let mut disks = Vec::new();
    for round in 1..=options.rounds {
        let place = Place::create(&options.directory)?;
        let disk = disk::measure(&place.0, seconds)?;
        eprintln!("round {round}/{}: {}", options.rounds, disk_line(&disk));
        disks.push(disk);
        for row in rows.iter_mut().filter(|row| row.void.is_none()) {
            let about = format!("round {round}/{}, {}, {}", options.rounds, row.load.name(), row.kind.name());
            match measure_load(options, row.load, row.kind) {
                Ok(figures) => {
                    eprintln!("{about}: {:.0}/s, p50 {:?}", figures.rate, figures.p50);
                    row.samples.push(figures);
                }
                Err(Void::Start(error)) => return Err(error.into()),
                Err(void) => {
                    eprintln!("{about}: VOID: {void}");
                    row.void = Some(format!("{void} (round {round})"));
                }
            }
        }
    }
    disks.sort_by(|one, other| one.engine.total_cmp(&other.engine));
    println!("{}.\n", disk_line(&disks[disks.len() / 2]));
    print!("{}", table(&rows));
    Ok(rows.iter().all(|row| row.void.is_none()))
}

fn disk_line(disk: &Disk) -> String {
    format!(
        "fdatasync p50 {:.2} ms; the engine alone: {:.0} records/s in commits of {MANY} (p50 {:.2} ms), a commit of \
         {FEW}: p50 {:.2} ms",
        disk.sync.as_secs_f64() * 1e3,
        disk.engine,
        disk.large.as_secs_f64() * 1e3,
        disk.small.as_secs_f64() * 1e3,
    )
}

fn measure_load(options: &Options, load: Load, kind: Kind) -> Result<Figures, Void> {
    let subject = Subject::start(options, kind)?;
    let seconds = Duration::from_secs(options.seconds.into());
    let broker = &subject.running;
    match load {
        Load::Clean => pairs(options, &subject, 1, &[]),
        Load::Online1 => pairs(options, &subject, 1, &["--keep-sessions"]),
        Load::Online2 => pairs(options, &subject, 2, &["--keep-sessions"]),
        Load::Retained => acknowledged::measure(broker, PUBLISHERS, 100, true, seconds),
        Load::Offline => offline(broker, PUBLISHERS, 100, seconds),
        Load::Single => offline(broker, PUBLISHERS, 1, seconds),
        Load::Alone => offline(broker, 1, 1, seconds),
        Load::Drain => drain::measure(broker, options.waiting),
    }
}

/// A message is over when it is acknowledged: its subscriber is away.
fn offline(broker: &Running, publishers: u32, window: usize, seconds: Duration) -> Result<Figures, Void> {
    acknowledged::leave_sessions(broker.target())?;
    acknowledged::measure(broker, publishers, window, false, seconds)
}

/// The pairs of the load program: a message is over when its subscriber has it.
fn pairs(options: &Options, subject: &Subject, qos: u8, more: &[&str]) -> Result<Figures, Void> {
    let seconds = options.seconds.to_string();
    let load = load_options(options, &[&["--seconds", &seconds], more].concat());
    let broker = &subject.running;
    let before = acknowledged::times(broker.process())?;
    let sample = measure::run(&load, qos, broker.target(), broker.process())?;
    let after = acknowledged::times(broker.process())?;
    let (broker, writer) = (after.0.saturating_sub(before.0), after.1.saturating_sub(before.1));
    Ok(Figures {
        rate: sample.count as f64 / sample.elapsed.as_secs_f64(),
        p50: sample.p50,
        p99: sample.p99,
        cpu: sample.broker_cpu.div_f64(sample.count.max(1) as f64),
        writer: writer.as_secs_f64() / broker.as_secs_f64(),
    })
}

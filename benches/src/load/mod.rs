//! The load program: compares brokers under the same load in one run.
//!
//! ```text
//! publisher 0 --window--> broker --> subscriber 0      one thread, one mio event loop on our side,
//! publisher 1 --window--> broker --> subscriber 1      the broker is a child process
//!      ^                                  |
//!      +---- opens the window again ------+            closed loop: what was received makes room
//! ```
//!
//! Reading order: `measure` (one measurement from start to end), `traffic` (a turn of the event loop), `publisher`
//! and `subscriber` (what they do with a packet), `sequence` (what voids a row). The method is in `README.md`.

mod connection;
mod connects;
mod flood;
pub(crate) mod frame;
mod handshakes;
mod idle;
pub(crate) mod latency;
pub(crate) mod measure;
pub(crate) mod options;
pub(crate) mod packets;
pub(crate) mod proc;
pub(crate) mod program;
mod publisher;
pub(crate) mod report;
mod sequence;
pub(crate) mod setup;
mod shape;
mod siege;
mod subscriber;
mod traffic;
pub(crate) mod void;
mod websocket;
mod window;
pub(crate) mod wire;

use std::error::Error;

use program::{Program, StartError};
use report::{Figures, Row};
use void::Void;

pub use flood::Fault;
pub use options::{Name, Options, Scenario, Transport};

/// Measures as `options` say and prints the table; progress goes to standard error.
///
/// Returns whether every row counts.
pub fn run(options: &Options) -> Result<bool, Box<dyn Error>> {
    if options.scenario == Scenario::Flood {
        return flood(options);
    }
    let programs = programs(options)?;
    let mut rows = Vec::new();
    for &qos in &qualities(options) {
        for program in &programs {
            rows.push(Row { name: program.name, qos, samples: Vec::new(), void: None });
        }
    }
    for round in 1..=options.rounds {
        for (row, program) in rows.iter_mut().zip(programs.iter().cycle()) {
            let about = format!("round {round}/{}, QoS {}, {}", options.rounds, row.qos, row.name.program());
            if row.void.is_some() {
                continue;
            }
            match measure(options, program, row.qos) {
                Ok(figures) => {
                    eprintln!("{about}: {}", figures.line(options.scenario));
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
    println!("{}\n", headline(options));
    print!("{}", report::table(options.scenario, &rows));
    Ok(rows.iter().all(|row| row.void.is_none()))
}

fn measure(options: &Options, program: &Program, qos: u8) -> Result<Figures, Void> {
    match options.scenario {
        Scenario::Pairs | Scenario::Fanout | Scenario::Fanin => {
            measure::messages(options, program, qos).map(|sample| Figures::of_sample(&sample))
        }
        Scenario::Connect => connects::measure(options, program).map(|sample| Figures::of_sample(&sample)),
        Scenario::Idle => idle::measure(options, program, qos).map(Figures::of_memory),
        // has a table of its own
        Scenario::Flood => unreachable!("floods are measured by `flood`"),
    }
}

/// Measures our broker, or Mosquitto if only that is wanted, under each kind of flood.
fn flood(options: &Options) -> Result<bool, Box<dyn Error>> {
    let program = match options.only {
        Some(Name::Mosquitto) => Program::mosquitto(options)?,
        _ => Program::ours(options)?.ok_or(StartError::NoOurs)?,
    };
    let sieges: Result<Vec<_>, Void> =
        options.flood.iter().map(|&fault| siege::measure(options, &program, fault)).collect();
    let sieges = sieges?;
    println!(
        "{}, {} pairs with {} messages/s each, {} strangers at a time, medians of {} rounds.\n",
        program.name.program(),
        options.pairs(),
        options.rate,
        options.strangers,
        options.rounds
    );
    print!("{}", siege::table(&sieges));
    Ok(true)
}

/// The brokers to compare, ours first.
fn programs(options: &Options) -> Result<Vec<Program>, StartError> {
    let ours = match options.only {
        Some(Name::Mosquitto) => None,
        Some(Name::MqttBroker) => Some(Program::ours(options)?.ok_or(StartError::NoOurs)?),
        None => {
            let ours = Program::ours(options)?;
            if ours.is_none() {
                eprintln!("{}; comparing mosquitto alone", StartError::NoOurs);
            }
            ours
        }
    };
    let mosquitto = match options.only {
        Some(Name::MqttBroker) => None,
        _ => Some(Program::mosquitto(options)?),
    };
    Ok(ours.into_iter().chain(mosquitto).collect())
}

/// Connecting has no QoS.
fn qualities(options: &Options) -> Vec<u8> {
    match options.scenario {
        Scenario::Connect => vec![0],
        Scenario::Idle => options.qos.iter().copied().take(1).collect(),
        _ => options.qos.clone(),
    }
}

/// The settings of the run in one line, so that a table can be read alone.
fn headline(options: &Options) -> String {
    let version = if options.version == 5 { "5.0" } else { "3.1.1" };
    let (pairs, rounds) = (options.pairs(), options.rounds);
    let load = match options.scenario {
        Scenario::Pairs => format!("{pairs} pairs"),
        Scenario::Fanout => format!("fan-out 1 -> {pairs}"),
        Scenario::Fanin => format!("fan-in {pairs} -> 1"),
        Scenario::Connect => {
            return format!(
                "Connect and disconnect, {pairs} at a time, MQTT {version}, medians of {rounds} rounds."
            );
        }
        Scenario::Flood => return String::new(),
        Scenario::Idle => {
            return format!("{pairs} idle connections, MQTT {version}, medians of {rounds} rounds.");
        }
    };
    let (payload, window) = (options.payload, options.window);
    format!("{load}, {payload} bytes, window {window}, MQTT {version}, medians of {rounds} rounds.")
}

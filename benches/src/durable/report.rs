//! Medians, and the table.

use std::time::Duration;

use super::options::{Kind, Load};
use crate::load::report::median;

/// What one measurement has found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Messages a second.
    pub(super) rate: f64,
    /// What half of all, and 99 of 100, took at most: until they were acknowledged, or received where somebody receives.
    pub(super) p50: Duration,
    pub(super) p99: Duration,
    /// The broker's for each message.
    pub(super) cpu: Duration,
    /// The share in it of the thread that writes; zero where there is none.
    pub(super) writer: f64,
}

/// All rounds of one load with one broker.
pub(super) struct Row {
    pub(super) load: Load,
    pub(super) kind: Kind,
    pub(super) samples: Vec<Figures>,
    /// Why it does not count.
    pub(super) void: Option<String>,
}

impl Row {
    fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.samples.iter().map(figure).collect())
    }

    fn rate(&self) -> f64 {
        self.median(|figures| figures.rate)
    }
}

const HEAD: &str = "\
| load | broker | messages/s | times memory | p50 ms | p99 ms | broker us each | writer |
|---|---|---|---|---|---|---|---|
";

/// The table of all rows, in their order.
pub(super) fn table(rows: &[Row]) -> String {
    rows.iter().fold(HEAD.to_owned(), |table, row| table + &line(row, rows))
}

fn line(row: &Row, rows: &[Row]) -> String {
    let start = format!("| {} | {} |", row.load.name(), row.kind.name());
    if let Some(reason) = &row.void {
        return format!("{start} VOID: {reason} |\n");
    }
    let memory = rows.iter().find(|other| other.load == row.load && other.kind == Kind::Memory);
    let times = memory.map_or_else(|| "-".to_owned(), |memory| format!("{:.2}", row.rate() / memory.rate()));
    format!(
        "{start} {:.0} | {times} | {:.2} | {:.2} | {:.2} | {:.0} % |\n",
        row.rate(),
        row.median(|figures| figures.p50.as_secs_f64() * 1e3),
        row.median(|figures| figures.p99.as_secs_f64() * 1e3),
        row.median(|figures| figures.cpu.as_secs_f64() * 1e6),
        row.median(|figures| figures.writer * 100.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: Kind, rates: &[f64], void: Option<&str>) -> Row {
        let [p50, p99, cpu] = [1_500, 20_000, 7].map(Duration::from_micros);
        let samples = rates.iter().map(|&rate| Figures { rate, p50, p99, cpu, writer: 0.25 }).collect();
        Row { load: Load::Offline, kind, samples, void: void.map(str::to_owned) }
    }

    #[test]
    fn a_row_shows_medians_beside_those_of_memory() {
        let rows = [
            row(Kind::Fsync, &[10.0, 30.0, 20.0], None),
            row(Kind::Memory, &[40.0], None),
            row(Kind::Mosquitto, &[], Some("gone")),
        ];
        let table = table(&rows);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        let load = "| QoS 1, offline sessions, 100 in flight |";
        assert_eq!(lines[0], format!("{load} fsync | 20 | 0.50 | 1.50 | 20.00 | 7.00 | 25 % |"));
        assert_eq!(lines[1], format!("{load} memory | 40 | 1.00 | 1.50 | 20.00 | 7.00 | 25 % |"));
        assert_eq!(lines[2], format!("{load} mosquitto | VOID: gone |"));
    }
}

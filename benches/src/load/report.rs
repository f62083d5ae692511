//! Medians and the table.

use std::fmt::Write;

use super::measure::Sample;
use super::options::{Name, Scenario};

/// All rounds of one broker with one QoS.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: Name,
    pub(crate) qos: u8,
    pub(crate) samples: Vec<Figures>,
    /// Why the row does not count; the first reason stays.
    pub(crate) void: Option<String>,
}

/// What a sample says, in the units of the table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Figures {
    /// Messages or connections per second.
    pub(crate) rate: f64,
    /// Microseconds of the broker for each.
    pub(crate) broker: f64,
    /// Microseconds of the load program for each.
    pub(crate) own: f64,
    /// Microseconds that half of all messages took at most, and 99 of 100.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// Resident bytes for each, where memory is measured.
    pub(crate) bytes: f64,
}

impl Figures {
    /// The figures of a sample of time.
    pub(crate) fn of_sample(sample: &Sample) -> Self {
        let count = sample.count as f64;
        Self {
            rate: count / sample.elapsed.as_secs_f64(),
            broker: sample.broker_cpu.as_secs_f64() * 1e6 / count,
            own: sample.own_cpu.as_secs_f64() * 1e6 / count,
            p50: sample.p50.as_secs_f64() * 1e6,
            p99: sample.p99.as_secs_f64() * 1e6,
            bytes: 0.0,
        }
    }

    /// The figures of a measurement of memory.
    pub(crate) fn of_memory(bytes: f64) -> Self {
        Self { rate: 0.0, broker: 0.0, own: 0.0, p50: 0.0, p99: 0.0, bytes }
    }

    /// One line about one measurement.
    pub(crate) fn line(&self, scenario: Scenario) -> String {
        match scenario {
            Scenario::Idle => format!("{:.0} bytes", self.bytes),
            Scenario::Connect => {
                format!("{:.0}/s, broker {:.2} us, load {:.2} us", self.rate, self.broker, self.own)
            }
            _ => format!(
                "{:.0}/s, broker {:.2} us, load {:.2} us, p50 {:.0} us, p99 {:.0} us",
                self.rate, self.broker, self.own, self.p50, self.p99
            ),
        }
    }
}

impl Row {
    fn median(&self, figure: impl Fn(&Figures) -> f64) -> f64 {
        median(self.samples.iter().map(figure).collect())
    }

    /// What the comparison is about: CPU, or memory for the idle scenario.
    fn cost(&self, scenario: Scenario) -> f64 {
        match scenario {
            Scenario::Idle => self.median(|figures| figures.bytes),
            _ => self.median(|figures| figures.broker),
        }
    }
}

/// The table of all rows, in their order.
pub(crate) fn table(scenario: Scenario, rows: &[Row]) -> String {
    let mut text = String::from(match scenario {
        Scenario::Idle => IDLE_HEAD,
        _ => TIME_HEAD,
    });
    for row in rows {
        let _ = write!(text, "| {} | {} |", row.qos, row.name.program());
        if let Some(reason) = &row.void {
            let _ = writeln!(text, " VOID: {reason} |");
            continue;
        }
        let ratio = ratio(scenario, row, rows);
        let _ = match scenario {
            Scenario::Idle => writeln!(text, " {:.0} | {ratio} |", row.cost(scenario)),
            _ => write_times(&mut text, row, &ratio),
        };
    }
    text
}

fn write_times(text: &mut String, row: &Row, ratio: &str) -> std::fmt::Result {
    let broker = row.median(|figures| figures.broker);
    let own = row.median(|figures| figures.own);
    let (low, high) = spread(row.samples.iter().map(|figures| figures.broker));
    let rate = row.median(|figures| figures.rate);
    let share = 100.0 * own / broker;
    write!(text, " {rate:.0} | {broker:.2} | {low:.2}-{high:.2} | {ratio} | {own:.2} | {share:.0} % |")?;
    let (p50, p99) = (row.median(|figures| figures.p50), row.median(|figures| figures.p99));
    writeln!(text, " {p50:.0} | {p99:.0} |")
}

/// How many times less than mosquitto this row costs.
fn ratio(scenario: Scenario, row: &Row, rows: &[Row]) -> String {
    let yardstick = rows.iter().find(|other| other.name == Name::Mosquitto && other.qos == row.qos);
    match yardstick {
        Some(yardstick) if yardstick.void.is_none() => {
            format!("{:.2}", yardstick.cost(scenario) / row.cost(scenario))
        }
        _ => "-".to_owned(),
    }
}

/// The value in the middle; the mean of the two in the middle if their number is even; NaN of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.as_slice() {
        [] => f64::NAN,
        odd if odd.len() % 2 == 1 => odd[middle],
        even => (even[middle - 1] + even[middle]) / 2.0,
    }
}

fn spread(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, 0.0), |(low, high), value| (low.min(value), high.max(value)))
}

const TIME_HEAD: &str = "\
| QoS | broker | per second | broker us each | lowest-highest | times mosquitto | load us each | load / broker | p50 us | p99 us |
|---|---|---|---|---|---|---|---|---|---|
";

const IDLE_HEAD: &str = "\
| QoS | broker | bytes each | times mosquitto |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn row(name: Name, broker: &[f64], void: Option<&str>) -> Row {
        let figures =
            |&broker: &f64| Figures { rate: 1000.0, broker, own: 0.5, p50: 70.0, p99: 150.4, bytes: 0.0 };
        let samples = broker.iter().map(figures).collect();
        Row { name, qos: 1, samples, void: void.map(str::to_owned) }
    }

    #[test]
    fn the_median_is_in_the_middle() {
        for (values, expected) in [(&[3.0, 1.0, 2.0][..], 2.0), (&[4.0, 1.0, 3.0, 2.0], 2.5), (&[7.0], 7.0)] {
            assert_eq!(median(values.to_vec()), expected);
        }
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn a_sample_becomes_microseconds_for_each_message() {
        let sample = Sample {
            count: 4000,
            elapsed: Duration::from_secs(2),
            broker_cpu: Duration::from_millis(40),
            own_cpu: Duration::from_millis(10),
            p50: Duration::from_micros(80),
            p99: Duration::from_micros(500),
        };
        let figures = Figures { rate: 2000.0, broker: 10.0, own: 2.5, p50: 80.0, p99: 500.0, bytes: 0.0 };
        assert_eq!(Figures::of_sample(&sample), figures);
    }

    #[test]
    fn a_row_shows_medians_spread_and_ratio() {
        let rows =
            [row(Name::MqttBroker, &[1.0, 1.2, 1.1], None), row(Name::Mosquitto, &[11.0, 9.0, 13.0], None)];
        let table = table(Scenario::Pairs, &rows);
        let lines: Vec<&str> = table.lines().skip(2).collect();
        assert_eq!(
            lines[0],
            "| 1 | mqtt-broker | 1000 | 1.10 | 1.00-1.20 | 10.00 | 0.50 | 45 % | 70 | 150 |"
        );
        assert_eq!(lines[1], "| 1 | mosquitto | 1000 | 11.00 | 9.00-13.00 | 1.00 | 0.50 | 5 % | 70 | 150 |");
    }

    #[test]
    fn a_void_row_shows_its_reason_and_is_no_yardstick() {
        let rows = [row(Name::MqttBroker, &[1.0], None), row(Name::Mosquitto, &[2.0], Some("1 lost"))];
        let table = table(Scenario::Pairs, &rows);
        assert!(table.contains("| 1 | mosquitto | VOID: 1 lost |"), "{table}");
        assert!(table.contains("| 1.00-1.00 | - | 0.50 |"), "{table}");
    }
}

//! How many times as long as ours each codec takes, measured in turns, for a machine that does other things as well.

use std::time::{Duration, Instant};

use crate::cases::Case;
use crate::codecs::{BATCH, Column};

/// How long all codecs together work on one packet.
const TIME: Duration = Duration::from_secs(3);
/// Batches of one codec in a row: what the turn of another left in the caches and predictors is gone after the first.
const ROW: usize = 8;

/// Prints a table for each of the first `bases` columns, in which that column is 1.
///
/// The codecs take turns of microseconds, so what the machine does for a while meets all of them, and of each the
/// batch counts that only one in fifty was faster than: an interruption makes a batch slower, nothing makes it faster.
pub(crate) fn print(operation: &str, cases: &[Case], columns: &[Column], bases: usize, filter: &str) {
    let cases = cases.iter().filter(|case| format!("{operation}/{}", case.name).contains(filter));
    let rows: Vec<_> = cases.map(|case| (case, measure(case, columns))).collect();
    for (base, column) in columns.iter().take(bases).enumerate() {
        let names: Vec<_> = columns.iter().map(|column| column.codec).collect();
        println!("\n| {operation}, times {} | {} |", column.codec, names.join(" | "));
        println!("|---|{}", "---|".repeat(columns.len()));
        for (case, times) in &rows {
            let cells = times.iter().map(|time| match (time, times[base]) {
                (Some(time), Some(of_base)) => format!("{:.2}", time / of_base),
                _ => "-".into(),
            });
            println!("| {} | {} |", case.name, cells.collect::<Vec<_>>().join(" | "));
        }
    }
}

/// Nanoseconds for each codec; `None` if it does not have the version.
fn measure(case: &Case, columns: &[Column]) -> Vec<Option<f64>> {
    let mut tasks: Vec<_> = columns.iter().map(|column| ((column.task)(case), Vec::new())).collect();
    let start = Instant::now();
    while start.elapsed() < TIME {
        for (task, times) in &mut tasks {
            let Some(task) = task else { continue };
            for _ in 0..ROW {
                task.prepare();
                let start = Instant::now();
                task.run();
                times.push(start.elapsed().as_nanos() as f64 / BATCH as f64);
            }
        }
    }
    let fast = |times: &mut Vec<f64>| {
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 50).copied()
    };
    tasks.iter_mut().map(|(_, times)| fast(times)).collect()
}

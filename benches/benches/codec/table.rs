//! The result of a run as one table per operation.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use crate::cases::Case;
use crate::codecs::Column;

/// Prints the medians that criterion has left in `results` since `start`: nanoseconds, and how many times the first
/// column.
///
/// A cell without figure is a codec that does not have the version, or a measurement that was filtered out: what an
/// earlier run has left is of another hour of the machine. A packet of which nothing was measured is left out.
pub(crate) fn print(results: &Path, start: SystemTime, operation: &str, cases: &[Case], columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| column.codec).collect();
    println!("\n| {operation}, ns | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for case in cases {
        let case_results = results.join(operation).join(&case.name);
        let medians: Vec<_> = names.iter().map(|codec| median(&case_results.join(codec), start)).collect();
        if medians.iter().all(Option::is_none) {
            continue;
        }
        let first = medians.first().copied().flatten();
        let cells = medians.iter().enumerate().map(|(index, median)| match (median, first) {
            (Some(median), Some(first)) if index > 0 => format!("{median:.1} ({:.1}x)", median / first),
            (Some(median), _) => format!("{median:.1}"),
            (None, _) => "-".into(),
        });
        println!("| {} | {} |", case.name, cells.collect::<Vec<_>>().join(" | "));
    }
}

fn median(directory: &Path, start: SystemTime) -> Option<f64> {
    let file = directory.join("new/estimates.json");
    if fs::metadata(&file).ok()?.modified().ok()? < start {
        return None;
    }
    let estimates = fs::read_to_string(file).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

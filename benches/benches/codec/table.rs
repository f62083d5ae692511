//! The result of a run as one table per operation.

use std::fs;
use std::path::Path;

use crate::cases::Case;
use crate::codecs::Column;

/// Prints the medians that criterion has left in `results`: nanoseconds, and how many times the first column.
///
/// A cell without figure is a codec that does not have the version, or a measurement that was filtered out and has
/// never been made.
pub(crate) fn print(results: &Path, operation: &str, cases: &[Case], columns: &[Column]) {
    let names: Vec<_> = columns.iter().map(|column| column.codec).collect();
    println!("\n| {operation}, ns | {} |", names.join(" | "));
    println!("|---|{}", "---|".repeat(columns.len()));
    for case in cases {
        let medians: Vec<_> =
            names.iter().map(|codec| median(&results.join(operation).join(&case.name).join(codec))).collect();
        let first = medians.first().copied().flatten();
        let cells = medians.iter().enumerate().map(|(index, median)| match (median, first) {
            (Some(median), Some(first)) if index > 0 => format!("{median:.1} ({:.1}x)", median / first),
            (Some(median), _) => format!("{median:.1}"),
            (None, _) => "-".into(),
        });
        println!("| {} | {} |", case.name, cells.collect::<Vec<_>>().join(" | "));
    }
}

fn median(directory: &Path) -> Option<f64> {
    let estimates = fs::read_to_string(directory.join("new/estimates.json")).ok()?;
    let estimates: serde_json::Value = serde_json::from_str(&estimates).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

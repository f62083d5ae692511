//! The codec beside others: bytes to packets and packets to bytes, one run, one table.

mod cases;
mod codecs;
mod ratios;
mod table;

use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use cases::{Case, cases};
use codecs::{BATCH, Column, DECODERS, ENCODERS};
use criterion::{BenchmarkId, Criterion};

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    if arguments.next().as_deref() == Some("--ratios") {
        let (cases, filter) = (cases(), arguments.next().unwrap_or_default());
        ratios::print("decode", &cases, &DECODERS, 2, &filter);
        ratios::print("encode", &cases, &ENCODERS, 1, &filter);
        return;
    }
    // where the table finds the medians again
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("codec");
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .output_directory(&results)
        .configure_from_args();
    let (cases, start) = (cases(), SystemTime::now());
    measure(&mut criterion, "decode", &cases, &DECODERS);
    measure(&mut criterion, "encode", &cases, &ENCODERS);
    criterion.final_summary();
    table::print(&results, start, "decode", &cases, &DECODERS);
    table::print(&results, start, "encode", &cases, &ENCODERS);
}

/// All codecs on one packet, then the next packet: what a machine does for a while meets all of them.
fn measure(criterion: &mut Criterion, operation: &str, cases: &[Case], columns: &[Column]) {
    let mut group = criterion.benchmark_group(operation);
    for case in cases {
        for column in columns {
            let Some(mut task) = (column.task)(case) else { continue };
            group.bench_function(BenchmarkId::new(&case.name, column.codec), |bencher| {
                bencher.iter_custom(|batches| {
                    let mut elapsed = Duration::ZERO;
                    for _ in 0..batches {
                        task.prepare();
                        let start = Instant::now();
                        task.run();
                        elapsed += start.elapsed();
                    }
                    elapsed / BATCH as u32
                });
            });
        }
    }
    group.finish();
}

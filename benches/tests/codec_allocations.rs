//! Allocations per packet: what the codec promises, and a table of what others need.

#[path = "../benches/codec/cases.rs"]
mod cases;
#[path = "../benches/codec/codecs/mod.rs"]
mod codecs;

use cases::{Case, cases};
use codecs::{BATCH, Column, DECODERS, ENCODERS};

/// Allocations of all packets of a batch; `None` if the codec does not have the version.
fn allocations(case: &Case, column: &Column) -> Option<u64> {
    let mut task = (column.task)(case)?;
    task.prepare();
    Some(allocation_counter::measure(|| task.run()).count_total)
}

fn of(codec: &str, columns: &[Column], case: &Case) -> u64 {
    let column = columns.iter().find(|column| column.codec == codec).expect(codec);
    allocations(case, column).expect("all versions")
}

#[test]
fn views_and_encoding_never_allocate() {
    for case in cases() {
        assert_eq!(of("mqtt-codec view", &DECODERS, &case), 0, "view of {}", case.name);
        assert_eq!(of("mqtt-codec", &ENCODERS, &case), 0, "encoding {}", case.name);
    }
}

/// The message and its topic; properties add a box, each text, and the list of user properties.
#[test]
fn an_owned_publish_allocates_its_message_and_its_texts() {
    for case in cases().iter().filter(|case| case.name.starts_with("PUBLISH")) {
        let expected = if case.name.contains("5 properties") { 2 + 1 + 2 + 1 + 2 } else { 2 };
        assert_eq!(of("mqtt-codec owned", &DECODERS, case), expected * BATCH as u64, "{}", case.name);
    }
}

/// Shown by `--nocapture`.
#[test]
fn every_codec_is_counted() {
    for (operation, columns) in [("decode", &DECODERS[..]), ("encode", &ENCODERS[..])] {
        let names: Vec<_> = columns.iter().map(|column| column.codec).collect();
        println!("| {operation}, allocations | {} |", names.join(" | "));
        for case in cases() {
            let counts = columns.iter().map(|column| allocations(&case, column));
            let cells: Vec<_> = counts
                .map(|count| {
                    count.map_or_else(|| "-".into(), |count| format!("{:.1}", count as f64 / BATCH as f64))
                })
                .collect();
            assert!(cells.iter().any(|cell| cell != "-"), "{}", case.name);
            println!("| {} | {} |", case.name, cells.join(" | "));
        }
    }
}

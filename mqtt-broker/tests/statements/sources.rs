//! What tests show: the ids in their names and rows, and the cases in the tables of mqtt-codec.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::Id;

/// What the sources of the workspace name.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Statements, by names of tests and by rows of their tables, both as `mqtt_5_0__3_8_3_2`.
    pub(super) ids: BTreeSet<Id>,
    /// Names of tests.
    pub(super) tests: BTreeSet<String>,
}

/// The sides that the tables have of each rule: accept, refuse, no accept, no refuse.
pub(super) type Cases = BTreeMap<Id, Vec<String>>;

const CRATES: [&str; 4] = ["mqtt-codec", "mqtt-session", "mqtt-client", "mqtt-broker"];

/// What all sources of the workspace name, except this test, whose examples are made up.
pub(super) fn named() -> Named {
    let mut named = Named::default();
    for name in CRATES {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name), &mut named);
    }
    assert!(named.tests.len() > 500, "the tests of the workspace were found");
    named
}

fn collect(directory: &Path, named: &mut Named) {
    for entry in fs::read_dir(directory).expect("a directory of the workspace") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            if !path.ends_with("target") && !path.ends_with("mqtt-broker/tests/statements") {
                collect(&path, named);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let found = names_in(&fs::read_to_string(&path).expect("a source file"));
            named.ids.extend(found.ids);
            named.tests.extend(found.tests);
        }
    }
}

/// What one source names. An id in a comment, or in the name of a function that is no test, shows nothing.
pub(super) fn names_in(source: &str) -> Named {
    let mut named = Named::default();
    let mut is_test = false;
    for line in source.lines().map(str::trim_start).filter(|line| !line.starts_with("//")) {
        is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        let function = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if let Some(rest) = function.filter(|_| is_test) {
            is_test = false;
            let name = rest.split('(').next().unwrap_or_default();
            named.tests.insert(name.to_owned());
            named.ids.extend(ids(name));
        }
        for row in line.split('"').skip(1).step_by(2).filter(|text| text.starts_with("mqtt_")) {
            named.ids.extend(ids(row));
        }
    }
    named
}

/// The ids in `mqtt_3_1_1__3_1_2_4_and_mqtt_5_0__3_1_2_23_what_is_shown`.
fn ids(name: &str) -> impl Iterator<Item = Id> {
    name.split("_and_").filter_map(|part| {
        let (version, rest) = part.strip_prefix("mqtt_")?.split_once("__")?;
        let numbers: Vec<&str> = rest.split('_').take(4).collect();
        let [chapter, section, part, number] = numbers[..] else { return None };
        let is_id = numbers.iter().all(|number| number.parse::<u8>().is_ok());
        is_id.then(|| (version.replace('_', "."), format!("MQTT-{chapter}.{section}.{part}-{number}")))
    })
}

/// The cases of the tables that mqtt-codec checks.
pub(super) fn cases() -> Cases {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mqtt-codec/tests/statements");
    let mut cases = Cases::new();
    for version in ["3.1", "3.1.1", "5.0"] {
        let table = fs::read_to_string(directory.join(format!("{version}.tsv"))).expect("a table of cases");
        for line in table.lines().skip(1) {
            let (id, rest) = line.split_once('\t').expect("an id");
            let side = rest.split('\t').next().unwrap_or_default();
            cases.entry((version.to_owned(), id.to_owned())).or_default().push(side.to_owned());
        }
    }
    cases
}

/// What a rule lacks that has these sides: a case for each side, or a line that says why there is none.
pub(super) fn missing_sides(sides: &[String]) -> impl Iterator<Item = &'static str> {
    let has = |side| sides.iter().any(|other| other == side);
    let sides =
        [("accept", "no accept", "accept, or no accept"), ("refuse", "no refuse", "refuse, or no refuse")];
    sides
        .map(|(case, reason, one)| match (has(case), has(reason)) {
            (false, false) => Some(case),
            (true, true) => Some(one),
            _ => None,
        })
        .into_iter()
        .flatten()
}

#[test]
fn names_are_read_from_tests_and_rows_and_from_nothing_else() {
    let source = r#"
        // mqtt_5_0__1_1_1_1
        /// "mqtt_5_0__1_1_1_1"
        fn mqtt_5_0__1_1_1_2_helper() {}
        #[test]
        fn mqtt_3_1_1__3_1_2_4_and_mqtt_5_0__4_13_1_1_2_things() {
            let rows = [("C0:", 1, "mqtt_5_0__1_5_5_1"), ("mqtt_broker", 2, "mqtt_5_0__1_x")];
        }
        #[tokio::test(start_paused = true)]
        async fn a_sentence() {}
        #[test]
        #[ignore = "reason"]
        fn mqtt_3_1__3_1_0_1_said(
        )"#;
    let named = names_in(source);
    let ids: Vec<_> = named.ids.iter().map(|(version, id)| format!("{version} {id}")).collect();
    let expected = ["3.1 MQTT-3.1.0-1", "3.1.1 MQTT-3.1.2-4", "5.0 MQTT-1.5.5-1", "5.0 MQTT-4.13.1-1"];
    assert_eq!(ids, expected);
    let tests =
        ["a_sentence", "mqtt_3_1_1__3_1_2_4_and_mqtt_5_0__4_13_1_1_2_things", "mqtt_3_1__3_1_0_1_said"];
    assert_eq!(named.tests.into_iter().collect::<Vec<_>>(), tests);
}

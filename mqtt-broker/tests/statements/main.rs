//! Which normative statements are tested, by their ids: for people who want to know, and against forgetting.
//!
//! `mqtt-3.1.1.tsv` and `mqtt-5.0.tsv` list the statements of the standards, `rules.tsv` what they demand without an
//! id, and what is different in 3.1. `uncovered.tsv` lists what no test shows, with the reason: it must be exact, so
//! that a test that disappears is noticed, and so is one that comes. `cargo test --test statements -- --nocapture`
//! prints the counts.

mod sources;

use std::collections::{BTreeMap, BTreeSet};

use sources::{Cases, Named};

/// A version and an id: the same id is another statement in another version.
type Id = (String, String);

/// Where a statement is tested best.
const LAYERS: [&str; 5] = ["codec", "session", "client", "broker", "transport"];

struct Statement {
    id: Id,
    layer: String,
    /// The test that shows it without its id; `-` if there is none. Rules that have no id need one.
    test: Option<String>,
}

fn statements() -> Vec<Statement> {
    let mut statements = table(include_str!("mqtt-3.1.1.tsv"));
    statements.extend(table(include_str!("mqtt-5.0.tsv")));
    assert_eq!(statements.len(), 141 + 251, "the standards have not changed");
    statements.extend(table(include_str!("rules.tsv")));
    statements
}

/// Reads version, id, layer, who is bound, words, and perhaps a test.
fn table(text: &str) -> Vec<Statement> {
    let rows = text.lines().skip(1).map(|line| {
        let columns: Vec<&str> = line.split('\t').collect();
        assert!(columns.iter().all(|column| !column.is_empty()), "{line}");
        let [version, id, layer, bound, _words, test @ ..] = &columns[..] else {
            panic!("{line} has too few columns")
        };
        assert!(LAYERS.contains(layer) && ["client", "server", "both"].contains(bound), "{line}");
        Statement {
            id: pair(version, id),
            layer: (*layer).into(),
            test: test.first().map(|test| (*test).into()),
        }
    });
    rows.collect()
}

/// What no test shows, and why.
fn uncovered(text: &str) -> BTreeMap<Id, String> {
    let rows = text.lines().skip(1).map(|line| {
        let [version, id, why] = line.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{line} needs a version, an id and a reason")
        };
        assert!(why.contains(' '), "{line}: that is no reason");
        (pair(version, id), why.to_owned())
    });
    rows.collect()
}

fn pair(version: &str, id: &str) -> Id {
    (version.to_owned(), id.to_owned())
}

/// Everything that is wrong with the lists, given what tests show.
fn faults(
    statements: &[Statement],
    uncovered: &BTreeMap<Id, String>,
    named: &Named,
    cases: &Cases,
) -> Vec<String> {
    let known: BTreeSet<&Id> = statements.iter().map(|statement| &statement.id).collect();
    let mut faults = Vec::new();
    if known.len() != statements.len() {
        faults.push("an id stands twice".to_owned());
    }
    for id in named.ids.iter().chain(cases.keys()).chain(uncovered.keys()) {
        if !known.contains(id) {
            faults.push(format!("{} {} is not in the tables of statements", id.0, id.1));
        }
    }
    for statement in statements {
        let (version, id) = &statement.id;
        let shown = is_shown(statement, named, cases);
        match (shown, uncovered.get(&statement.id)) {
            (true, Some(_)) => faults.push(format!("{version} {id} is shown now: take it off uncovered.tsv")),
            (false, None) => faults.push(format!("{version} {id} ({}): no test shows it", statement.layer)),
            _ => {}
        }
        if let Some(test) =
            statement.test.as_ref().filter(|test| *test != "-" && !named.tests.contains(*test))
        {
            faults.push(format!("{version} {id}: there is no test {test}"));
        }
        if statement.layer == "codec" {
            let sides = cases.get(&statement.id).map_or(&[][..], |sides| &sides[..]);
            faults.extend(
                sources::missing_sides(sides).map(|side| format!("{version} {id} has no case: {side}")),
            );
        }
    }
    faults
}

fn is_shown(statement: &Statement, named: &Named, cases: &Cases) -> bool {
    let by_table = statement.layer == "codec" && cases.contains_key(&statement.id);
    let by_test = statement.test.as_ref().is_some_and(|test| named.tests.contains(test));
    by_table || by_test || named.ids.contains(&statement.id)
}

#[test]
fn every_statement_is_shown_by_a_test_or_has_a_reason_why_not() {
    let (statements, uncovered) = (statements(), uncovered(include_str!("uncovered.tsv")));
    let (named, cases) = (sources::named(), sources::cases());
    let mut counts: BTreeMap<(usize, &str), (usize, usize)> = BTreeMap::new();
    for statement in &statements {
        let layer = LAYERS.iter().position(|layer| *layer == statement.layer).expect("a known layer");
        let (shown, all) = counts.entry((layer, &statement.id.0)).or_default();
        *all += 1;
        if is_shown(statement, &named, &cases) {
            *shown += 1;
        }
    }
    println!("statements shown by tests, with the rules that have no id:");
    for ((layer, version), (shown, all)) in counts {
        println!("  {:9} of {version:5} {shown:3} of {all:3}", LAYERS[layer]);
    }
    for ((version, id), why) in &uncovered {
        println!("  not shown: {version} {id}: {why}");
    }
    let faults = faults(&statements, &uncovered, &named, &cases);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_gap_in_the_lists_is_found() {
    let statements = table(
        "version\tid\tlayer\tbound\twords\n\
         5.0\tMQTT-1.1.1-1\tcodec\tboth\ta\n\
         5.0\tMQTT-1.1.1-2\tbroker\tserver\tb\n\
         3.1\tnamed\tsession\tclient\tc\tthe_test",
    );
    let cases = |sides: &[&str]| {
        let sides = sides.iter().map(|side| (*side).to_owned()).collect();
        Cases::from([(pair("5.0", "MQTT-1.1.1-1"), sides)])
    };
    let both = cases(&["refuse", "accept"]);
    let test = "#[test]\nfn mqtt_5_0__1_1_1_2_b() {}\n#[test]\nfn the_test() {}";
    let none = BTreeMap::new();
    let seen = |list: &str, source: &str, cases: &Cases| {
        let list = if list.is_empty() { none.clone() } else { uncovered(&format!("\n{list}")) };
        faults(&statements, &list, &sources::names_in(source), cases).join("; ")
    };
    assert_eq!(seen("", test, &both), "");
    let other = &test[test.find("#[test]\nfn the").expect("it is there")..];
    assert_eq!(seen("", other, &both), "5.0 MQTT-1.1.1-2 (broker): no test shows it");
    assert_eq!(seen("5.0\tMQTT-1.1.1-2\tnot built", other, &both), "");
    let stale = "5.0 MQTT-1.1.1-2 is shown now: take it off uncovered.tsv";
    assert_eq!(seen("5.0\tMQTT-1.1.1-2\tnot built", test, &both), stale);
    assert_eq!(seen("", test, &cases(&["accept"])), "5.0 MQTT-1.1.1-1 has no case: refuse");
    assert_eq!(seen("", test, &cases(&["accept", "no refuse"])), "");
    let both_and_none = cases(&["accept", "refuse", "no refuse"]);
    assert_eq!(seen("", test, &both_and_none), "5.0 MQTT-1.1.1-1 has no case: refuse, or no refuse");
    let strange = format!("{test}\n#[test]\nfn mqtt_3_1_1__9_9_9_9_c() {{}}");
    assert_eq!(seen("", &strange, &both), "3.1.1 MQTT-9.9.9-9 is not in the tables of statements");
    let renamed = test.replace("the_test", "a_test");
    let gone = "3.1 named (session): no test shows it; 3.1 named: there is no test the_test";
    assert_eq!(seen("", &renamed, &both), gone);
}

//! Permissions: what one look at 1,000 rules costs, by the shape of the rules.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use mqtt_broker::core::User;
use mqtt_broker::core::access::{Actions, Audience, ClientAccess, Pattern, Rule, Rules, parse_mosquitto};
use mqtt_codec::Text;

const RULES: usize = 1_000;

fn rule(line: usize, audience: Audience, topic: &str) -> Rule {
    let topics = vec![Pattern::new(topic).expect("a filter")];
    Rule { line, allow: !line.is_multiple_of(7), actions: Actions::ALL, audience, topics, text: None }
}

fn named(users: Vec<Box<str>>, groups: Vec<Box<str>>) -> Audience {
    Audience::Named { anonymous: false, users, groups, clients: Vec::new() }
}

fn access(rules: Rules, groups: &[&str]) -> ClientAccess {
    let text = |text: &str| Text::new(text).expect("a text");
    let user = User {
        name: Some(text("u500")),
        groups: groups.iter().map(|group| text(group)).collect(),
        permissions: None,
    };
    Arc::new(rules).of(&text("device-500"), Some(&Arc::new(user))).expect("rules that refuse something")
}

/// All rules are for everyone, each about another branch.
fn everyone() -> ClientAccess {
    let rules = (0..RULES).map(|number| {
        let topic = match number % 4 {
            0 => format!("site/{number}/device/+/state"),
            1 => format!("site/{number}/device/%c/#"),
            2 => format!("site/+/device/{number}/state"),
            _ => format!("site/{number}/#"),
        };
        rule(number + 1, Audience::Everyone, &topic)
    });
    access(Rules::new("rules", rules.collect(), &BTreeMap::new()).expect("rules"), &[])
}

/// Half of the rules are for everyone, the others for groups, of which the user is in twenty.
fn groups() -> ClientAccess {
    let names: Vec<String> = (0..RULES / 2).map(|number| format!("g{number}")).collect();
    let groups = names.iter().map(|name| (name.as_str().into(), Vec::new())).collect();
    let for_groups = names.iter().enumerate().map(|(number, name)| {
        let audience = named(Vec::new(), vec![name.as_str().into()]);
        rule(number + 1, audience, &format!("site/{}/device/+/state", number + 501))
    });
    let for_all =
        (0..RULES / 2).map(|number| rule(number + 501, Audience::Everyone, &format!("site/{number}/#")));
    let rules = Rules::new("rules", for_groups.chain(for_all).collect(), &groups).expect("rules");
    access(rules, &names.iter().step_by(25).map(String::as_str).collect::<Vec<_>>())
}

/// A file as mosquitto has it: two lines for each of many users, and some patterns.
fn mosquitto() -> ClientAccess {
    let users = (0..RULES / 2 - 5).map(|number| {
        format!("user u{number}\ntopic readwrite site/{number}/#\ntopic deny site/{number}/secret\n")
    });
    let patterns = (0..10).map(|number| format!("pattern read site/+/{number}/%c\n"));
    let text: String = users.chain(patterns).collect();
    access(parse_mosquitto("acl", &text).expect("a file"), &[])
}

/// Every rule begins with `+`, so that a topic goes both ways at each level.
fn branching() -> ClientAccess {
    let rules = (0..RULES).map(|number| {
        let topic = match number % 3 {
            0 => format!("+/{number}/device/+/x{number}"),
            1 => format!("site/+/device/+/y{number}"),
            _ => format!("+/+/device/{number}/#"),
        };
        rule(number + 1, Audience::Everyone, &topic)
    });
    access(Rules::new("rules", rules.collect(), &BTreeMap::new()).expect("rules"), &[])
}

fn publish(criterion: &mut Criterion) {
    let topics: Vec<String> =
        (0..RULES).map(|number| format!("site/{number}/device/device-{number}/state")).collect();
    let mut group = criterion.benchmark_group("may_publish");
    for (name, access) in [
        ("everyone", everyone()),
        ("groups", groups()),
        ("mosquitto", mosquitto()),
        ("branching", branching()),
    ] {
        let mut next = topics.iter().cycle();
        group.bench_function(BenchmarkId::new(name, RULES), |bencher| {
            bencher.iter(|| access.may_publish(black_box(next.next().map_or("", String::as_str)), false));
        });
    }
    group.finish();
}

fn subscribe(criterion: &mut Criterion) {
    let access = everyone();
    criterion.bench_function("may_subscribe/1000", |bencher| {
        bencher.iter(|| access.may_subscribe(black_box("site/501/device/device-500/#")));
    });
}

criterion_group!(benches, publish, subscribe);
criterion_main!(benches);

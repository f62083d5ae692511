//! House rules that neither the compiler nor clippy sees, for the whole workspace.
#![cfg(feature = "net")]

use std::fs;
use std::path::{Path, PathBuf};

/// Longer files hold two ideas.
const LINES: usize = 600;

/// Where nothing may know a socket, a thread or a clock.
const PURE: [&str; 3] = ["mqtt-codec/src", "mqtt-session/src", "mqtt-broker/src/core"];

/// What pure code may not name.
const IMPURE: [&str; 8] =
    ["tokio", "mio::", "std::fs", "std::net", "std::process", "std::thread", "Instant::now", "SystemTime"];

/// Where pure code meets tokio, behind a feature: it implements traits, and does not read or wait itself.
const ADAPTER: &str = "mqtt-codec/src/framed.rs";

/// What the pure crates may need, beside each other.
const DEPENDENCIES: [(&str, &[&str]); 2] = [
    ("mqtt-codec", &["arbitrary", "bytes", "nom", "serde", "thiserror", "tokio-util"]),
    ("mqtt-session", &["arbitrary", "bytes", "mqtt-codec", "serde", "thiserror"]),
];

struct Source {
    path: String,
    text: String,
}

impl Source {
    fn is_in(&self, directories: &[&str]) -> bool {
        directories.iter().any(|directory| self.path.starts_with(directory))
    }

    /// Numbered lines without those that are comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// The same without tests, which stand at the bottom of a file or in files of their own.
    fn product(&self) -> impl Iterator<Item = (usize, &str)> {
        let tests = self.path.contains("/tests/") || self.path.ends_with("/tests.rs");
        self.code().take_while(move |(_, line)| !tests && !line.starts_with("#[cfg(test)]"))
    }
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    for top in ["mqtt-codec", "mqtt-session", "mqtt-client", "mqtt-broker", "benches", "examples", "fuzz"] {
        collect(&workspace().join(top), top, &mut found);
    }
    assert!(found.len() > 50, "the workspace was not found");
    found
}

fn collect(directory: &Path, name: &str, found: &mut Vec<Source>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries {
        let path = entry.expect("a directory entry").path();
        let file = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let name = format!("{name}/{file}");
        if path.is_dir() && file != "target" {
            collect(&path, &name, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(Source { text: fs::read_to_string(&path).expect(&name), path: name });
        }
    }
}

/// Fails with all places at once, so that one run is enough.
fn none(rule: &str, places: &[String]) {
    assert!(places.is_empty(), "{rule}:\n{}", places.join("\n"));
}

#[test]
fn files_are_short() {
    let long = sources().into_iter().filter_map(|source| {
        let lines = source.text.lines().count();
        (lines > LINES).then(|| format!("{}: {lines} lines", source.path))
    });
    none("a file has at most 600 lines", &long.collect::<Vec<_>>());
}

#[test]
fn pure_code_knows_no_socket_thread_or_clock() {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| source.is_in(&PURE) && source.path != ADAPTER) {
        for (number, line) in source.code().filter(|(_, line)| !line.starts_with("#[cfg(feature")) {
            if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                places.push(format!("{}:{number}: {word}", source.path));
            }
        }
    }
    none("drivers do this, not pure code", &places);
}

#[test]
fn pure_crates_need_only_what_was_agreed() {
    for (name, allowed) in DEPENDENCIES {
        let manifest = fs::read_to_string(workspace().join(name).join("Cargo.toml")).expect(name);
        let manifest: toml::Table = manifest.parse().expect(name);
        let dependencies = manifest["dependencies"].as_table().expect("a table");
        let other = dependencies.keys().filter(|key| !allowed.contains(&key.as_str())).cloned();
        none(&format!("{name} may not need"), &other.collect::<Vec<_>>());
        assert!(!manifest.contains_key("target"), "{name} has dependencies by target");
    }
}

#[test]
fn pure_crates_do_not_panic_by_unwrapping() {
    let mut places = Vec::new();
    for source in sources().iter().filter(|source| source.is_in(&PURE[..2])) {
        let unwraps = source.product().filter(|(_, line)| line.contains(".unwrap()"));
        places.extend(unwraps.map(|(number, _)| format!("{}:{number}", source.path)));
    }
    none("peers decide what is in the bytes", &places);
}

#[test]
fn nothing_is_left_for_later_without_saying_where() {
    // Written in two parts, so that this file does not contain them.
    let todo = concat!("TO", "DO");
    let numbered = concat!("TO", "DO(#");
    let stray = [
        concat!("dbg", "!("),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("FIX", "ME"),
        concat!("XX", "X"),
    ];
    let mut places = Vec::new();
    for source in sources() {
        for (index, line) in source.text.lines().enumerate() {
            let unnumbered = line.contains(todo) && !line.contains(numbered);
            if unnumbered || stray.iter().any(|word| line.contains(word)) {
                places.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    none("left behind", &places);
}

/// rustc 1.95 may return the wrong value of `let k = a & b != 0; n += usize::from(k); k` when it optimises.
#[test]
fn a_truth_value_is_not_both_counted_and_returned() {
    let mut places = Vec::new();
    for source in sources() {
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (index, line) in lines.iter().enumerate() {
            let Some(name) = counted(line) else { continue };
            let mut rest = lines[index + 1..].iter().take_while(|line| **line != "}").take(6);
            if rest.any(|line| *line == name || *line == format!("return {name};")) {
                places.push(format!("{}:{}: {line}", source.path, index + 1));
            }
        }
    }
    none("write `if k { n += 1; }` instead", &places);
}

/// The name in `n += usize::from(name);` and `n += name as usize;`.
fn counted(line: &str) -> Option<&str> {
    let (_, value) = line.split_once(" += ")?;
    let value = value.strip_suffix(';')?;
    let name = match value.split_once("::from(") {
        Some((_, argument)) => argument.strip_suffix(')')?,
        None => value.split_once(" as ")?.0,
    };
    name.chars().all(|c| c.is_alphanumeric() || c == '_').then_some(name)
}

#[test]
fn the_rules_find_what_they_look_for() {
    assert_eq!(counted("self.len += usize::from(was_new);"), Some("was_new"));
    assert_eq!(counted("n += k as u64;"), Some("k"));
    assert_eq!(counted("n += usize::from(a & b != 0);"), None);
    assert_eq!(counted("n += 1;"), None);

    let text = "// x.unwrap()\nlet y = x.unwrap();\n#[cfg(test)]\nx.unwrap()".to_owned();
    let source = Source { path: "mqtt-codec/src/read.rs".to_owned(), text };
    assert!(source.is_in(&PURE) && !source.is_in(&["mqtt-client"]));
    assert_eq!(source.code().count(), 3);
    assert_eq!(source.product().collect::<Vec<_>>(), [(2, "let y = x.unwrap();")]);
}

//! Configuration files.

use std::net::IpAddr;

use mqtt_broker::config::{Config, Listener};

/// Finds texts that cannot be read without a panic, mistakes whose line is not there, addresses that are written otherwise than
/// they are read, and configurations that a reload would change although nothing in them is new.
pub fn configuration(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    if names_a_host(text) {
        return;
    }
    let lines = 1 + text.bytes().filter(|byte| *byte == b'\n').count();
    let config: Config = match text.parse() {
        Ok(config) => config,
        Err(error) => {
            assert!((1..=lines).contains(&error.line), "{error}");
            assert!(!error.message.is_empty() && !error.message.contains('\n'), "{error:?}");
            return;
        }
    };
    assert_eq!(
        format!("{text}\n# the end").parse(),
        Ok(config.clone()),
        "a comment behind it is no part of it"
    );
    for listener in &config.listeners {
        let written = listener.address.to_string();
        let read: Listener = written.parse().unwrap_or_else(|error| panic!("{written}: {error}"));
        assert_eq!(read.address, listener.address, "{written}");
    }
    if let Err(error) = config.check() {
        let line = error.place().line(text);
        assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{error}");
    }
    assert_eq!(config.renewed(config.clone()), (config.clone(), Vec::new()), "nothing is new");
    let (renewed, waiting) = Config::default().renewed(config.clone());
    assert_eq!(renewed.shards, Config::default().shards, "threads stay");
    assert_eq!(config.shards != renewed.shards, waiting.iter().any(|name| name == "shards"), "{waiting:?}");
}

/// Whether an address may have the name of a host, which would be looked up. What TOML could hide is a name as well.
fn names_a_host(text: &str) -> bool {
    let is_name = |rest: &str| {
        let host = match rest.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => rest.split([':', '/', '?', '#', '"', '\'', '\n']).next(),
        };
        host.is_none_or(|host| !host.is_empty() && host.parse::<IpAddr>().is_err())
    };
    text.contains('\\') || text.split("://").skip(1).any(is_name)
}

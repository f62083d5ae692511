//! A configuration that replaces the one that a broker runs with.

use super::{Config, Listener};

impl Config {
    /// What a broker that runs with this configuration makes of `new`: everything that can change while it runs, beside
    /// what cannot and stays. With it come the names of settings that differ and wait for the next start.
    ///
    /// What stays are the addresses of listeners and the permissions of their files, `shards`, `sys_interval`, `auth.workers`, the
    /// tables `[tcp]` and `[store]`, and `limits.match_cache`. A listener is known by its address, and by its place among those with the same.
    pub fn renewed(&self, new: Self) -> (Self, Vec<String>) {
        let mut waiting = Vec::new();
        let listeners = self.renewed_listeners(&new, &mut waiting);
        let fixed = [
            ("shards", self.shards != new.shards),
            ("sys_interval", self.sys_interval != new.sys_interval),
            ("auth.workers", self.auth.workers != new.auth.workers),
            ("[tcp]", self.tcp != new.tcp),
            ("[store]", self.store != new.store),
            ("limits.match_cache", self.limits.match_cache != new.limits.match_cache),
        ];
        waiting.extend(fixed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name.to_owned()));
        let mut renewed = Self {
            listeners,
            shards: self.shards,
            sys_interval: self.sys_interval,
            tcp: self.tcp.clone(),
            store: self.store.clone(),
            ..new
        };
        renewed.auth.workers = self.auth.workers;
        renewed.limits.match_cache = self.limits.match_cache;
        renewed.session.store = self.session.store;
        (renewed, waiting)
    }

    fn renewed_listeners(&self, new: &Self, waiting: &mut Vec<String>) -> Vec<Listener> {
        let mut given: Vec<&Listener> = new.listeners.iter().collect();
        let renew = |old: &Listener| {
            let Some(found) = given.iter().position(|listener| listener.address == old.address) else {
                waiting.push(format!("the end of {}", old.address));
                return old.clone();
            };
            let listener = given.remove(found);
            if listener.permissions != old.permissions {
                waiting.push(format!("the permissions of {}", old.address));
            }
            Listener { permissions: old.permissions, ..listener.clone() }
        };
        let listeners = self.listeners.iter().map(renew).collect();
        waiting.extend(given.into_iter().map(|listener| format!("the new listener {}", listener.address)));
        listeners
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use super::*;

    fn config(urls: &[&str]) -> Config {
        let listeners = urls.iter().map(|url| url.parse().expect(url)).collect();
        Config { listeners, ..Config::default() }
    }

    #[test]
    fn what_can_change_changes_and_what_cannot_is_named() {
        let old = config(&["tcp://127.0.0.1:1", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0"]);
        let mut new = config(&["tcp://127.0.0.1:0", "tls://127.0.0.1:2", "tcp://127.0.0.1:0"]);
        new.listeners[0].connections = Some(7);
        new.shards = NonZeroU16::new(4).expect("not zero");
        new.limits.match_cache = 1;
        new.limits.connections = 5;
        new.lobby.half_open = 6;
        let (renewed, waiting) = old.renewed(new.clone());
        assert_eq!(
            waiting,
            [
                "the end of tcp://127.0.0.1:1",
                "the new listener tls://127.0.0.1:2",
                "shards",
                "limits.match_cache"
            ]
        );
        let mut expected = new;
        expected.listeners.clone_from(&old.listeners);
        expected.listeners[1].connections = Some(7);
        (expected.shards, expected.limits.match_cache) = (old.shards, old.limits.match_cache);
        assert_eq!(renewed, expected);
    }

    #[test]
    fn the_same_again_waits_for_nothing() {
        let old = config(&["tcp://127.0.0.1:0", "ws://127.0.0.1:0"]);
        let (renewed, waiting) = old.renewed(old.clone());
        assert!(waiting.is_empty() && renewed == old);
    }
}

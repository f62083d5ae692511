//! Who a client is: certificates, tokens, and a server that is asked, each through the whole broker.

#[path = "../transports/authority.rs"]
mod authority;
#[path = "../peer/mod.rs"]
mod peer;
#[path = "../transports/secure.rs"]
#[allow(dead_code, reason = "for tests of transports as well")]
mod secure;
#[path = "../../src/auth/http/tests/server.rs"]
#[allow(dead_code, reason = "for other tests as well")]
mod server;

mod asked;
mod certificates;
mod tokens;

use std::fs;
use std::path::PathBuf;

use mqtt_codec::{Connect, ReasonCode, Text, Version};

use peer::Peer;
use peer::packets::connect;

const ALL: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

/// CONNECT with user name and password.
fn named(version: Version, client_id: &str, user_name: &str, password: &str) -> Connect {
    Connect {
        user_name: Some(Text::new(user_name).expect("text")),
        password: Some(password.as_bytes().to_vec().into()),
        ..connect(version, client_id)
    }
}

/// What the broker says to a CONNECT.
fn answer(broker: &peer::Running, connect: Connect) -> ReasonCode {
    Peer::ask(broker.address, connect).1
}

/// A file that nobody else has, removed with the value.
struct File(PathBuf);

impl File {
    fn new(name: &str, content: &[u8]) -> Self {
        let name = format!("evidence-{}-{name}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, content).expect("written");
        Self(path)
    }

    fn path(&self) -> Option<PathBuf> {
        Some(self.0.clone())
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

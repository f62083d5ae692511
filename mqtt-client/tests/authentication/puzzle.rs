//! A method of authentication for tests, and the server's side of it.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use mqtt_client::{Authentication, ConnectOptions, ReasonCode, Version};
use mqtt_codec::{Auth, ConnAck, Packet};
use tokio::sync::Notify;

use crate::common::options;
use crate::common::script::Peer;

type Said = Result<Option<Bytes>, Box<dyn Error + Send + Sync>>;

/// Starts with its number, answers in capitals, and trusts who says `proof`.
pub(crate) struct Puzzle {
    number: usize,
    method: &'static str,
    go: Arc<Notify>,
}

impl Authentication for Puzzle {
    fn method(&self) -> &str {
        self.method
    }

    async fn start(&mut self) -> Said {
        match self.number {
            13 => Err("unlucky".into()),
            66 => Ok(Some(vec![b'x'; 100].into())),
            77 => Ok(Some(vec![b'x'; 70_000].into())),
            number => Ok(Some(number.to_string().into())),
        }
    }

    async fn step(&mut self, data: Option<&[u8]>) -> Said {
        match data {
            None => Ok(None),
            Some(b"bad") => Err("no such puzzle".into()),
            Some(b"long") => Ok(Some(vec![b'x'; 100].into())),
            Some(data) => {
                if data == b"wait" {
                    self.go.notified().await;
                }
                Ok(Some(data.to_ascii_uppercase().into()))
            }
        }
    }

    fn finish(&mut self, data: Option<&[u8]>) -> Result<(), Box<dyn Error + Send + Sync>> {
        if data == Some(b"proof") { Ok(()) } else { Err("no proof".into()) }
    }
}

/// Options with puzzles numbered from `first`. What waits goes on when the other is notified.
pub(crate) fn puzzles(first: usize) -> (ConnectOptions, Arc<Notify>) {
    let (number, go) = (AtomicUsize::new(first), Arc::new(Notify::new()));
    let make = {
        let go = Arc::clone(&go);
        move || Puzzle {
            number: number.fetch_add(1, Ordering::Relaxed),
            method: "PUZZLE",
            go: Arc::clone(&go),
        }
    };
    (options(Version::V5, "me").authentication(make), go)
}

/// Options with puzzles that have these names in turn.
pub(crate) fn named<const N: usize>(names: [&'static str; N]) -> ConnectOptions {
    let number = AtomicUsize::new(0);
    options(Version::V5, "me").authentication(move || Puzzle {
        number: 0,
        method: names[number.fetch_add(1, Ordering::Relaxed) % N],
        go: Arc::default(),
    })
}

pub(crate) fn auth(reason: ReasonCode, method: &str, data: &str) -> Packet {
    Packet::Auth(Auth {
        reason,
        method: method.try_into().unwrap(),
        data: Some(Bytes::copy_from_slice(data.as_bytes())),
        reason_string: None,
        user_properties: Vec::new(),
    })
}

/// AUTH with Continue authentication.
pub(crate) fn go_on(data: &str) -> Packet {
    auth(ReasonCode::ContinueAuthentication, "PUZZLE", data)
}

/// AUTH with Re-authenticate.
pub(crate) fn anew(data: &str) -> Packet {
    auth(ReasonCode::ReAuthenticate, "PUZZLE", data)
}

/// AUTH with Success.
pub(crate) fn done(data: &str) -> Packet {
    auth(ReasonCode::Success, "PUZZLE", data)
}

pub(crate) fn connack(method: Option<&str>, data: &'static str) -> ConnAck {
    let mut connack = ConnAck::new(false, ReasonCode::Success);
    connack.properties.authentication_method = method.map(|method| method.try_into().unwrap());
    connack.properties.authentication_data = method.map(|_| Bytes::from_static(data.as_bytes()));
    connack
}

/// CONNACK of a server that has proved itself.
pub(crate) async fn accept(peer: &mut Peer) {
    peer.send(Packet::ConnAck(connack(Some("PUZZLE"), "proof"))).await;
}

/// The reason of the DISCONNECT that comes next, before the end.
pub(crate) async fn goodbye(peer: &mut Peer) -> ReasonCode {
    let Packet::Disconnect(disconnect) = peer.receive().await else { panic!("no DISCONNECT") };
    peer.closed().await;
    disconnect.reason
}

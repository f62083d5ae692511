//! The client's part of SCRAM-SHA-256, by another library than the broker's.

use std::fs;
use std::num::NonZeroU32;
use std::path::PathBuf;

use data_encoding::BASE64;
use mqtt_broker::auth::scram::Users;
use ring::{digest, hmac, pbkdf2};

use super::client::Client;

/// What a client has said first, and what it was asked.
pub(crate) struct Asked {
    first: String,
    pub(crate) challenge: String,
}

impl Asked {
    /// Takes AUTH with Continue.
    #[track_caller]
    pub(crate) fn receive(client: &mut Client, first: &str) -> Self {
        let packet = client.packet();
        assert_eq!((packet[0], packet[2]), (0xF0, 0x18), "{}", packet.escape_ascii());
        Self { first: first.to_owned(), challenge: data(&packet) }
    }

    pub(crate) fn nonce(&self) -> &str {
        self.challenge.split(',').next().and_then(|nonce| nonce.strip_prefix("r=")).expect("a nonce")
    }

    /// The answer of somebody with this password, and what the server has to say to it.
    pub(crate) fn answer(&self, password: &str) -> (String, String) {
        let parts: Vec<&str> = self.challenge.split(',').collect();
        let [nonce, salt, iterations] = parts[..] else { panic!("{}", self.challenge) };
        let salt = BASE64.decode(salt.strip_prefix("s=").expect("a salt").as_bytes()).expect("base64");
        let iterations: NonZeroU32 =
            iterations.strip_prefix("i=").expect("iterations").parse().expect("a number");
        let mut salted = [0; 32];
        pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, password.as_bytes(), &mut salted);
        let (header, bare) = self.first.split_at(self.first.find("n=").expect("a name"));
        let without_proof = format!("c={},{nonce}", BASE64.encode(header.as_bytes()));
        let message = format!("{bare},{},{without_proof}", self.challenge);
        let client = sign(&salted, "Client Key");
        let signature = sign(digest::digest(&digest::SHA256, &client).as_ref(), &message);
        let proof: Vec<u8> = client.iter().zip(&signature).map(|(byte, other)| byte ^ other).collect();
        let proved = sign(&sign(&salted, "Server Key"), &message);
        (format!("{without_proof},p={}", BASE64.encode(&proof)), format!("v={}", BASE64.encode(&proved)))
    }
}

fn sign(key: &[u8], text: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes()).as_ref().to_vec()
}

/// Authentication Data of a packet.
fn data(packet: &[u8]) -> String {
    const BEFORE: &[u8] = b"\x15\0\x0dSCRAM-SHA-256\x16";
    let at = packet.windows(BEFORE.len()).position(|window| window == BEFORE).expect("data of the method");
    let rest = &packet[at + BEFORE.len()..];
    let len = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
    String::from_utf8(rest[2..2 + len].to_vec()).expect("text")
}

/// CONNECT with a clean start.
pub(crate) fn connect(first: &str) -> String {
    format!("10: <MQTT> 05 02 0000 [15 <SCRAM-SHA-256> 16 <{first}>] <c>")
}

/// AUTH with a reason code.
pub(crate) fn auth(code: &str, data: &str) -> String {
    format!("F0: {code} [15 <SCRAM-SHA-256> 16 <{data}>]")
}

/// The text of a file with these users and passwords.
pub(crate) fn users(users: &[(&str, &str)]) -> String {
    let text = Users::with_secret("", [7; 32]);
    users.iter().enumerate().fold(text, |text, (index, (user, password))| {
        Users::with_password(&text, user, password, [index as u8; 16], 4_096).expect("a user")
    })
}

/// A file of one test, removed with it.
pub(crate) struct File(pub(crate) PathBuf);

impl File {
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let name = format!("scram-{}-{name}", std::process::id());
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::write(&path, text).expect("a temporary file");
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        // nobody misses it
        let _ = fs::remove_file(&self.0);
    }
}

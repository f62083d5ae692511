//! SCRAM-SHA-256 towards a server that knows one user.

use data_encoding::BASE64;
use hmac::{Hmac, KeyInit, Mac};
use mqtt_client::{
    AuthenticationError, Client, ConnectOptions, ConnectionError, ReasonCode, ReauthenticationError, Scram,
    Status, Version,
};
use mqtt_codec::{Auth, ConnAck, Packet};
use sha2::{Digest, Sha256};

use crate::common::script::{Peer, Server, server};
use crate::common::{options, start, within};
use crate::puzzle::{auth, goodbye};

const METHOD: &str = "SCRAM-SHA-256";
const SALT: &[u8] = b"a little salt";

/// What a server has kept of a password.
struct Kept {
    iterations: u32,
    stored_key: Vec<u8>,
    server_key: Vec<u8>,
}

fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(key).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

impl Kept {
    fn of(password: &str, iterations: u32) -> Self {
        let salted = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), SALT, iterations);
        let stored_key = Sha256::digest(sign(&salted, b"Client Key")).to_vec();
        Self { iterations, stored_key, server_key: sign(&salted, b"Server Key") }
    }

    /// What comes after `client-first-message`; `None` if the client's proof is wrong.
    async fn judge(&self, peer: &mut Peer, first: &str) -> Option<String> {
        let bare = first.strip_prefix("n,,").unwrap();
        let nonce = bare.strip_prefix("n=user,r=").unwrap();
        let challenge = format!("r={nonce}%more,s={},i={}", BASE64.encode(SALT), self.iterations);
        peer.send(auth(ReasonCode::ContinueAuthentication, METHOD, &challenge)).await;
        let answer = data(peer.receive().await, ReasonCode::ContinueAuthentication);
        let (without_proof, proof) = answer.split_once(",p=").unwrap();
        assert_eq!(without_proof, format!("c=biws,r={nonce}%more"));
        let message = format!("{bare},{challenge},{without_proof}");
        let signature = sign(&self.stored_key, message.as_bytes());
        let proof = BASE64.decode(proof.as_bytes()).unwrap();
        let client_key: Vec<_> = proof.iter().zip(&signature).map(|(byte, other)| byte ^ other).collect();
        let is_right = Sha256::digest(&client_key)[..] == self.stored_key[..];
        is_right.then(|| format!("v={}", BASE64.encode(&sign(&self.server_key, message.as_bytes()))))
    }

    /// The next connection, up to CONNACK.
    async fn accept(&self, server: &mut Server) -> Peer {
        let (mut peer, connect) = server.accept().await;
        assert_eq!(connect.properties.authentication_method.as_deref(), Some(METHOD));
        let first = String::from_utf8(connect.properties.authentication_data.unwrap().to_vec()).unwrap();
        let mut connack = ConnAck::new(false, ReasonCode::NotAuthorized);
        if let Some(last) = self.judge(&mut peer, &first).await {
            connack = ConnAck::new(false, ReasonCode::Success);
            connack.properties.authentication_method = Some(METHOD.try_into().unwrap());
            connack.properties.authentication_data = Some(last.into());
        }
        peer.send(Packet::ConnAck(connack)).await;
        peer
    }
}

/// The data of an AUTH of the client.
fn data(packet: Packet, expected: ReasonCode) -> String {
    let Packet::Auth(auth) = packet else { panic!("no AUTH") };
    let Auth { reason, method, data, .. } = auth;
    assert_eq!((reason, method.as_str()), (expected, METHOD));
    String::from_utf8(data.unwrap().to_vec()).unwrap()
}

fn scram() -> ConnectOptions {
    let scram = Scram::new("user", "pencil").unwrap();
    options(Version::V5, "me").authentication(move || scram.clone())
}

/// How the first attempt to connect ends.
async fn open(kept: &Kept) -> (Result<(), ConnectionError>, Peer) {
    let (pipes, mut server) = server(Version::V5, 7);
    let (_client, mut connection) = Client::with_dialer(scram(), pipes).unwrap();
    within(async { tokio::join!(connection.open(), kept.accept(&mut server)) }).await
}

#[tokio::test(start_paused = true)]
async fn client_and_server_prove_to_each_other_that_they_know_the_password_and_do_so_again() {
    let (pipes, mut server) = server(Version::V5, 7);
    let (client, _driver) = start(scram(), pipes);
    let kept = Kept::of("pencil", 4_096);
    let mut peer = kept.accept(&mut server).await;
    within(client.watch_status().wait_for(Status::is_connected)).await.unwrap();
    for proves in [true, false] {
        let again = {
            let client = client.clone();
            tokio::spawn(async move { client.reauthenticate().await })
        };
        let first = data(peer.receive().await, ReasonCode::ReAuthenticate);
        let last = kept.judge(&mut peer, &first).await.unwrap();
        let said = if proves { last.as_str() } else { "v=AAAA" };
        peer.send(auth(ReasonCode::Success, METHOD, said)).await;
        match within(again).await.unwrap() {
            Ok(()) => assert!(proves),
            Err(ReauthenticationError::Failed(AuthenticationError::Server(_))) => assert!(!proves),
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(goodbye(&mut peer).await, ReasonCode::UnspecifiedError);
    kept.accept(&mut server).await;
}

#[tokio::test(start_paused = true)]
async fn a_wrong_password_is_refused_by_the_server() {
    let (opened, _) = open(&Kept::of("pen", 4_096)).await;
    assert!(
        matches!(&opened, Err(ConnectionError::Refused(said)) if said.reason == ReasonCode::NotAuthorized),
        "{opened:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_that_knows_only_what_proofs_are_checked_with_is_not_trusted() {
    let mut kept = Kept::of("pencil", 4_096);
    kept.server_key.reverse();
    let (opened, mut peer) = open(&kept).await;
    let error = opened.unwrap_err();
    assert!(error.is_permanent());
    assert_eq!(
        error.to_string(),
        "authentication: the server has not proved who it is: \
         the server's signature is wrong: it does not know the password"
    );
    assert_eq!(goodbye(&mut peer).await, ReasonCode::UnspecifiedError);
}

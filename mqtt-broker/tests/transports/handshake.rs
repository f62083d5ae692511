//! Handshakes that are slow, cut or broken.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use mqtt_codec::{Connect, Packet, Version};
use rustls::client::ClientConfig;
use rustls::crypto::cipher::{OutboundChunks, OutboundPlainMessage};
use rustls::{
    ClientConnection, ConnectionTrafficSecrets, ContentType, ProtocolVersion, StreamOwned,
    SupportedCipherSuite, SupportedProtocolVersion,
};

use crate::authority::Authority;
use crate::peer::packets::{connect, will};
use crate::peer::{Running, start};
use crate::secure::{Secure, SecureTcp, TLS_1_2, TLS_1_3, config, connection};

/// Lets few bytes through, each call.
struct Narrow(TcpStream, usize);

impl Read for Narrow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(self.1);
        self.0.read(&mut buffer[..len])
    }
}

impl Write for Narrow {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.write(&bytes[..bytes.len().min(self.1)])
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// A connection that ends after so many bytes of what the client has to say.
fn cut(address: SocketAddr, config: &Arc<ClientConfig>, mut left: usize) {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut client = connection(config);
    while client.is_handshaking() || client.wants_write() {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        let sent = bytes.len().min(left);
        socket.write_all(&bytes[..sent]).unwrap();
        left -= sent;
        if left == 0 || !client.is_handshaking() {
            return;
        }
        client.read_tls(&mut socket).unwrap();
        client.process_new_packets().unwrap();
    }
}

/// Bytes that a client sends in its handshake.
fn length(address: SocketAddr, config: &Arc<ClientConfig>) -> usize {
    let mut socket = TcpStream::connect(address).unwrap();
    let mut client: ClientConnection = connection(config);
    let mut sent = 0;
    while client.is_handshaking() || client.wants_write() {
        while client.wants_write() {
            sent += client.write_tls(&mut socket).unwrap();
        }
        if client.is_handshaking() {
            client.read_tls(&mut socket).unwrap();
            client.process_new_packets().unwrap();
        }
    }
    sent
}

fn serves(broker: &Running, config: &Arc<ClientConfig>, version: &SupportedProtocolVersion) {
    let mut client = SecureTcp::connect(broker.address, config, connect(Version::V5, "client"));
    client.send(&[Packet::PingReq]).unwrap();
    assert_eq!(client.next(), Packet::PingResp, "{version:?}");
}

#[test]
fn a_handshake_that_is_cut_anywhere_leaves_nothing() {
    let authority = Authority::new();
    // places that were not given back would soon be too few
    let broker = start(2, |config| {
        config.listeners = vec![authority.listener()];
        config.limits.connections = 40;
    });
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut probe = SecureTcp::connect(broker.address, &config, connect(Version::V5, "probe"));
        let len = length(broker.address, &config);
        for left in (0..len).step_by(7) {
            cut(broker.address, &config, left);
            probe.send(&[Packet::PingReq]).unwrap();
            assert_eq!(probe.next(), Packet::PingResp);
        }
        serves(&broker, &config, version);
    }
    broker.shut_down();
}

#[test]
fn a_handshake_may_come_in_pieces_of_any_size() {
    let authority = Authority::new();
    let broker = start(2, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        for len in [1, 2, 5, 6, 50] {
            let socket = TcpStream::connect(broker.address).unwrap();
            socket.set_nodelay(true).unwrap();
            let stream = StreamOwned::new(connection(&config), Narrow(socket, len));
            let mut client = Secure::over(stream).introduce(connect(Version::V5, "narrow"));
            client.send(&[Packet::PingReq]).unwrap();
            assert_eq!(client.next(), Packet::PingResp);
        }
    }
    broker.shut_down();
}

#[test]
fn a_record_that_is_not_what_was_sent_ends_the_connection() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut client = SecureTcp::connect(broker.address, &config, connect(Version::V5, "client"));
        // application data that nobody has encrypted
        client.stream.sock.write_all(&[23, 3, 3, 0, 40]).unwrap();
        client.stream.sock.write_all(&[7; 40]).unwrap();
        let error = client.receive().expect_err("an alert");
        assert!(error.to_string().contains("BadRecordMac"), "{error}");
        serves(&broker, &config, version);
    }
    // a handshake message that would not end
    let mut endless = TcpStream::connect(broker.address).unwrap();
    let record = [&[22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff][..], &[0; 0x4000 - 4]].concat();
    while let Ok(()) = endless.write_all(&record) {}
    broker.shut_down();
}

/// A record of TLS 1.3 with three bytes of a handshake message that has more, as no library would send it.
fn half_a_message(config: &Arc<ClientConfig>, address: SocketAddr, connect: Connect) -> TcpStream {
    let client = SecureTcp::connect(address, config, connect);
    // the ticket comes with it
    assert_eq!(client.stream.conn.tls13_tickets_received(), 1);
    let StreamOwned { conn, mut sock } = client.stream;
    let Some(SupportedCipherSuite::Tls13(suite)) = conn.negotiated_cipher_suite() else { panic!("TLS 1.3") };
    let (sequence, secrets) = conn.dangerous_extract_secrets().unwrap().tx;
    let (ConnectionTrafficSecrets::Aes256Gcm { key, iv }
    | ConnectionTrafficSecrets::Aes128Gcm { key, iv }
    | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv }) = secrets
    else {
        panic!("a cipher")
    };
    let message = OutboundPlainMessage {
        typ: ContentType::Handshake,
        version: ProtocolVersion::TLSv1_2,
        payload: OutboundChunks::Single(&[24, 0, 0]),
    };
    let record = suite.aead_alg.encrypter(key, iv).encrypt(message, sequence).unwrap().encode();
    sock.write_all(&record).unwrap();
    sock
}

#[test]
fn half_a_handshake_message_does_not_keep_us_from_writing() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    let mut strange = config(&authority, TLS_1_3, None);
    strange.enable_secret_extraction = true;
    let strange = Arc::new(strange);
    let good = Arc::new(config(&authority, TLS_1_3, None));
    let mut watcher = SecureTcp::connect(broker.address, &good, connect(Version::V5, "watcher"));
    let with_will = Connect { will: Some(will("t", "gone", 0)), ..connect(Version::V5, "strange") };
    let mut half = half_a_message(&strange, broker.address, with_will);
    // taken over, it is told, and told that this is the end
    let _again = SecureTcp::connect(broker.address, &good, connect(Version::V5, "strange"));
    let mut told = Vec::new();
    half.read_to_end(&mut told).unwrap();
    assert_eq!(told.first(), Some(&23), "a record with DISCONNECT");
    watcher.send(&[Packet::PingReq]).unwrap();
    assert_eq!(watcher.next(), Packet::PingResp);
    broker.shut_down();
}

#[test]
fn a_handshake_with_any_byte_changed_harms_nobody_else() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut hello = Vec::new();
        connection(&config).write_tls(&mut hello).unwrap();
        for index in 0..hello.len() {
            for change in [1, 0x80] {
                let mut bytes = hello.clone();
                bytes[index] ^= change;
                let mut socket = TcpStream::connect(broker.address).unwrap();
                socket.write_all(&bytes).unwrap();
            }
        }
        serves(&broker, &config, version);
    }
    broker.shut_down();
}

#[test]
fn a_flood_of_handshakes_is_served_besides_clients() {
    let authority = Authority::new();
    let broker = start(1, |config| {
        config.listeners = vec![authority.listener()];
    });
    let config = Arc::new(config(&authority, TLS_1_3, None));
    let mut probe = SecureTcp::connect(broker.address, &config, connect(Version::V5, "probe"));
    let flood: Vec<TcpStream> = (0..100)
        .map(|_| {
            let mut socket = TcpStream::connect(broker.address).unwrap();
            let mut client = connection(&config);
            while client.wants_write() {
                client.write_tls(&mut socket).unwrap();
            }
            socket
        })
        .collect();
    for _ in 0..20 {
        probe.send(&[Packet::PingReq]).unwrap();
        assert_eq!(probe.next(), Packet::PingResp);
    }
    for mut socket in flood {
        let mut first = [0];
        match socket.read(&mut first) {
            Ok(1) => assert_eq!(first, [22], "a handshake record"),
            other => panic!("{other:?}"),
        }
    }
    broker.shut_down();
}

/// Nothing here may end with an error of the socket.
#[test]
fn a_client_that_ends_its_side_in_tls_is_answered_in_kind() {
    let authority = Authority::new();
    let broker = start(1, |config| config.listeners = vec![authority.listener()]);
    for version in [TLS_1_2, TLS_1_3] {
        let config = Arc::new(config(&authority, version, None));
        let mut client = SecureTcp::connect(broker.address, &config, connect(Version::V5, "client"));
        client.stream.conn.send_close_notify();
        client.stream.flush().unwrap();
        match client.receive() {
            Ok(None) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            other => panic!("{other:?}"),
        }
        serves(&broker, &config, version);
    }
    broker.shut_down();
}

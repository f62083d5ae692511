//! TLS as a value: ciphertext in and plain bytes out, and the other way.
//!
//! The buffers are the caller's. What rustls keeps between two calls is its own state, not bytes of the connection; it
//! remembers where in them a handshake message began, so each call has to show it all bytes that are not consumed.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::HandshakeKind;
use rustls::server::{ServerConfig, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncryptError, InsufficientSizeError, UnbufferedStatus,
};

use super::tls_failure::TlsFailure;

/// What a record needs beside its content, at most.
const OVERHEAD: usize = 64;
/// Bytes in a record, at most.
const RECORD: usize = 16 << 10;
/// The type of a record with a handshake message: what every client begins with.
const HANDSHAKE: u8 = 22;

/// The server's side of one connection.
pub(in crate::net) struct Tls(Box<UnbufferedServerConnection>);

/// What came of ciphertext.
#[derive(Debug, Default)]
pub(super) struct Opened {
    /// Bytes that need not be seen again.
    pub(super) consumed: usize,
    /// Plain bytes.
    pub(super) len: usize,
    /// Whether the peer has said that nothing more will come.
    pub(super) end: bool,
}

impl Tls {
    /// Bytes of memory of one connection, by experience: rustls does not tell.
    pub(super) const HELD: usize = 12 << 10;

    pub(in crate::net) fn new(config: &Arc<ServerConfig>) -> Result<Self, TlsFailure> {
        let connection = UnbufferedServerConnection::new(Arc::clone(config))?;
        Ok(Self(Box::new(connection)))
    }

    /// Opens the whole records of `raw` into `plain`, which has to be as long. Answers go to `unsent`, also those to
    /// what is refused.
    pub(super) fn open(
        &mut self,
        raw: &mut [u8],
        plain: &mut [u8],
        unsent: &mut Vec<u8>,
    ) -> Result<Opened, TlsFailure> {
        let begins = self.0.protocol_version().is_none();
        if let Some(&first) = raw.first().filter(|&&first| begins && first != HANDSHAKE) {
            return Err(TlsFailure::of_first_byte(first));
        }
        let mut opened = Opened::default();
        match self.process(raw, plain, unsent, &mut opened) {
            Ok(()) if opened.consumed == 0 && raw.len() == plain.len() => Err(TlsFailure::TooLarge),
            Ok(()) => Ok(opened),
            Err(error) => {
                self.encode_alert(raw.get_mut(opened.consumed..).unwrap_or_default(), unsent);
                Err(TlsFailure::from(error))
            }
        }
    }

    /// What is to be said about an error, if anything. rustls must not look at what was wrong again.
    fn encode_alert(&mut self, rest: &mut [u8], unsent: &mut Vec<u8>) {
        while self.0.wants_write()
            && let Ok(ConnectionState::EncodeTlsData(mut alert)) = self.0.process_tls_records(rest).state
        {
            append(unsent, 0, |place| alert.encode(place).map_err(of_message));
        }
    }

    fn process(
        &mut self,
        raw: &mut [u8],
        plain: &mut [u8],
        unsent: &mut Vec<u8>,
        opened: &mut Opened,
    ) -> Result<(), rustls::Error> {
        loop {
            let rest = raw.get_mut(opened.consumed..).unwrap_or_default();
            let status = self.0.process_tls_records(rest);
            let state = status.state.inspect_err(|_| opened.consumed += status.discard)?;
            let blocked = match state {
                ConnectionState::ReadTraffic(mut traffic) => {
                    while let Some(record) = traffic.next_record() {
                        let payload = record?.payload;
                        if let Some(place) = plain.get_mut(opened.len..opened.len + payload.len()) {
                            place.copy_from_slice(payload);
                            opened.len += payload.len();
                        }
                    }
                    false
                }
                ConnectionState::EncodeTlsData(mut message) => {
                    append(unsent, 0, |place| message.encode(place).map_err(of_message));
                    false
                }
                ConnectionState::TransmitTlsData(transmit) => {
                    transmit.done();
                    false
                }
                ConnectionState::PeerClosed => {
                    opened.end = true;
                    false
                }
                // blocked, closed, or with room for writing; early data is never accepted
                _ => true,
            };
            opened.consumed += status.discard;
            if blocked {
                return Ok(());
            }
        }
    }

    /// Appends records with `plain` in them to `unsent`. `unread` is what was not consumed so far.
    pub(super) fn seal(
        &mut self,
        plain: &[u8],
        unread: &mut Vec<u8>,
        unsent: &mut Vec<u8>,
    ) -> io::Result<()> {
        self.write(Some(plain), unread, unsent)
    }

    /// Says to the peer that nothing more will come.
    pub(super) fn close(&mut self, unread: &mut Vec<u8>, unsent: &mut Vec<u8>) {
        // before the end of the handshake there is nothing to close
        let _ = self.write(None, unread, unsent);
    }

    /// Appends records to `unsent`: with plain bytes in them, or the end.
    fn write(&mut self, plain: Option<&[u8]>, unread: &mut Vec<u8>, unsent: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let UnbufferedStatus { discard, state, .. } = self.0.process_tls_records(unread);
            let sealed = match state.map_err(io::Error::other)? {
                ConnectionState::WriteTraffic(mut traffic) => match plain {
                    Some(plain) => {
                        let room = plain.len() + (plain.len() / RECORD + 1) * OVERHEAD;
                        Some(append(unsent, room, |place| traffic.encrypt(plain, place).map_err(of_record)))
                    }
                    None => Some(append(unsent, OVERHEAD, |place| {
                        traffic.queue_close_notify(place).map_err(of_record)
                    })),
                },
                ConnectionState::EncodeTlsData(mut message) => {
                    append(unsent, 0, |place| message.encode(place).map_err(of_message));
                    None
                }
                ConnectionState::TransmitTlsData(transmit) => {
                    transmit.done();
                    None
                }
                ConnectionState::PeerClosed => None,
                _ => Some(false),
            };
            unread.drain(..discard);
            match sealed {
                Some(true) => return Ok(()),
                Some(false) => return Err(io::ErrorKind::NotConnected.into()),
                None => {}
            }
        }
    }

    pub(super) fn is_handshaking(&self) -> bool {
        self.0.is_handshaking()
    }

    /// Whether the handshake went on with an earlier session.
    pub(super) fn is_resumed(&self) -> bool {
        self.0.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// What the client has proved to own, and those behind it, in DER.
    pub(super) fn peer_certificates(&self) -> Vec<Vec<u8>> {
        let certificates = self.0.peer_certificates().unwrap_or_default();
        certificates.iter().map(|certificate| certificate.to_vec()).collect()
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("version", &self.0.protocol_version()).finish_non_exhaustive()
    }
}

/// Lets `write` fill a place of `room` bytes behind what is there, or of as many as it says that it needs; whether it
/// could.
fn append(
    unsent: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<usize, Option<usize>>,
) -> bool {
    let start = unsent.len();
    let mut room = Some(room);
    while let Some(len) = room {
        unsent.resize(start + len, 0);
        match write(unsent.get_mut(start..).unwrap_or_default()) {
            Ok(written) => {
                unsent.truncate(start + written);
                return true;
            }
            Err(needed) => room = needed,
        }
    }
    unsent.truncate(start);
    false
}

const fn of_message(error: EncodeError) -> Option<usize> {
    match error {
        EncodeError::InsufficientSize(InsufficientSizeError { required_size }) => Some(required_size),
        EncodeError::AlreadyEncoded => None,
    }
}

const fn of_record(error: EncryptError) -> Option<usize> {
    match error {
        EncryptError::InsufficientSize(InsufficientSizeError { required_size }) => Some(required_size),
        EncryptError::EncryptExhausted => None,
    }
}

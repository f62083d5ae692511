//! Packets over anything that tokio reads and writes, by `tokio_util::codec::Framed`.

use std::io;

use bytes::BytesMut;
use tokio_util::codec;

use crate::decoder::Decoder;
use crate::error::{DecodeError, EncodeError};
use crate::frame::Rules;
use crate::packet::Packet;

/// Packets of one network connection for `tokio_util::codec::Framed`.
///
/// It reads and writes owned [`Packet`]s; a view is encoded into `Framed::write_buffer_mut`. The version is that of the
/// [`Decoder`]: a server's takes it from CONNECT. A packet above the limit of the decoder is an error before its body has
/// come, and no room is made for what a length announces: the buffer grows with the bytes that are there. After an error
/// the stream ends.
///
/// Payloads share the buffer that they were read into and keep it alive; copy those that are kept long.
///
/// ```
/// use futures_util::{SinkExt, StreamExt};
/// use mqtt_codec::{Connect, ConnAck, Decoder, Packet, PacketCodec, ReasonCode, Text, Version};
/// use tokio_util::codec::Framed;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (client, server) = tokio::io::duplex(64); // or TcpStream
/// let mut client = Framed::new(client, PacketCodec::new(Decoder::client(Version::V5, 64 * 1024)));
/// let mut server = Framed::new(server, PacketCodec::new(Decoder::server(64 * 1024)));
///
/// client.send(Packet::Connect(Connect::new(Version::V5, Text::new("c")?))).await?;
/// let Some(Packet::Connect(connect)) = server.next().await.transpose()? else { panic!("CONNECT comes first") };
/// assert_eq!(connect.client_id.as_str(), "c");
/// if let Some(maximum) = connect.properties.maximum_packet_size {
///     server.codec_mut().set_peer_max_packet_size(maximum.get());
/// }
/// server.send(Packet::ConnAck(ConnAck::new(false, ReasonCode::Success))).await?;
/// let Some(Packet::ConnAck(connack)) = client.next().await.transpose()? else { panic!("CONNACK is the answer") };
/// assert_eq!(connack.reason, ReasonCode::Success);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct PacketCodec {
    decoder: Decoder,
    peer_max_packet_size: u32,
}

impl PacketCodec {
    /// Reads with `decoder`, which has the limits, and writes what its peer understands.
    pub const fn new(decoder: Decoder) -> Self {
        Self { decoder, peer_max_packet_size: Rules::MAX_PACKET_SIZE }
    }

    /// The decoder inside, to ask for the version.
    pub const fn decoder(&self) -> &Decoder {
        &self.decoder
    }

    /// The decoder inside, to set limits.
    pub const fn decoder_mut(&mut self) -> &mut Decoder {
        &mut self.decoder
    }

    /// Sets the Maximum Packet Size that the peer has announced: a larger packet is not sent. [MQTT-3.1.2-24]
    pub const fn set_peer_max_packet_size(&mut self, bytes: u32) {
        self.peer_max_packet_size = bytes;
    }
}

/// Why a connection by [`PacketCodec`] ends, or a packet cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PacketCodecError {
    /// What came is no packet. The connection has no meaning any more.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The packet cannot be sent as it is. Nothing has been written, and the connection goes on.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The transport failed, or ended within a packet.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl codec::Decoder for PacketCodec {
    type Item = Packet;
    type Error = PacketCodecError;

    fn decode(&mut self, input: &mut BytesMut) -> Result<Option<Packet>, PacketCodecError> {
        match self.decoder.frame_len(input)? {
            Some(len) if len <= input.len() => {
                Ok(Some(self.decoder.decode_packet(input.split_to(len).freeze())?))
            }
            _ => Ok(None),
        }
    }
}

impl codec::Encoder<Packet> for PacketCodec {
    type Error = PacketCodecError;

    fn encode(&mut self, packet: Packet, output: &mut BytesMut) -> Result<(), PacketCodecError> {
        let version = self.decoder.rules().version;
        let len = packet.encoded_len(version)?;
        if len > self.peer_max_packet_size as usize {
            return Err(EncodeError::PacketTooLarge.into());
        }
        output.reserve(len);
        Ok(packet.encode(version, output)?)
    }
}

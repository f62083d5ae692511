//! Packets by tokio's `Framed`: whole, in order, within limits.
#![cfg(feature = "tokio-util")]

mod support;

use bytes::BytesMut;
use futures_util::{SinkExt, StreamExt};
use mqtt_codec::{
    Ack, ConnAck, Connect, DecodeErrorKind as Kind, Decoder, EncodeError, Packet, PacketCodec,
    PacketCodecError, PacketId, ReasonCode, Text, Version,
};
use support::hex;
use tokio::io::AsyncWriteExt;
use tokio_util::codec::{Decoder as _, Encoder as _, Framed};

fn client(version: Version) -> PacketCodec {
    PacketCodec::new(Decoder::client(version, 1000))
}

fn server() -> PacketCodec {
    PacketCodec::new(Decoder::server(1000))
}

#[test]
fn a_length_of_256_mib_reserves_no_memory() {
    let mut codec = PacketCodec::new(Decoder::client(Version::V5, mqtt_codec::Rules::MAX_PACKET_SIZE));
    let mut input = BytesMut::from(&b"\x30\xFF\xFF\xFF\x7F\x00"[..]);
    let info = allocation_counter::measure(|| assert!(matches!(codec.decode(&mut input), Ok(None))));
    assert_eq!((info.bytes_max, input.len()), (0, 6));
}

#[tokio::test]
async fn packets_of_every_version_go_both_ways_through_a_pipe_of_three_bytes() {
    for version in Version::ALL {
        let (near, far) = tokio::io::duplex(3);
        let (mut near, mut far) = (Framed::new(near, client(version)), Framed::new(far, server()));
        let sent = [
            Packet::Connect(Connect::new(version, Text::new("c").expect("a good text"))),
            support::decode(&hex("32 07 0003 'a/b' 0007"), Version::V3_1_1, mqtt_codec::Role::Server)
                .expect("it is valid"),
            Packet::PingReq,
        ];
        let answers = [Packet::ConnAck(ConnAck::new(false, ReasonCode::Success)), Packet::PingResp];
        let client = async {
            for packet in sent.clone() {
                near.send(packet).await.expect("it is sent");
            }
            let mut received = Vec::new();
            while let Some(packet) = near.next().await {
                received.push(packet.expect("it is valid"));
            }
            received
        };
        let server = async {
            let mut received = Vec::new();
            while received.len() < sent.len() {
                received.push(far.next().await.expect("more comes").expect("it is valid"));
            }
            for packet in answers.clone() {
                far.send(packet).await.expect("it is sent");
            }
            assert_eq!(far.codec().decoder().version(), Some(version));
            far.close().await.expect("it is flushed");
            drop(far);
            received
        };
        let (received, arrived) = tokio::join!(client, server);
        assert_eq!(arrived, sent);
        assert_eq!(received, answers);
    }
}

#[tokio::test]
async fn a_fault_and_a_packet_cut_off_end_the_stream() {
    let (mut near, far) = tokio::io::duplex(100);
    let mut far = Framed::new(far, client(Version::V5));
    near.write_all(&hex("D0 00 D1 00 D0 00")).await.expect("it is written");
    assert_eq!(far.next().await.expect("a packet").expect("it is valid"), Packet::PingResp);
    let Some(Err(PacketCodecError::Decode(error))) = far.next().await else { panic!("a fault") };
    assert_eq!(error.kind, Kind::Flags);
    assert!(far.next().await.is_none(), "what follows has no meaning");

    let (mut near, far) = tokio::io::duplex(100);
    let mut far = Framed::new(far, client(Version::V5));
    near.write_all(&hex("40 02 00")).await.expect("it is written");
    drop(near);
    assert!(matches!(far.next().await, Some(Err(PacketCodecError::Io(_)))));
}

#[test]
fn no_room_is_made_for_what_a_length_announces() {
    let mut codec = PacketCodec::new(Decoder::client(Version::V5, u32::MAX));
    let mut input = BytesMut::from(&hex("30 FFFFFF7F 0001 't'")[..]);
    let before = input.capacity();
    assert!(codec.decode(&mut input).expect("more bytes are needed").is_none());
    assert_eq!((input.len(), input.capacity()), (8, before));
    let mut limited = client(Version::V5);
    let Err(PacketCodecError::Decode(error)) = limited.decode(&mut input) else { panic!("too large") };
    assert_eq!(error.kind, Kind::PacketTooLarge);
}

#[test]
fn a_packet_above_the_limit_of_the_peer_is_not_sent() {
    let mut codec = client(Version::V3_1_1);
    codec.set_peer_max_packet_size(3);
    let mut output = BytesMut::new();
    let refused = codec.encode(Packet::PubAck(Ack::new(PacketId::MIN)), &mut output);
    assert!(matches!(refused, Err(PacketCodecError::Encode(EncodeError::PacketTooLarge))));
    assert!(output.is_empty());
    codec.set_peer_max_packet_size(4);
    codec.encode(Packet::PubAck(Ack::new(PacketId::MIN)), &mut output).expect("it fits");
    assert_eq!(output, hex("40 02 0001"));
}

#[test]
fn a_server_refuses_an_unknown_version_in_3_1_1() {
    let mut codec = server();
    let mut input = BytesMut::from(&hex("10 0D 0004 'MQTT' 09 02 003C 0001 'c'")[..]);
    let Err(PacketCodecError::Decode(error)) = codec.decode(&mut input) else { panic!("no such version") };
    let mut output = BytesMut::new();
    let refusal = Packet::ConnAck(ConnAck::new(false, error.reason_code()));
    codec.encode(refusal, &mut output).expect("it is valid");
    assert_eq!(output, hex("20 02 00 01"));
}

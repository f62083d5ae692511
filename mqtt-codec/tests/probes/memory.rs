//! What a length announces is not allocated: memory is for bytes that are there.

use allocation_counter::measure;
use mqtt_codec::{Decoder, PacketRef, Role, Rules, StreamingDecoder, Version};

use crate::packet::all;
use crate::support::hex;

/// A server's decoder behind a CONNECT of `version`, for packets of any size.
fn server(version: Version) -> Decoder {
    let mut decoder = Decoder::server(Rules::MAX_PACKET_SIZE);
    let connect = match version {
        Version::V3_1 => "10 0E 0006 'MQIsdp' 03 02 003C 0000",
        Version::V3_1_1 => "10 0C 0004 'MQTT' 04 02 003C 0000",
        Version::V5 => "10 0D 0004 'MQTT' 05 02 003C 00 0000",
    };
    decoder.decode(&hex(connect)).expect("a good CONNECT");
    decoder
}

#[test]
fn a_length_of_256_mib_reserves_no_memory() {
    for version in Version::ALL {
        for first in (1..16).map(|packet_type| packet_type << 4).chain([0x62, 0x82, 0xA2]) {
            // the length, then what a field of the largest size begins with
            let start = [&[first, 0xFF, 0xFF, 0xFF, 0x7F][..], &[0xFF; 64]].concat();
            let mut decoder = server(version);
            let mut streaming = StreamingDecoder::new(server(version), 1 << 16);
            let info = measure(|| {
                let _ = decoder.frame_len(&start);
                let _ = decoder.decode_next(&start).map(|read| assert!(read.is_none()));
                let _ = streaming.decode_next(&start).map(|read| assert!(read.is_none()));
                let _ = PacketRef::decode(&start, &Rules::new(version, Role::Client));
            });
            assert_eq!(info.bytes_max, 0, "first byte {first:02X} of {version}");
        }
    }
}

#[test]
fn lengths_within_a_packet_reserve_no_memory() {
    let rows = [
        (Version::V3_1_1, "30 04 FFFF 'ab'"),
        (Version::V3_1_1, "82 06 0001 FFFF 'ab'"),
        (Version::V3_1_1, "10 0C 0004 'MQTT' 04 02 003C FFFF"),
        (Version::V5, "30 09 0001 't' FFFFFF7F 26 00"),
        (Version::V5, "30 08 0001 't' 04 26 FFFF 00"),
        (Version::V5, "E0 06 00 FFFFFF7F 1F"),
        (Version::V5, "90 07 0001 FFFFFF7F 00"),
    ];
    for (version, bytes) in rows {
        let bytes = hex(bytes);
        let mut refused = false;
        let info =
            measure(|| refused = PacketRef::decode(&bytes, &Rules::new(version, Role::Client)).is_err());
        assert!(refused, "{bytes:02X?}");
        assert_eq!(info.bytes_max, 0, "{bytes:02X?}");
    }
}

#[test]
fn no_view_of_any_packet_allocates() {
    for probe in all() {
        let frame = probe.frame();
        let rules = Rules::new(probe.version, probe.reader);
        let info = measure(|| assert!(PacketRef::decode(&frame, &rules).is_ok()));
        assert_eq!(info.count_total, 0, "{}", probe.name());
    }
}

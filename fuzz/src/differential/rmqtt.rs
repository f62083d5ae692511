//! `rmqtt-codec`, through its codecs for a stream.

use bytes::BytesMut;
use mqtt_codec::Version;
use rmqtt_codec::{v3, v5};
use tokio_util::codec::{Decoder, Encoder};

use super::Verdict;

pub(super) fn read(frame: &[u8], version: Version) -> Verdict {
    if version.is_v5() { with(v5::Codec::new(0, 0), frame) } else { with(v3::Codec::new(0), frame) }
}

/// Reads one packet, and writes it with a codec in the same state.
fn with<C, P, D, E>(mut codec: C, frame: &[u8]) -> Verdict
where
    C: Clone + Decoder<Item = (P, u32), Error = D> + Encoder<P, Error = E>,
    D: From<std::io::Error>,
    E: From<std::io::Error>,
{
    let mut writer = codec.clone();
    match codec.decode(&mut BytesMut::from(frame)) {
        Ok(Some((packet, _))) => {
            let mut written = BytesMut::new();
            let result = writer.encode(packet, &mut written);
            Verdict::Accepted(result.is_ok().then(|| written.to_vec()))
        }
        Ok(None) | Err(_) => Verdict::Refused,
    }
}

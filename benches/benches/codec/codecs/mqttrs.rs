//! `mqttrs`: packets that borrow from a slice (the filters of a SUBSCRIBE are copied), 3.1.1 only.

use std::hint::black_box;

use bytes::Bytes;
use mqtt_codec::Version;
use mqttrs::{decode_slice, encode_slice};

use super::{BATCH, Slice, Task, assert_same};
use crate::cases::Case;

pub(super) fn decode(case: &Case) -> Option<Box<dyn Task>> {
    (case.version == Version::V3_1_1).then(|| {
        Slice::task(case, |input| {
            black_box(&decode_slice(black_box(input)).expect("a valid packet").expect("a whole packet"));
        })
    })
}

pub(super) fn encode(case: &Case) -> Option<Box<dyn Task>> {
    if case.version != Version::V3_1_1 {
        return None;
    }
    let mut output = vec![0; case.frame.len()];
    let packet = decode_slice(&case.frame).expect("a valid packet").expect("a whole packet");
    encode_slice(&packet, &mut output).expect("room enough");
    assert_same(case, &output);
    Some(Box::new(Fill { frame: case.frame.clone(), output: vec![0; case.frame.len() * BATCH] }))
}

/// Encoding into a slice. The packet borrows, so each run decodes it again, once for the whole batch.
struct Fill {
    frame: Bytes,
    output: Vec<u8>,
}

impl Task for Fill {
    fn run(&mut self) {
        let packet = decode_slice(&self.frame).expect("a valid packet").expect("a whole packet");
        for output in self.output.chunks_exact_mut(self.frame.len()) {
            encode_slice(black_box(&packet), output).expect("room enough");
        }
    }
}

//! Finds packets that depend on where a stream is cut, or on whether they are streamed, and packets above the limit.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::frames(data));

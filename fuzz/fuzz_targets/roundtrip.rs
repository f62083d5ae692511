//! Finds packets, valid or put together by hand, that the encoder takes and the decoder refuses or reads differently.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::roundtrip(data));

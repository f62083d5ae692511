//! Finds panics of the decoder, views that are not their owned packets, packets that do not come back, and rules of
//! `Compat` that are told wrongly.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::decode(data));

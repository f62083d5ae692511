//! Finds what a peer that keeps to no rule can do to a session of either role.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::hostile(data));

//! Finds promises of QoS 0, 1 and 2 that a client and a server break, whatever happens between them.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::session(data));

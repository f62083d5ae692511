//! Finds packets that ours and two other codecs judge or read differently, unless `DIFFERENCES.md` says why.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::differential(data));

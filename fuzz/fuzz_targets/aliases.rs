//! Finds Topic Aliases that stand for a wrong topic, outlive their table or pass their maximum, in both directions.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::aliases(data));

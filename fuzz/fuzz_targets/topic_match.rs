//! Finds Topic Names and Topic Filters that are taken, refused or matched unlike the naive rules.
#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| mqtt_fuzz::topic_match(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| matchwatch_fuzz::requests(input));

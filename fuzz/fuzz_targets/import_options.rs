#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    imdb_fast_fuzz::import_options::check(data);
});

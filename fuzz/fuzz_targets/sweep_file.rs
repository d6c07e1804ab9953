#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    imdb_fast_fuzz::sweep_file::check(data);
});

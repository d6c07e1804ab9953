#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    imdb_fast_fuzz::acl_tar::check(data);
});

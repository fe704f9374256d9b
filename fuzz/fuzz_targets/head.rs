//! The first bytes of a connection, made of anything: `cargo fuzz run head`.
//!
//! What `cargo test` runs of it, in bounded number, are the properties in `src/balance/head/tests.rs`.

#![no_main]

use flotilla::balance::head::{Opening, look, salvage};
use libfuzzer_sys::fuzz_target;

const LIMIT: usize = 16384;

fuzz_target!(|bytes: &[u8]| {
    let whole = look(bytes, LIMIT);
    if let Opening::Http1(request) = &whole {
        assert!(request.length <= bytes.len());
        assert_eq!(salvage(bytes).as_ref(), Some(request));
    }
    // However the bytes come in parts, what is settled once stays so.
    for end in 0..bytes.len().min(64) {
        let early = look(&bytes[..end], LIMIT);
        if early != Opening::Partial {
            assert_eq!(early, whole);
        }
    }
});

//! The store does what its model does, whatever is asked of it, under a clock that only the test moves.
//!
//! Runs a bounded number of cases; `PROPTEST_CASES=100000 cargo test --release --test model` runs longer.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

#[path = "support/model.rs"]
mod model;

use std::sync::Arc;
use std::sync::OnceLock;

use flotilla::store::{SegmentOptions, Store};
use proptest::prelude::*;

fn store() -> &'static Arc<Store> {
    static STORE: OnceLock<Arc<Store>> = OnceLock::new();
    STORE.get_or_init(|| Store::create(&SegmentOptions { capacity: 8 << 20 }).unwrap())
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(1500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_and_its_model_cannot_be_told_apart(bytes in prop::collection::vec(any::<u8>(), 12..600)) {
        model::run(store(), &bytes);
    }
}

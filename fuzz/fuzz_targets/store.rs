//! The store against its model: `cargo fuzz run store`.

#![no_main]

#[path = "../../tests/support/model.rs"]
mod model;

use std::sync::{Arc, LazyLock};

use flotilla::store::{SegmentOptions, Store};
use libfuzzer_sys::fuzz_target;

static STORE: LazyLock<Arc<Store>> =
    LazyLock::new(|| Store::create(&SegmentOptions { capacity: 8 << 20 }).expect("a segment"));

fuzz_target!(|bytes: &[u8]| model::run(&STORE, bytes));

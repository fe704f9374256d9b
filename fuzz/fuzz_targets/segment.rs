//! A segment header made of anything is refused or believed, never a crash: `cargo fuzz run segment`.

#![no_main]

use std::sync::LazyLock;

use flotilla::shm::region::{Offset, Region};
use flotilla::shm::segment::Segment;
use flotilla::sys::memory::SharedMemory;
use libfuzzer_sys::fuzz_target;

/// One memory for all runs: what was mapped once stays mapped, so a new one for each would end in want of addresses.
static MEMORY: LazyLock<SharedMemory> = LazyLock::new(|| SharedMemory::create(1 << 20).expect("memory"));

fuzz_target!(|bytes: &[u8]| {
    let header = &bytes[..bytes.len().min(4096)];
    let region = Region::of(&MEMORY);
    region.copy_in(Offset(0), &[0; 4096]).expect("room for a header");
    region.copy_in(Offset(0), header).expect("room for a header");
    let _ = Segment::verify_header(region);
});

//! The buffers that a thread keeps for its operations, so that a call allocates nothing.
//!
//! They are taken out for a call and put back after it: nothing is borrowed while JavaScript could run.

use super::super::js::Outcome;
use std::cell::Cell;

/// Above this, a buffer goes after the call that needed it, so that one large value does not stay for ever.
const KEPT_BYTES: usize = 1 << 20;

/// The buffers of one operation. `units` has a length and no meaning: it is where Node writes strings to.
#[derive(Debug)]
pub(super) struct Buffers {
    pub(super) units: Vec<u16>,
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
    pub(super) found: Vec<u8>,
}

impl Buffers {
    fn new() -> Box<Self> {
        Box::new(Self {
            units: vec![0; 512],
            key: Vec::new(),
            value: Vec::new(),
            found: Vec::new(),
        })
    }

    fn is_small(&self) -> bool {
        let bytes =
            2 * self.units.len() + self.key.capacity() + self.value.capacity() + self.found.capacity();
        bytes <= KEPT_BYTES
    }
}

thread_local! {
    static BUFFERS: Cell<Option<Box<Buffers>>> = const { Cell::new(None) };
}

/// Runs an operation with this thread's buffers.
#[inline(always)]
pub(super) fn with_buffers<T>(operation: impl FnOnce(&mut Buffers) -> Outcome<T>) -> Outcome<T> {
    BUFFERS.with(|kept| {
        let mut buffers = kept.take().unwrap_or_else(Buffers::new);
        let result = operation(&mut buffers);
        if buffers.is_small() {
            kept.set(Some(buffers));
        }
        result
    })
}

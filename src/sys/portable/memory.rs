//! Memory for one process, where memory is not shared: zeroed, and paid for by the system when it is touched.

use std::alloc::{Layout, alloc_zeroed};
use std::io;
use std::ptr::NonNull;

const PAGE: usize = 4096;

/// Never given back, as its shared sister never is.
#[derive(Debug)]
pub struct SharedMemory {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to the process; all access to it goes through types that synchronise themselves.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; no method changes the struct.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    pub fn create(len: usize) -> io::Result<Self> {
        let layout = Layout::from_size_align(len.max(PAGE), PAGE).map_err(io::Error::other)?;
        // SAFETY: the layout's size is not zero.
        let at = unsafe { alloc_zeroed(layout) };
        let base = NonNull::new(at).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { base, len })
    }

    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub fn commit(&self, _offset: usize, _len: usize) -> io::Result<()> {
        Ok(())
    }
}

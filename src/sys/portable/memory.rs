//! Memory for one process, where memory is not shared: zeroed, and paid for by the system when it is touched.

use std::alloc::{Layout, alloc_zeroed};
use std::io;
use std::ptr::NonNull;

const PAGE: usize = 4096;
/// What every allocator aligns to by itself. Asked for more, it cannot hand on pages that the system has zeroed, and
/// writes all of them: gigabytes, at each start.
const ALIGNMENT: usize = 16;

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
        let whole = len
            .checked_add(PAGE)
            .ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let layout = Layout::from_size_align(whole, ALIGNMENT).map_err(io::Error::other)?;
        // SAFETY: the layout's size is not zero.
        let at = unsafe { alloc_zeroed(layout) };
        let at = NonNull::new(at).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        let to_page = at.as_ptr().align_offset(PAGE);
        // SAFETY: less than a page further, and a page more than `len` was allocated.
        let base = unsafe { at.add(to_page) };
        Ok(Self { base, len })
    }

    pub fn is_to_be_had() -> bool {
        false
    }

    pub fn create_or_alone(len: usize) -> io::Result<Self> {
        Self::create(len)
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

    pub fn release(&self, _offset: usize, _len: usize) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn commit(&self, _offset: usize, _len: usize) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri touches all of it")]
    fn memory_that_nobody_touches_costs_neither_time_nor_pages() {
        let began = std::time::Instant::now();
        let memory = SharedMemory::create(4 << 30).unwrap();
        assert!(began.elapsed() < std::time::Duration::from_secs(1));
        assert_eq!(memory.base().as_ptr().align_offset(PAGE), 0);
        // SAFETY: inside of the memory, which only this test touches.
        assert_eq!(unsafe { memory.base().as_ptr().add((4 << 30) - 1).read() }, 0);
    }
}

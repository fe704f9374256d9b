//! The mapped bytes, reached by offset only.
//!
//! Invariants: a `Region` covers a mapping that is never undone (`sys::memory`), so what it lends is `'static`; every
//! access is checked against its length, so a damaged offset ends in `None`, never outside of the mapping.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU16, AtomicU64};

use super::failpoint;
use super::word::{Word16, Word32, Word64};
use crate::sys::memory::SharedMemory;

/// A place in the segment, in bytes from its start. The only form in which a place is ever stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Offset(pub u64);

/// What may be laid over shared bytes.
///
/// # Safety
///
/// `#[repr(C)]`, made of `Word32`, `Word64`, `SharedMutex`, `Payload` and arrays and structs of such, without padding
/// that is read: any bytes are a valid value, and any process may change them at any time.
pub unsafe trait Shared: Sync {}

// SAFETY: an atomic of 16 bits.
unsafe impl Shared for Word16 {}
// SAFETY: an atomic of 32 bits.
unsafe impl Shared for Word32 {}
// SAFETY: an atomic of 64 bits.
unsafe impl Shared for Word64 {}

// SAFETY: nothing but its elements.
unsafe impl<T: Shared, const N: usize> Shared for [T; N] {}

/// Bytes that are only ever copied in and out, never borrowed.
#[repr(transparent)]
pub struct Payload<const N: usize>(std::cell::UnsafeCell<[u8; N]>);

// SAFETY: no reference to the bytes is ever made; `Region` copies under the lock that guards them, or copies word
// by word and throws away what a sequence number disproves.
unsafe impl<const N: usize> Sync for Payload<N> {}

// SAFETY: any bytes are bytes.
unsafe impl<const N: usize> Shared for Payload<N> {}

impl<const N: usize> std::fmt::Debug for Payload<N> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Payload({N} bytes)")
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Region {
    base: NonNull<u8>,
    len: u64,
}

// SAFETY: the mapping belongs to the process; access is through atomics and checked copies.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    pub fn of(memory: &SharedMemory) -> Self {
        Self {
            base: memory.base(),
            len: memory.len() as u64,
        }
    }

    pub fn len(&self) -> u64 {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The value at an offset, if all of it lies inside and on its alignment.
    #[inline(always)]
    pub fn at<T: Shared>(&self, offset: Offset) -> Option<&'static T> {
        let size = size_of::<T>() as u64;
        if offset.0 > self.len.wrapping_sub(size)
            || self.len < size
            || !offset.0.is_multiple_of(align_of::<T>() as u64)
        {
            return None;
        }
        let at = self.base.as_ptr().wrapping_add(offset.0 as usize).cast::<T>();
        // SAFETY: inside the mapping and aligned (just checked); any bytes are a valid `T: Shared`; the mapping is
        // never undone.
        Some(unsafe { &*at })
    }

    /// So many parts of one size, if all of them lie inside, and on an alignment as large as they are.
    pub fn parts<const SIZE: usize>(&self, offset: Offset, count: u32) -> Option<Parts<SIZE>> {
        let len = usize::try_from(count).ok()?.checked_mul(SIZE)?;
        let base = self.start_of(offset, len)?;
        base.addr()
            .get()
            .is_multiple_of(SIZE)
            .then_some(Parts { base, count })
    }

    /// Where a value that came from `at` lies.
    #[inline(always)]
    pub fn offset_of<T>(&self, value: &T) -> Offset {
        Offset((std::ptr::from_ref(value) as usize).wrapping_sub(self.base.as_ptr() as usize) as u64)
    }

    #[inline(always)]
    fn range(&self, offset: Offset, len: usize) -> Option<*mut u8> {
        let end = offset.0.checked_add(len as u64)?;
        (end <= self.len).then(|| self.base.as_ptr().wrapping_add(offset.0 as usize))
    }

    /// Where a range begins in this process: for those who cannot come through here, and use its words atomically.
    pub fn start_of(&self, offset: Offset, len: usize) -> Option<NonNull<u8>> {
        NonNull::new(self.range(offset, len)?)
    }

    /// Copies bytes in. The caller holds the lock that guards them.
    #[inline]
    pub fn copy_in(&self, offset: Offset, bytes: &[u8]) -> Option<()> {
        let to = self.range(offset, bytes.len())?;
        failpoint::hit();
        // SAFETY: the range lies inside the mapping, which is writable; `bytes` is private memory, so they do not
        // overlap; the lock keeps other writers out.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
        Some(())
    }

    /// Appends shared bytes to `out`. The caller holds the lock that guards them.
    #[inline]
    pub fn append_to(&self, offset: Offset, len: usize, out: &mut Vec<u8>) -> Option<()> {
        let from = self.range(offset, len)?;
        out.reserve(len);
        let to = out.as_mut_ptr().wrapping_add(out.len());
        // SAFETY: the range lies inside the mapping; `out` has room for `len` more bytes and does not overlap it.
        unsafe { std::ptr::copy_nonoverlapping(from, to, len) };
        // SAFETY: `len` bytes after the old length were just written, within the capacity that was reserved.
        unsafe { out.set_len(out.len() + len) };
        Some(())
    }

    /// Appends shared bytes that others may be writing to: what comes out is to be disbelieved until a sequence number
    /// confirms it.
    #[inline(always)]
    pub fn append_unguarded(&self, offset: Offset, len: usize, out: &mut Vec<u8>) -> Option<()> {
        let from = self.range(offset, len)?.cast_const();
        out.reserve(len);
        let to = out.as_mut_ptr().wrapping_add(out.len());
        // SAFETY: the range lies inside the mapping; `out` has room for `len` more bytes.
        unsafe { copy_racing(from, to, len) };
        // SAFETY: `len` bytes after the old length were just written, within the capacity that was reserved.
        unsafe { out.set_len(out.len() + len) };
        Some(())
    }

    /// Copies shared bytes that others may be writing to: they are to be disbelieved as above.
    pub fn copy_out_unguarded(&self, offset: Offset, to: &mut [MaybeUninit<u8>]) -> Option<()> {
        let from = self.range(offset, to.len())?.cast_const();
        // SAFETY: the range lies inside the mapping; `to` is private memory of the same length.
        unsafe { copy_racing(from, to.as_mut_ptr().cast(), to.len()) };
        Some(())
    }

    /// Writes one number into so many words of 16 bits. The caller holds the lock that guards them.
    pub fn fill16(&self, offset: Offset, count: u32, value: u16) -> Option<()> {
        let wide = u64::from(value) * 0x0001_0001_0001_0001;
        failpoint::hit();
        self.each16(
            offset,
            count,
            |word| {
                word.store(value, Relaxed);
                true
            },
            |words| {
                words.store(wide, Relaxed);
                true
            },
        )
        .map(drop)
    }

    /// Whether so many words of 16 bits all hold one number.
    pub fn all16(&self, offset: Offset, count: u32, value: u16) -> Option<bool> {
        let wide = u64::from(value) * 0x0001_0001_0001_0001;
        self.each16(
            offset,
            count,
            |word| word.load(Relaxed) == value,
            |words| words.load(Relaxed) == wide,
        )
    }

    /// Goes through words of 16 bits, four at a time where they are aligned for that, for as long as it is told to.
    fn each16(
        &self,
        offset: Offset,
        count: u32,
        one: impl Fn(&AtomicU16) -> bool,
        four: impl Fn(&AtomicU64) -> bool,
    ) -> Option<bool> {
        let start = self.range(offset, count as usize * 2)?.cast::<u16>();
        if !start.is_aligned() {
            return None;
        }
        let mut index = 0;
        while index < count {
            let at = start.wrapping_add(index as usize);
            let goes_on = if count - index >= 4 && at.cast::<u64>().is_aligned() {
                index += 4;
                // SAFETY: eight aligned bytes inside the range just checked; the mapping is never undone.
                four(unsafe { AtomicU64::from_ptr(at.cast()) })
            } else {
                index += 1;
                // SAFETY: two aligned bytes inside the range just checked; the mapping is never undone.
                one(unsafe { AtomicU16::from_ptr(at) })
            };
            if !goes_on {
                return Some(false);
            }
        }
        Some(true)
    }

    /// Whether shared bytes equal these. The caller holds the lock, or disbelieves the answer until a sequence
    /// number confirms it.
    #[inline(always)]
    pub fn equals(&self, offset: Offset, bytes: &[u8]) -> Option<bool> {
        let from = self.range(offset, bytes.len())?.cast_const();
        let mut index = 0;
        let last = bytes.len().saturating_sub(8);
        while let Some(ours) = bytes.get(index..index + 8) {
            let at = from.wrapping_add(index).cast::<Unaligned>();
            // SAFETY: eight bytes inside the range just checked; volatile, because they may change under it.
            let theirs = unsafe { at.read_volatile() };
            if theirs.bytes() != *ours {
                return Some(false);
            }
            // What is left is looked at as eight bytes, too: some of them once more.
            index = if index == last {
                bytes.len()
            } else {
                last.min(index + 8)
            };
        }
        while index < bytes.len() {
            // SAFETY: one byte inside the range just checked; volatile as above.
            if unsafe { from.wrapping_add(index).read_volatile() } != bytes[index] {
                return Some(false);
            }
            index += 1;
        }
        Some(true)
    }
}

/// Equal parts of a mapping, known to lie inside of it: which saves looking at each again.
#[derive(Clone, Copy, Debug)]
pub struct Parts<const SIZE: usize> {
    base: NonNull<u8>,
    count: u32,
}

// SAFETY: as of the region it is made from.
unsafe impl<const SIZE: usize> Send for Parts<SIZE> {}
// SAFETY: as above.
unsafe impl<const SIZE: usize> Sync for Parts<SIZE> {}

impl<const SIZE: usize> Parts<SIZE> {
    /// One of the parts, seen as what its user put there.
    #[inline(always)]
    pub fn at<T: Shared>(&self, index: u32) -> Option<&'static T> {
        const { assert!(size_of::<T>() <= SIZE && align_of::<T>() <= SIZE && SIZE.is_power_of_two()) };
        if index >= self.count {
            return None;
        }
        let at = self.base.as_ptr().wrapping_add(index as usize * SIZE).cast::<T>();
        // SAFETY: `Region::parts` has seen that all parts lie inside the mapping, and that the first is aligned to
        // SIZE, a power of two; any bytes are a valid `T: Shared`; the mapping is never undone.
        Some(unsafe { &*at })
    }
}

/// From so many bytes on, many are copied at once.
const LONG_COPY: usize = 1024;

/// Copies bytes that may change meanwhile: what arrives is a mixture then.
///
/// # Safety
///
/// `from` has `len` bytes that can be read, `to` as many that are the caller's alone.
#[inline(always)]
unsafe fn copy_racing(from: *const u8, to: *mut u8, len: usize) {
    if len >= LONG_COPY {
        // SAFETY: as the caller's.
        return unsafe { copy_long(from, to, len) };
    }
    let mut index = 0;
    while index + 8 <= len {
        let at = from.wrapping_add(index).cast::<Unaligned>();
        // SAFETY: eight bytes of those that can be read; volatile, because they may change under it.
        let word = unsafe { at.read_volatile() };
        let into = to.wrapping_add(index).cast::<Unaligned>();
        // SAFETY: eight bytes of those that are the caller's.
        unsafe { into.write(word) };
        index += 8;
    }
    while index < len {
        // SAFETY: one byte of those that can be read; volatile as above.
        let byte = unsafe { from.wrapping_add(index).read_volatile() };
        // SAFETY: one byte of those that are the caller's.
        unsafe { to.wrapping_add(index).write(byte) };
        index += 1;
    }
}

/// The same for many bytes. Instructions, as the compiler must not be told that nobody writes to them; and not the
/// one that copies by itself, which some processors take ten times as long for where the two sides are aligned otherwise.
///
/// # Safety
///
/// As of `copy_racing`, and `len` is at least 64.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(never)]
unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize) {
    // The last row may be done twice in part: what is no whole row is the end of one.
    let (last_from, last_to) = (from.wrapping_add(len - 64), to.wrapping_add(len - 64));
    // SAFETY: `len / 64` rows of 64 bytes lie in `len` bytes, which the caller vouches for on both sides.
    unsafe { copy_rows(from, to, len / 64) };
    // SAFETY: the last 64 bytes of the same.
    unsafe { copy_rows(last_from, last_to, 1) };
}

/// # Safety
///
/// `from` has so many rows of 64 bytes that can be read, `to` as many that are the caller's alone; at least one.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
unsafe fn copy_rows(from: *const u8, to: *mut u8, rows: usize) {
    // SAFETY: reads and writes the rows that the caller vouches for, at any alignment.
    unsafe {
        std::arch::asm!(
            "2:",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "dec {rows}",
            "jnz 2b",
            a = out(xmm_reg) _,
            b = out(xmm_reg) _,
            c = out(xmm_reg) _,
            d = out(xmm_reg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            rows = inout(reg) rows => _,
            options(nostack),
        );
    }
}

/// The same for many bytes.
///
/// # Safety
///
/// As of `copy_racing`.
#[cfg(any(not(target_arch = "x86_64"), miri))]
#[inline(never)]
unsafe fn copy_long(from: *const u8, to: *mut u8, len: usize) {
    let mut index = 0;
    while index + 32 <= len {
        let at = from.wrapping_add(index).cast::<[Unaligned; 4]>();
        // SAFETY: bytes of those that can be read; volatile, because they may change under it.
        let words = unsafe { at.read_volatile() };
        // SAFETY: as many bytes of those that are the caller's.
        unsafe { to.wrapping_add(index).cast::<[Unaligned; 4]>().write(words) };
        index += 32;
    }
    while index < len {
        // SAFETY: one byte of those that can be read; volatile as above.
        let byte = unsafe { from.wrapping_add(index).read_volatile() };
        // SAFETY: one byte of those that are the caller's.
        unsafe { to.wrapping_add(index).write(byte) };
        index += 1;
    }
}

/// Eight bytes at any address.
#[derive(Clone, Copy)]
#[repr(C, packed)]
struct Unaligned(u64);

impl Unaligned {
    #[inline(always)]
    fn bytes(self) -> [u8; 8] {
        let Self(word) = self;
        word.to_ne_bytes()
    }
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod tests {
    use super::*;

    #[test]
    fn copies_that_may_race_are_whole_at_every_length_and_alignment() {
        let memory = SharedMemory::create(16_384).unwrap();
        let region = Region::of(&memory);
        let bytes: Vec<u8> = (0..5000u32).map(|index| (index * 7 / 3) as u8).collect();
        region.copy_in(Offset(3), &bytes).unwrap();
        for len in (0..300).chain(1000..1200).chain([4096, 4999]) {
            for (from, skip) in [(0, 0), (1, 0), (0, 5), (1, 3)] {
                let mut out = vec![0; skip];
                region
                    .append_unguarded(Offset(3 + from as u64), len, &mut out)
                    .unwrap();
                assert!(out[skip..] == bytes[from..from + len], "{len} {from} {skip}");
            }
        }
        assert!(
            region
                .append_unguarded(Offset(16_000), 1000, &mut Vec::new())
                .is_none()
        );
    }
}

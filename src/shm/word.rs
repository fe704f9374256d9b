//! The words that shared structures are made of.
//!
//! Every one is an atomic, so that no value another process may leave there is ever undefined behaviour, and every
//! store passes the failpoint. Order between stores is the journal's and the locks' business, not the words'.

use super::atomics::{AtomicU16, AtomicU32, AtomicU64, Ordering};
use super::failpoint;

#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Word16(AtomicU16);

impl Word16 {
    #[inline(always)]
    pub fn get(&self) -> u16 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn put(&self, value: u16) {
        failpoint::hit();
        self.0.store(value, Ordering::Relaxed);
    }
}

#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Word32(AtomicU32);

#[derive(Debug, Default)]
#[repr(transparent)]
pub struct Word64(AtomicU64);

impl Word32 {
    #[inline(always)]
    pub fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn put(&self, value: u32) {
        failpoint::hit();
        self.0.store(value, Ordering::Relaxed);
    }

    /// For a word that others read without the lock: everything stored before is seen by who sees this.
    pub fn publish(&self, value: u32) {
        failpoint::hit();
        self.0.store(value, Ordering::Release);
    }

    pub fn observe(&self) -> u32 {
        self.0.load(Ordering::Acquire)
    }

    pub fn add(&self, more: u32) -> u32 {
        failpoint::hit();
        self.0.fetch_add(more, Ordering::AcqRel)
    }

    pub fn atomic(&self) -> &AtomicU32 {
        &self.0
    }
}

impl Word64 {
    #[inline(always)]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    #[inline(always)]
    pub fn put(&self, value: u64) {
        failpoint::hit();
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn publish(&self, value: u64) {
        failpoint::hit();
        self.0.store(value, Ordering::Release);
    }

    pub fn observe(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    #[inline(always)]
    pub fn add(&self, more: u64) -> u64 {
        failpoint::hit();
        self.0.fetch_add(more, Ordering::Relaxed)
    }

    pub fn atomic(&self) -> &AtomicU64 {
        &self.0
    }

    #[inline(always)]
    pub fn get_f64(&self) -> f64 {
        f64::from_bits(self.get())
    }

    #[inline(always)]
    pub fn put_f64(&self, value: f64) {
        self.put(value.to_bits());
    }
}

//! Bytes that run through a chain of blocks: the first block holds some after its header, each further one 124 after
//! its link.
//!
//! Invariant: a chain is as long as its bytes need and no longer; every step to the next block is checked.

use super::stop::{Step, Stop};
use crate::shm::layout::{
    BLOCK_PAYLOAD, CHAIN_PAYLOAD_AT, ENTRY_PAYLOAD, ENTRY_PAYLOAD_AT, LEASE_PAYLOAD, LEASE_PAYLOAD_AT,
};
use crate::shm::region::Offset;
use crate::shm::segment::Segment;

/// What the first block of a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    Entry,
    Lease,
    Plain,
}

impl First {
    #[inline(always)]
    const fn payload(self) -> (u64, usize) {
        match self {
            Self::Entry => (ENTRY_PAYLOAD_AT, ENTRY_PAYLOAD),
            Self::Lease => (LEASE_PAYLOAD_AT, LEASE_PAYLOAD),
            Self::Plain => (CHAIN_PAYLOAD_AT, BLOCK_PAYLOAD),
        }
    }

    /// How many blocks so many bytes take.
    #[inline(always)]
    pub(super) const fn blocks(self, len: usize) -> u32 {
        let (_, room) = self.payload();
        if len <= room {
            1
        } else {
            1 + (len - room).div_ceil(BLOCK_PAYLOAD) as u32
        }
    }
}

/// A position in a chain.
#[derive(Debug)]
pub(super) struct Cursor<'s> {
    segment: &'s Segment,
    block: u32,
    at: Offset,
    left: usize,
}

impl<'s> Cursor<'s> {
    #[inline(always)]
    pub(super) fn at_start(segment: &'s Segment, block: u32, first: First) -> Step<Self> {
        let (skip, left) = first.payload();
        let base = segment.geometry().block(block).ok_or(Stop::Damaged)?;
        Ok(Self {
            segment,
            block,
            at: Offset(base.0 + skip),
            left,
        })
    }

    /// The block the position is in.
    pub(super) fn block(&self) -> u32 {
        self.block
    }

    /// Goes through the next `len` bytes, one piece of a block at a time.
    #[inline(always)]
    fn each(
        &mut self,
        len: usize,
        mut piece: impl FnMut(&Segment, Offset, usize, usize) -> Step<bool>,
    ) -> Step<bool> {
        let mut done = 0;
        loop {
            let now = self.left.min(len - done);
            if !piece(self.segment, self.at, done, now)? {
                return Ok(false);
            }
            self.at.0 += now as u64;
            self.left -= now;
            done += now;
            if done == len {
                return Ok(true);
            }
            let next = self.segment.link(self.block)?.get();
            let base = self.segment.geometry().block(next).ok_or(Stop::Damaged)?;
            self.block = next;
            self.at = Offset(base.0 + CHAIN_PAYLOAD_AT);
            self.left = BLOCK_PAYLOAD;
        }
    }

    #[inline(always)]
    pub(super) fn skip(&mut self, len: usize) -> Step<()> {
        self.each(len, |_, _, _, _| Ok(true)).map(drop)
    }

    #[inline(always)]
    pub(super) fn write(&mut self, bytes: &[u8]) -> Step<()> {
        self.each(bytes.len(), |segment, at, from, len| {
            segment
                .region()
                .copy_in(at, &bytes[from..from + len])
                .ok_or(Stop::Damaged)?;
            Ok(true)
        })
        .map(drop)
    }

    #[inline(always)]
    pub(super) fn append_to(&mut self, len: usize, out: &mut Vec<u8>) -> Step<()> {
        out.reserve(len);
        self.each(len, |segment, at, _, len| {
            segment.region().append_to(at, len, out).ok_or(Stop::Damaged)?;
            Ok(true)
        })
        .map(drop)
    }

    #[inline(always)]
    pub(super) fn equals(&mut self, bytes: &[u8]) -> Step<bool> {
        self.each(bytes.len(), |segment, at, from, len| {
            segment
                .region()
                .equals(at, &bytes[from..from + len])
                .ok_or(Stop::Damaged)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_has_no_more_blocks_than_its_bytes_need() {
        assert_eq!(First::Entry.blocks(0), 1);
        assert_eq!(First::Entry.blocks(ENTRY_PAYLOAD), 1);
        assert_eq!(First::Entry.blocks(ENTRY_PAYLOAD + 1), 2);
        assert_eq!(First::Entry.blocks(ENTRY_PAYLOAD + BLOCK_PAYLOAD), 2);
        assert_eq!(First::Plain.blocks(BLOCK_PAYLOAD + 1), 2);
        assert_eq!(First::Lease.blocks(LEASE_PAYLOAD), 1);
    }
}

//! Bytes that run through a chain of blocks: the first block holds some after its header, each further one 124 after
//! its link. What is longer than that is worth goes on in runs of blocks side by side, so that reading it is a copy or
//! a few: each run holds what its blocks have after eight bytes of its own.
//!
//! Invariant: a chain is as long as its bytes need and no longer; every step to the next block is checked, and no run is
//! believed to be longer than all of them together.

use std::mem::MaybeUninit;

use crate::shm::layout::{
    BLOCK, BLOCK_PAYLOAD, CHAIN_PAYLOAD_AT, ENTRY_PAYLOAD, ENTRY_PAYLOAD_AT, FLIGHT_PAYLOAD,
    FLIGHT_PAYLOAD_AT, LONG_TAIL, Long, NIL, RUN_HEADER, RUN_PAYLOAD_AT, Run,
};
use crate::shm::region::Offset;
use crate::shm::runs::{run_blocks, run_room};
use crate::shm::segment::Segment;
use crate::store::ground::stop::{Step, Stop};

/// More bytes than this go on in runs.
pub(in crate::store) const LONGEST_CHAIN: usize = 2048;

/// What the first block of a chain is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) enum First {
    Entry,
    Flight,
    Plain,
}

impl First {
    #[inline(always)]
    const fn payload(self) -> (u64, usize) {
        match self {
            Self::Entry => (ENTRY_PAYLOAD_AT, ENTRY_PAYLOAD),
            Self::Flight => (FLIGHT_PAYLOAD_AT, FLIGHT_PAYLOAD),
            Self::Plain => (CHAIN_PAYLOAD_AT, BLOCK_PAYLOAD),
        }
    }

    /// How many blocks so many bytes take, beside those of runs.
    #[inline(always)]
    pub(in crate::store) const fn blocks(self, len: usize) -> u32 {
        let (_, room) = self.payload();
        if len <= room || is_long(len) {
            1
        } else {
            1 + (len - room).div_ceil(BLOCK_PAYLOAD) as u32
        }
    }

    /// How many of so many bytes lie in runs.
    #[inline(always)]
    pub(in crate::store) const fn in_runs(self, len: usize) -> usize {
        let (_, room) = self.payload();
        if is_long(len) { len - (room - LONG_TAIL) } else { 0 }
    }

    /// How many blocks so many bytes take, if they lie in no more than so many runs.
    pub(in crate::store) const fn blocks_in(self, len: usize, runs: u32) -> u32 {
        if is_long(len) {
            run_blocks(self.in_runs(len) + RUN_HEADER * runs as usize).saturating_add(1)
        } else {
            self.blocks(len)
        }
    }
}

#[inline(always)]
pub(in crate::store) const fn is_long(len: usize) -> bool {
    len > LONGEST_CHAIN
}

/// A chain of so many bytes as it lies in the segment.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Chain {
    pub(in crate::store) kind: First,
    pub(in crate::store) len: usize,
    pub(in crate::store) first: u32,
    /// Its last block; where there are runs, the first of the last run.
    pub(in crate::store) last: u32,
}

/// What the end of a long chain's first block tells.
pub(in crate::store) fn tail_of(segment: &Segment, block: u32) -> Step<&'static Long> {
    segment.block(block).ok_or(Stop::Damaged)
}

/// Runs that lie ready to be written to.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct Ready {
    pub(in crate::store) head: u32,
    pub(in crate::store) blocks: u32,
}

/// A position in a chain.
#[derive(Debug)]
pub(in crate::store) struct Cursor<'s> {
    segment: &'s Segment,
    block: u32,
    at: Offset,
    left: usize,
    long: bool,
    /// Of runs that are ready: where the next one is, as the first block does not say so yet.
    ready: u32,
    /// How many blocks the runs ahead may have.
    run_blocks: u32,
}

/// That all blocks together could hold so much.
pub(in crate::store) fn check_possible(segment: &Segment, len: usize) -> Step<()> {
    let all = u64::from(segment.geometry().block_capacity) * BLOCK;
    if len as u64 <= all {
        Ok(())
    } else {
        Err(Stop::Damaged)
    }
}

/// Appends the first `part` bytes of a chain that holds `len`. For what is not read often: one code for all.
#[inline(never)]
pub(in crate::store) fn append_part(
    segment: &Segment,
    block: u32,
    first: First,
    len: usize,
    part: usize,
    out: &mut Vec<u8>,
) -> Step<()> {
    Cursor::at_start(segment, block, first, len)?.append_to(part, out)
}

impl<'s> Cursor<'s> {
    /// At the first byte of a chain that holds `len`.
    #[inline(always)]
    pub(in crate::store) fn at_start(
        segment: &'s Segment,
        block: u32,
        first: First,
        len: usize,
    ) -> Step<Self> {
        let (skip, left) = first.payload();
        let base = segment.geometry().block(block).ok_or(Stop::Damaged)?;
        let mut cursor = Self {
            segment,
            block,
            at: Offset(base.0 + skip),
            left,
            long: false,
            ready: NIL,
            run_blocks: 0,
        };
        if is_long(len) {
            cursor.long = true;
            cursor.left -= LONG_TAIL;
            cursor.run_blocks = tail_of(segment, block)?.blocks.get();
        }
        Ok(cursor)
    }

    /// The same for one that is to be written: its first block lies in the stash, and its runs are ready.
    #[inline(always)]
    pub(in crate::store) fn to_write(
        segment: &'s Segment,
        block: u32,
        first: First,
        len: usize,
        ready: Ready,
    ) -> Step<Self> {
        let mut cursor = Self::at_start(segment, block, first, len)?;
        if cursor.long {
            (cursor.ready, cursor.run_blocks) = (ready.head, ready.blocks);
        }
        Ok(cursor)
    }

    /// The block the position is in.
    pub(in crate::store) fn block(&self) -> u32 {
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
            self.step()?;
        }
    }

    #[inline(always)]
    fn step(&mut self) -> Step<()> {
        if self.long {
            return self.step_to_run();
        }
        let next = self.segment.link(self.block)?.get();
        let base = self.segment.geometry().block(next).ok_or(Stop::Damaged)?;
        self.block = next;
        self.at = Offset(base.0 + CHAIN_PAYLOAD_AT);
        self.left = BLOCK_PAYLOAD;
        Ok(())
    }

    #[inline(never)]
    fn step_to_run(&mut self) -> Step<()> {
        let next = if self.ready == NIL {
            self.segment.link(self.block)?.get()
        } else {
            std::mem::replace(&mut self.ready, NIL)
        };
        let run: &Run = self.segment.block(next).ok_or(Stop::Damaged)?;
        let len = run.len.get();
        let base = self.segment.geometry().block(next).ok_or(Stop::Damaged)?;
        self.run_blocks = self.run_blocks.checked_sub(len).ok_or(Stop::Damaged)?;
        if len == 0 {
            return Err(Stop::Damaged);
        }
        self.block = next;
        self.at = Offset(base.0 + RUN_PAYLOAD_AT);
        self.left = run_room(len);
        Ok(())
    }

    #[inline(always)]
    pub(in crate::store) fn skip(&mut self, len: usize) -> Step<()> {
        self.each(len, |_, _, _, _| Ok(true)).map(drop)
    }

    #[inline(always)]
    pub(in crate::store) fn write(&mut self, bytes: &[u8]) -> Step<()> {
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
    pub(in crate::store) fn append_to(&mut self, len: usize, out: &mut Vec<u8>) -> Step<()> {
        self.make_room(len, out)?;
        self.each(len, |segment, at, _, len| {
            segment.region().append_to(at, len, out).ok_or(Stop::Damaged)?;
            Ok(true)
        })
        .map(drop)
    }

    /// A length that no chain of this segment can have is not to be believed.
    fn make_room(&self, len: usize, out: &mut Vec<u8>) -> Step<()> {
        check_possible(self.segment, len)?;
        out.reserve(len);
        Ok(())
    }

    /// The same where others may be writing: what comes out is to be disbelieved until it is confirmed.
    pub(in crate::store) fn append_unguarded(&mut self, len: usize, out: &mut Vec<u8>) -> Step<()> {
        self.make_room(len, out)?;
        self.each(len, |segment, at, _, len| {
            let region = segment.region();
            region.append_unguarded(at, len, out).ok_or(Stop::Damaged)?;
            Ok(true)
        })
        .map(drop)
    }

    /// The same into memory that has just the room.
    pub(in crate::store) fn copy_unguarded(&mut self, to: &mut [MaybeUninit<u8>]) -> Step<()> {
        self.each(to.len(), |segment, at, from, len| {
            let to = to.get_mut(from..from + len).ok_or(Stop::Damaged)?;
            segment.region().copy_out_unguarded(at, to).ok_or(Stop::Damaged)?;
            Ok(true)
        })
        .map(drop)
    }

    #[inline(always)]
    pub(in crate::store) fn equals(&mut self, bytes: &[u8]) -> Step<bool> {
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
        assert_eq!(First::Flight.blocks(FLIGHT_PAYLOAD), 1);
        assert!(First::Flight.blocks(LONGEST_CHAIN) > 16);
        assert_eq!(First::Flight.blocks(LONGEST_CHAIN + 1), 1);
        assert_eq!(First::Entry.in_runs(LONGEST_CHAIN), 0);
        assert_eq!(First::Entry.in_runs(5000), 5000 - ENTRY_PAYLOAD + LONG_TAIL);
        let bytes = ENTRY_PAYLOAD - LONG_TAIL + 120 * 30;
        assert_eq!(First::Entry.blocks_in(bytes, 1), 1 + 29);
        assert_eq!(First::Entry.blocks_in(bytes, 29), 1 + 30);
    }
}

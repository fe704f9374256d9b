//! One segment: made by the primary, attached by its workers, verified before a word of it is believed.
//!
//! Invariant: a `Segment` exists only for a mapping whose magic, layout version, lock kind and length were checked
//! against this build's. A process that dies while making one leaves a memfd that nobody else has.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::layout::{
    Area, Directory, FIXED_COMMIT, Geometry, Header, LAYOUT_VERSION, MAGIC, MARKS, NEAR_AT, NEAR_LEN, NIL,
    Namespace, NamespaceRecord, PAGE, PoolHeader, ProcessSlot, Ring,
};
use super::lock;
use super::region::{Offset, Parts, Region, Shared};
use super::word::{Word16, Word32};
use crate::error::{Code, Error, Result};
use crate::sys::memory::SharedMemory;
use crate::sys::mutex::SharedMutex;
use crate::sys::process::{self, Identity};

#[derive(Debug)]
pub struct Segment {
    memory: SharedMemory,
    region: Region,
    geometry: Geometry,
    header: &'static Header,
    directory: &'static Directory,
    pool: &'static PoolHeader,
    marks: Parts<{ size_of::<Word32>() }>,
    owners: Parts<{ size_of::<Word16>() }>,
    blocks: Parts<{ super::layout::BLOCK as usize }>,
    /// How long this process waits for a lock of the segment, in milliseconds.
    patience: AtomicU32,
}

/// What a lock is waited for, unless the process says otherwise.
const PATIENCE_MS: u32 = 250;
/// A repair cannot be put off: it waits longer for the one lock that it needs beside its own.
pub(super) const REPAIR_PATIENCE: Duration = Duration::from_secs(2);

impl Segment {
    pub fn create(capacity: u64) -> Result<Self> {
        let geometry = Geometry::for_capacity(capacity);
        let len = usize::try_from(geometry.len)
            .map_err(|_| unavailable(&io::Error::from(io::ErrorKind::OutOfMemory)))?;
        let memory = SharedMemory::create_or_alone(len).map_err(|error| unavailable(&error))?;
        memory
            .commit(0, FIXED_COMMIT as usize)
            .map_err(|error| unavailable(&error))?;
        let segment = Self::over(memory, geometry).ok_or_else(damaged)?;
        let random = process::random().map_err(|error| unavailable(&error))?;
        segment.initialise(u128::from_le_bytes(random), Identity::of_self());
        Ok(segment)
    }

    fn initialise(&self, identity: u128, maker: Identity) {
        let header = self.header;
        header.version.put(LAYOUT_VERSION);
        header.mutex_kind.put(SharedMutex::KIND);
        header.len.put(self.geometry.len);
        header.block_capacity.put(self.geometry.block_capacity);
        header.identity[0].put(identity as u64);
        header.identity[1].put((identity >> 64) as u64);
        header
            .hash_seed
            .put((identity >> 32) as u64 ^ 0x9e37_79b9_7f4a_7c15);
        header.maker_pid.put(maker.pid);
        header.maker_started.put(maker.started);
        header.committed_bytes.put(FIXED_COMMIT);
        header.flight_tokens.put(1);
        header
            .versions
            .put((identity >> 17) as u64 ^ 0xc2b2_ae3d_27d4_eb4f);
        self.pool.fresh.put(1);
        lock::prepare(&self.directory.lock);
        lock::prepare(&self.pool.lock);
        header.magic.put(MAGIC);
        header.ready.publish(1);
    }

    /// Believes a mapping that came from elsewhere, after checking it.
    pub fn adopt(memory: SharedMemory) -> Result<Self> {
        let geometry = Self::verify_header(Region::of(&memory))?;
        Self::over(memory, geometry).ok_or_else(damaged)
    }

    /// What a mapping's header says of its geometry, if it is one of this build's.
    pub fn verify_header(region: Region) -> Result<Geometry> {
        if region.len() < FIXED_COMMIT {
            return Err(truncated(region.len(), FIXED_COMMIT));
        }
        let header = region.at::<Header>(Offset(0)).ok_or_else(damaged)?;
        verify(header, region.len())?;
        Ok(Geometry::of_blocks(header.block_capacity.get()))
    }

    fn over(memory: SharedMemory, geometry: Geometry) -> Option<Self> {
        let region = Region::of(&memory);
        Some(Self {
            region,
            geometry,
            header: region.at(geometry.header())?,
            directory: region.at(geometry.directory())?,
            pool: region.at(geometry.pool())?,
            marks: region.parts(geometry.mark(0), MARKS)?,
            owners: region.parts(geometry.owner(0)?, geometry.block_capacity)?,
            blocks: region.parts(geometry.blocks(), geometry.block_capacity)?,
            memory,
            patience: AtomicU32::new(PATIENCE_MS),
        })
    }

    /// How long a lock is waited for whose holder may have been stopped.
    #[inline(always)]
    pub fn patience(&self) -> Duration {
        Duration::from_millis(u64::from(self.patience.load(Ordering::Relaxed)))
    }

    pub fn wait_at_most(&self, milliseconds: u32) {
        self.patience.store(milliseconds, Ordering::Relaxed);
    }

    pub fn memory(&self) -> &SharedMemory {
        &self.memory
    }

    #[inline(always)]
    pub fn region(&self) -> Region {
        self.region
    }

    #[inline(always)]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    #[inline(always)]
    pub fn header(&self) -> &'static Header {
        self.header
    }

    pub fn directory(&self) -> &'static Directory {
        self.directory
    }

    pub fn pool(&self) -> &'static PoolHeader {
        self.pool
    }

    pub fn identity(&self) -> u128 {
        u128::from(self.header.identity[0].get()) | (u128::from(self.header.identity[1].get()) << 64)
    }

    pub fn process(&self, slot: u32) -> Option<&'static ProcessSlot> {
        self.region.at(self.geometry.process(slot)?)
    }

    pub fn record(&self, slot: u32) -> Option<&'static NamespaceRecord> {
        self.region.at(self.geometry.record(slot)?)
    }

    #[inline(always)]
    pub fn namespace(&self, slot: u32) -> Option<&'static Namespace> {
        self.region.at(self.geometry.namespace(slot)?)
    }

    /// The word that counts the changes of the keys that share it.
    #[inline(always)]
    pub fn mark(&self, index: u32) -> Option<&'static Word32> {
        self.marks.at(index % MARKS)
    }

    #[inline(always)]
    pub fn area(&self, index: u32) -> Option<&'static Area> {
        self.region.at(self.geometry.area(index)?)
    }

    pub fn ring(&self, index: u32) -> Option<&'static Ring> {
        self.region.at(self.geometry.ring(index)?)
    }

    /// Marks, areas and rings as one range, for JavaScript, which reads and writes their words itself.
    pub fn near_range(&self) -> Option<(NonNull<u8>, usize)> {
        let len = NEAR_LEN as usize;
        Some((self.region.start_of(Offset(NEAR_AT), len)?, len))
    }

    #[inline(always)]
    pub fn owner(&self, block: u32) -> Option<&'static Word16> {
        self.owners.at(block)
    }

    /// A block, seen as whatever its user put there.
    #[inline(always)]
    pub fn block<T: Shared>(&self, block: u32) -> Option<&'static T> {
        if block == NIL { None } else { self.blocks.at(block) }
    }

    /// Pays for a range, widened to whole pages.
    pub fn commit(&self, from: u64, len: u64) -> io::Result<()> {
        let start = from / PAGE * PAGE;
        let end = (from + len).next_multiple_of(PAGE).min(self.region.len());
        self.memory.commit(start as usize, (end - start) as usize)
    }
}

fn verify(header: &Header, len: u64) -> Result<()> {
    if header.ready.observe() != 1 || header.magic.get() != MAGIC {
        return Err(Error::new(
            Code::SegmentMismatch,
            "the memory offered is not a Flotilla segment; restart the primary and its workers together",
        ));
    }
    if header.version.get() != LAYOUT_VERSION || header.mutex_kind.get() != SharedMutex::KIND {
        return Err(Error::new(
            Code::SegmentMismatch,
            format!(
                "the segment has layout {} with locks of kind {:#x}, this build has layout {LAYOUT_VERSION} with {:#x}; \
                 run the same version of Flotilla in the primary and its workers",
                header.version.get(),
                header.mutex_kind.get(),
                SharedMutex::KIND
            ),
        ));
    }
    let expected = Geometry::of_blocks(header.block_capacity.get()).len;
    if header.len.get() != expected {
        return Err(damaged());
    }
    if len != expected {
        return Err(truncated(len, expected));
    }
    Ok(())
}

fn unavailable(cause: &io::Error) -> Error {
    Error::new(
        Code::SegmentUnavailable,
        format!("the system gave no shared memory ({cause}); lower `memory` or use the transport 'ipc'"),
    )
}

fn damaged() -> Error {
    Error::new(
        Code::SegmentDamaged,
        "the segment's header contradicts itself; restart the primary and its workers",
    )
}

fn truncated(len: u64, expected: u64) -> Error {
    Error::new(
        Code::SegmentDamaged,
        format!(
            "the segment is {len} bytes long and should be {expected}; restart the primary and its workers"
        ),
    )
}

#[cfg(test)]
#[cfg(all(target_os = "linux", not(flotilla_portable)))]
mod tests {
    use super::*;
    use crate::shm::region::Region;

    /// The same memory, mapped once more, as an attaching process has it.
    fn copy_of(segment: &Segment) -> SharedMemory {
        SharedMemory::open(segment.memory().fd().unwrap().try_clone_to_owned().unwrap()).unwrap()
    }

    fn refusal(memory: SharedMemory) -> Error {
        Segment::adopt(memory).unwrap_err()
    }

    #[test]
    fn a_sound_segment_is_adopted() {
        let segment = Segment::create(1 << 20).unwrap();
        let adopted = Segment::adopt(copy_of(&segment)).unwrap();
        assert_eq!(adopted.identity(), segment.identity());
        assert_eq!(adopted.geometry(), segment.geometry());
    }

    #[test]
    fn memory_that_is_no_segment_is_refused() {
        assert_eq!(
            refusal(SharedMemory::create(1 << 20).unwrap()).code,
            Code::SegmentMismatch
        );
        let segment = Segment::create(1 << 20).unwrap();
        segment.header().magic.put(0x1234);
        assert_eq!(refusal(copy_of(&segment)).code, Code::SegmentMismatch);
    }

    #[test]
    fn another_layout_or_another_lock_is_refused_with_what_to_do() {
        let segment = Segment::create(1 << 20).unwrap();
        segment.header().version.put(LAYOUT_VERSION + 1);
        let error = refusal(copy_of(&segment));
        assert_eq!(error.code, Code::SegmentMismatch);
        assert!(error.message.contains("same version"), "{error}");
        segment.header().version.put(LAYOUT_VERSION);
        segment.header().mutex_kind.put(7);
        assert_eq!(refusal(copy_of(&segment)).code, Code::SegmentMismatch);
    }

    #[test]
    fn truncated_memory_is_refused_before_anything_in_it_is_read() {
        assert_eq!(
            refusal(SharedMemory::create(100).unwrap()).code,
            Code::SegmentDamaged
        );
        let whole = Segment::create(1 << 20).unwrap();
        let short = SharedMemory::create(64 << 10).unwrap();
        let mut header = Vec::new();
        whole
            .region()
            .append_to(Offset(0), FIXED_COMMIT as usize, &mut header)
            .unwrap();
        Region::of(&short).copy_in(Offset(0), &header).unwrap();
        assert_eq!(refusal(short).code, Code::SegmentDamaged);
    }

    #[test]
    fn a_header_that_contradicts_itself_is_refused_whatever_is_in_it() {
        for blocks in [0, 1, u32::MAX, 12_345] {
            let segment = Segment::create(1 << 20).unwrap();
            segment.header().block_capacity.put(blocks);
            assert_eq!(refusal(copy_of(&segment)).code, Code::SegmentDamaged, "{blocks}");
        }
        for len in [0, 1, u64::MAX] {
            let segment = Segment::create(1 << 20).unwrap();
            segment.header().len.put(len);
            assert_eq!(refusal(copy_of(&segment)).code, Code::SegmentDamaged, "{len}");
        }
    }
}

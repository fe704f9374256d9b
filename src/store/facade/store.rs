//! The segment as the cache sees it, one for each process.

use parking_lot::Mutex;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32};

use crate::error::{Code, Error, Result};
use crate::shm::layout::BLOCK;
use crate::shm::segment::Segment;
use crate::shm::ticket::{self, Ticket};
use crate::store::copies::rings::Rings;
use crate::store::facade::cache::Cache;
use crate::store::facade::mending::MENDING;
use crate::store::flights::watcher::Watcher;
use crate::store::ground::base::Ground;
use crate::store::ground::held::Held;
use crate::store::ground::options::{ALL_LEFT_OUT, LeftOut, Options};
use crate::store::ground::values::SegmentUsage;
use std::time::Instant;

/// The least a segment can be made with.
pub const MIN_CAPACITY: u64 = 1 << 20;

#[derive(Clone, Copy, Debug)]
pub struct SegmentOptions {
    /// The most that blocks and their owners may take, in bytes.
    pub capacity: u64,
}

#[derive(Debug)]
pub struct Store {
    ground: Ground,
    offered: Mutex<Option<String>>,
    pub(in crate::store) rings: Rings,
    pub(in crate::store) watcher: Watcher<Cache>,
    /// Whether a thread sees to what a dead process left.
    pub(in crate::store) tidying: AtomicBool,
    /// The slots in which this process has left something to take apart.
    pub(in crate::store) reaping: Mutex<Vec<u32>>,
    /// In how many more steps memory goes back to the system.
    pub(in crate::store) releasing: AtomicU32,
}

impl Deref for Store {
    type Target = Ground;

    #[inline(always)]
    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.watcher.leave(&self.ground);
    }
}

impl Store {
    pub fn create(options: &SegmentOptions) -> Result<Arc<Self>> {
        if options.capacity < MIN_CAPACITY {
            let message = format!(
                "`memory` must be at least {MIN_CAPACITY} bytes, not {}",
                options.capacity
            );
            return Err(Error::new(Code::InvalidArgument, message));
        }
        Ok(Self::over(Segment::create(options.capacity)?))
    }

    fn over(segment: Segment) -> Arc<Self> {
        Arc::new(Self {
            ground: Ground::of(segment, MENDING),
            offered: Mutex::new(None),
            rings: Rings::default(),
            watcher: Watcher::new(),
            tidying: AtomicBool::new(false),
            reaping: Mutex::new(Vec::new()),
            releasing: AtomicU32::new(0),
        })
    }

    /// Begins to offer the segment to this process's children, and gives the line by which they find it.
    pub fn share(&self) -> Result<String> {
        let mut offered = self.offered.lock();
        if let Some(line) = &*offered {
            return Ok(line.clone());
        }
        let identity = self.segment().identity();
        let line = ticket::offer(self.segment().memory(), identity)
            .map_err(|cause| unreachable_because(&cause.to_string()))?;
        *offered = Some(line.clone());
        Ok(line)
    }

    /// Whether a line names a segment that this process's own parent made.
    pub fn is_for_this_process(line: &str) -> bool {
        Ticket::read(line).is_some_and(|ticket| ticket.is_of_parent())
    }

    pub fn attach(line: &str) -> Result<Arc<Self>> {
        let ticket =
            Ticket::read(line).ok_or_else(|| unreachable_because("the line that names it is not one"))?;
        if !ticket.is_of_parent() {
            return Err(unreachable_because("it was not made by this process's parent"));
        }
        let mut reasons = Vec::new();
        for (name, memory) in ticket.memories() {
            match memory {
                Ok(memory) => {
                    let segment = Segment::adopt(memory)?;
                    if segment.identity() == ticket.identity {
                        return Ok(Self::over(segment));
                    }
                    reasons.push(format!("{name}: another segment"));
                }
                Err(cause) => reasons.push(format!("{name}: {cause}")),
            }
        }
        Err(unreachable_because(&reasons.join("; ")))
    }

    /// Makes a namespace, or joins the one of that name if it was made with the same options.
    pub fn open(self: &Arc<Self>, name: &str, options: &Options) -> Result<Cache> {
        self.open_saying(name, options, 0)
    }

    /// The same, where some options were left out: they count only for a namespace that has to be made.
    pub fn open_saying(self: &Arc<Self>, name: &str, options: &Options, left_out: LeftOut) -> Result<Cache> {
        options.validate()?;
        let (place, declared) = self.listing()?.open(name, options, left_out)?;
        Ok(Cache::new(Arc::clone(self), name, declared, left_out, place))
    }

    /// Joins a namespace only if it exists.
    pub fn lookup(self: &Arc<Self>, name: &str) -> Result<Option<Cache>> {
        let found = self.listing()?.lookup(name)?;
        Ok(found.map(|(place, declared)| Cache::new(Arc::clone(self), name, declared, ALL_LEFT_OUT, place)))
    }

    pub fn namespaces(&self) -> Result<Vec<String>> {
        self.listing()?.names()
    }

    /// True if it was there.
    pub fn destroy(&self, name: &str) -> Result<bool> {
        let deadline = Instant::now() + self.segment().patience();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.listing()?.destroy(name) {
                Err(error) if error.code == Code::LockHeld && !left.is_zero() => {}
                destroyed => {
                    let slot = destroyed?;
                    slot.inspect(|slot| self.will_reap(*slot));
                    return Ok(slot.is_some());
                }
            }
            // Its lock is waited for with the directory's let go, and taken once more from there.
            if let Some((place, _)) = self.listing()?.lookup(name)? {
                self.hold::<Held>(place.slot, left)?;
            }
        }
    }

    /// How long this process waits for a lock whose holder may have been stopped.
    pub fn wait_at_most(&self, milliseconds: u32) {
        self.segment().wait_at_most(milliseconds);
    }

    pub fn usage(&self) -> Result<SegmentUsage> {
        let header = self.segment().header();
        Ok(SegmentUsage {
            namespaces: self.live_slots().count() as u64,
            segment_bytes: header.committed_bytes.get(),
            capacity: u64::from(self.segment().geometry().block_capacity) * BLOCK,
            free_bytes: u64::from(self.segment().available()) * BLOCK,
            memory_evictions: header.memory_evictions.get(),
            recoveries: header.recoveries.get(),
            repairs: header.repairs.get(),
        })
    }
}

fn unreachable_because(reason: &str) -> Error {
    Error::new(
        Code::SegmentUnreachable,
        format!("the shared segment cannot be reached ({reason}); the transport 'ipc' works without it"),
    )
}

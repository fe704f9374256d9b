//! What the workers of a server count of their requests and of themselves, a meter each, for whoever shows it.
//!
//! A meter is written by one thread of JavaScript alone and read by anyone at any time. Every word stands for itself:
//! whoever reads takes each for a hint, and nonsense counts as nothing. If a worker dies, its meter says what it last did
//! until the process that made the meters adds it to those of the departed, so that no total ever falls. The layout is
//! documented in `docs/shared-memory.md`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use super::region::{Offset, Region, Shared};
use super::ticket::{self, Ticket};
use super::word::Word64;
use crate::sys::memory::SharedMemory;
use crate::sys::process;
use parking_lot::Mutex;

/// As many workers as have a meter.
pub const METERS: usize = 1024;
/// Each power of two of microseconds is counted in so many parts, so that a figure is off by less than 1 in 64.
const PARTS: usize = 32;
/// The parts of all powers of two up to 134 seconds; what takes longer counts as that.
pub const BUCKETS: usize = 736;
/// How many words of a meter are figures; its buckets follow.
pub const FIGURES: usize = 40;

macro_rules! figures {
    ($($(#[$doc:meta])* $figure:ident = $name:literal,)+) => {
        /// A figure by its place. All of them are numbers of JavaScript's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Figure { $($(#[$doc])* $figure,)+ }

        /// Where JavaScript finds what.
        pub const METER_PLACES: &[(&str, i32)] = &[
            $(($name, Figure::$figure as i32),)+
            ("LATENCY", FIGURES as i32),
            ("WORDS", (FIGURES + BUCKETS) as i32),
        ];
    };
}

figures! {
    /// Since when this worker counts, in milliseconds of the machine's clock; zero where nobody does.
    Since = "SINCE",
    /// When it last told of itself.
    SampledAt = "SAMPLED_AT",
    /// 1 where the server sees its requests.
    SeesRequests = "SEES_REQUESTS",
    InFlight = "IN_FLIGHT",
    /// Answers by the hundreds of their status; the place of the hundred 0 is never used.
    Status = "STATUS",
    Informational = "STATUS_1",
    Success = "STATUS_2",
    Redirection = "STATUS_3",
    ClientError = "STATUS_4",
    ServerError = "STATUS_5",
    /// Requests whose answer did not get to its end.
    Aborted = "ABORTED",
    LatencyMs = "LATENCY_MS",
    Connections = "CONNECTIONS",
    Arrived = "ARRIVED",
    LagMs = "LAG_MS",
    LongestLagMs = "LONGEST_LAG_MS",
    ActiveMs = "ACTIVE_MS",
    IdleMs = "IDLE_MS",
    /// How much of the last second the event loop was at work, from 0 to 1.
    Utilization = "UTILIZATION",
    GcMs = "GC_MS",
    GcRuns = "GC_RUNS",
    HeapUsed = "HEAP_USED",
    HeapTotal = "HEAP_TOTAL",
    External = "EXTERNAL",
    ArrayBuffers = "ARRAY_BUFFERS",
    Scopes = "SCOPES",
    ScopesForked = "SCOPES_FORKED",
    ScopesEvicted = "SCOPES_EVICTED",
    /// Reads of caches with a second tier, by what answered; then calls that did without Redis.
    TierMemory = "TIER_MEMORY",
    TierRedis = "TIER_REDIS",
    TierMisses = "TIER_MISSES",
    TierAlone = "TIER_ALONE",
    /// What this process heard as the keeper of its machine, and how often it began to.
    TierInvalidations = "TIER_INVALIDATIONS",
    TierEpochs = "TIER_EPOCHS",
    /// How many servers of Redis it does without.
    TierAway = "TIER_AWAY",
    TierUnverifiedMs = "TIER_UNVERIFIED_MS",
}

/// Those that only grow: they go on where a worker has ended.
const TOTALS: &[Figure] = &[
    Figure::Informational,
    Figure::Success,
    Figure::Redirection,
    Figure::ClientError,
    Figure::ServerError,
    Figure::Aborted,
    Figure::LatencyMs,
    Figure::Arrived,
    Figure::ActiveMs,
    Figure::IdleMs,
    Figure::GcMs,
    Figure::GcRuns,
    Figure::ScopesForked,
    Figure::ScopesEvicted,
    Figure::TierMemory,
    Figure::TierRedis,
    Figure::TierMisses,
    Figure::TierAlone,
    Figure::TierInvalidations,
    Figure::TierEpochs,
];

const MAGIC: u64 = u64::from_le_bytes(*b"flotmetr");
const VERSION: u64 = 2;

#[repr(C)]
#[derive(Debug)]
struct Head {
    magic: Word64,
    version: Word64,
    identity: [Word64; 2],
    spare: [Word64; 12],
}

/// What one worker counts.
#[repr(C)]
#[derive(Debug)]
pub struct Meter {
    figures: [Word64; FIGURES],
    latency: [Word64; BUCKETS],
}

// SAFETY: `repr(C)`, made of words, without padding.
unsafe impl Shared for Head {}
// SAFETY: as above.
unsafe impl Shared for Meter {}

const _: () = assert!(size_of::<Head>() == 128 && size_of::<Meter>() == 6208);
const _: () = assert!((Figure::TierUnverifiedMs as usize) < FIGURES);

/// Most of it is never touched, and costs nothing.
const LENGTH: usize = size_of::<Head>() + METERS * size_of::<Meter>();

/// Counts of one meter or of several together.
#[derive(Clone, Debug)]
pub struct Counts {
    figures: [f64; FIGURES],
    latency: Box<[u64; BUCKETS]>,
}

impl Default for Counts {
    fn default() -> Self {
        Self {
            figures: [0.0; FIGURES],
            latency: Box::new([0; BUCKETS]),
        }
    }
}

impl Counts {
    pub fn figure(&self, figure: Figure) -> f64 {
        self.figures[figure as usize]
    }

    /// Answers that got to their end.
    pub fn answered(&self) -> f64 {
        self.figures[Figure::Informational as usize..=Figure::ServerError as usize]
            .iter()
            .sum()
    }

    pub fn latency(&self) -> &[u64; BUCKETS] {
        &self.latency
    }

    /// Adds those figures that only grow.
    pub fn add(&mut self, other: &Self) {
        for figure in TOTALS {
            self.figures[*figure as usize] += other.figure(*figure);
        }
        for (sum, count) in self.latency.iter_mut().zip(other.latency.iter()) {
            *sum = sum.wrapping_add(*count);
        }
    }
}

/// The longest time that counts in a bucket, in microseconds, but for the last.
pub fn bucket_end(bucket: usize) -> u64 {
    if bucket < 2 * PARTS {
        return bucket as u64 + 1;
    }
    let shift = bucket / PARTS - 1;
    ((bucket - shift * PARTS) as u64 + 1) << shift
}

/// The middle of what counts in a bucket, in milliseconds.
pub fn bucket_middle_ms(bucket: usize) -> f64 {
    let start = if bucket == 0 { 0 } else { bucket_end(bucket - 1) };
    (start + bucket_end(bucket)) as f64 / 2e3
}

/// The mapped meters.
#[derive(Debug)]
pub struct Meters {
    memory: SharedMemory,
    region: Region,
    /// Of workers that have ended.
    departed: Mutex<Counts>,
    line: Mutex<Option<String>>,
    /// Which seats are paid for and count.
    seated: Box<[AtomicBool]>,
}

impl Meters {
    pub fn create() -> io::Result<Self> {
        let memory = SharedMemory::create(LENGTH)?;
        memory.commit(0, size_of::<Head>())?;
        let meters = Self::of(memory);
        let head = meters.head().ok_or(io::ErrorKind::InvalidData)?;
        let identity = u128::from_le_bytes(process::random()?);
        head.identity[0].put(identity as u64);
        head.identity[1].put((identity >> 64) as u64);
        head.version.put(VERSION);
        head.magic.publish(MAGIC);
        Ok(meters)
    }

    /// Those that the parent of this process made. Refuses what is none.
    pub fn attach(line: &str) -> io::Result<Self> {
        let ticket = Ticket::read(line).filter(Ticket::is_of_parent);
        let ticket = ticket.ok_or(io::ErrorKind::InvalidInput)?;
        for (_, memory) in ticket.memories() {
            let Ok(memory) = memory else { continue };
            let meters = Self::of(memory);
            if meters.is_sound() && meters.identity() == ticket.identity {
                return Ok(meters);
            }
        }
        Err(io::ErrorKind::NotFound.into())
    }

    fn of(memory: SharedMemory) -> Self {
        let region = Region::of(&memory);
        Self {
            memory,
            region,
            departed: Mutex::default(),
            line: Mutex::default(),
            seated: (0..METERS).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    fn head(&self) -> Option<&'static Head> {
        self.region.at(Offset(0))
    }

    fn is_sound(&self) -> bool {
        let is_ours = |head: &Head| head.magic.observe() == MAGIC && head.version.get() == VERSION;
        self.memory.len() == LENGTH && self.head().is_some_and(is_ours)
    }

    fn identity(&self) -> u128 {
        let words = self.head().map(|head| head.identity.each_ref().map(Word64::get));
        words.map_or(0, |[low, high]| u128::from(low) | u128::from(high) << 64)
    }

    /// The line by which children of this process find the meters.
    pub fn share(&self) -> io::Result<String> {
        let mut line = self.line.lock();
        if let Some(line) = &*line {
            return Ok(line.clone());
        }
        let made = ticket::offer(&self.memory, self.identity())?;
        *line = Some(made.clone());
        Ok(made)
    }

    /// The meter of a seat; nothing for a seat that has none.
    pub fn meter(&self, seat: usize) -> Option<&'static Meter> {
        if seat >= METERS {
            return None;
        }
        let at = size_of::<Head>() + seat * size_of::<Meter>();
        self.region.at(Offset(at as u64))
    }

    /// Another process is to sit there: what the one before it has counted goes to the departed.
    pub fn seat(&self, seat: usize) -> io::Result<()> {
        self.vacate(seat);
        let at = size_of::<Head>() + seat * size_of::<Meter>();
        // What is written to later must not fail then.
        self.memory.commit(at, size_of::<Meter>())?;
        let seated = self.seated.get(seat).ok_or(io::ErrorKind::InvalidInput)?;
        seated.store(true, Ordering::Release);
        Ok(())
    }

    /// The process that sat there has ended.
    pub fn vacate(&self, seat: usize) {
        let seated = self.seated.get(seat);
        if !seated.is_some_and(|seated| seated.swap(false, Ordering::AcqRel)) {
            return;
        }
        if let Some(meter) = self.meter(seat) {
            self.departed.lock().add(&meter.counts());
            meter.reset();
        }
    }

    /// What a seat's worker has counted; nothing where none sits.
    pub fn counts(&self, seat: usize) -> Option<Counts> {
        let seated = self.seated.get(seat)?;
        seated.load(Ordering::Acquire).then_some(())?;
        self.meter(seat).map(Meter::counts)
    }

    /// Of all that have ended, together.
    pub fn departed(&self) -> Counts {
        self.departed.lock().clone()
    }
}

impl Meter {
    fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (figure, word) in counts.figures.iter_mut().zip(&self.figures) {
            *figure = number(word);
        }
        for (count, word) in counts.latency.iter_mut().zip(&self.latency) {
            *count = number(word) as u64;
        }
        counts
    }

    fn reset(&self) {
        for word in self.figures.iter().chain(&self.latency) {
            word.put(0);
        }
    }

    /// The words, which are numbers of JavaScript, by their address.
    pub fn words(&self) -> std::ptr::NonNull<u8> {
        std::ptr::NonNull::from(&self.figures).cast()
    }
}

/// A number that counts or measures: below zero, or none at all, it is zero.
fn number(word: &Word64) -> f64 {
    let told = word.get_f64();
    if told.is_finite() { told.max(0.0) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket_of(microseconds: u64) -> usize {
        (0..BUCKETS)
            .find(|bucket| microseconds < bucket_end(*bucket))
            .unwrap_or(BUCKETS - 1)
    }

    #[test]
    fn buckets_follow_each_other_and_are_off_by_less_than_1_in_64() {
        let mut start = 0;
        for bucket in 0..BUCKETS {
            let end = bucket_end(bucket);
            assert!(end > start);
            let half = (end - start) as f64 / 2.0;
            assert!(
                half <= 0.5 || half / (start as f64) <= 1.0 / 64.0,
                "bucket {bucket}"
            );
            start = end;
        }
        assert_eq!(bucket_end(BUCKETS - 1), 1 << 27);
        assert_eq!(
            (bucket_of(0), bucket_of(63), bucket_of(64), bucket_of(65)),
            (0, 63, 64, 64)
        );
    }

    #[test]
    fn what_a_worker_has_counted_outlives_it_and_nonsense_counts_nothing() {
        let meters = Meters::create().unwrap();
        assert!(meters.counts(3).is_none());
        meters.seat(3).unwrap();
        let meter = meters.meter(3).unwrap();
        meter.figures[Figure::Success as usize].put_f64(5.0);
        meter.figures[Figure::InFlight as usize].put_f64(2.0);
        meter.figures[Figure::Aborted as usize].put_f64(f64::NAN);
        meter.latency[7].put_f64(4.0);
        let counts = meters.counts(3).unwrap();
        assert_eq!((counts.answered(), counts.latency()[7]), (5.0, 4));
        assert_eq!(
            (counts.figure(Figure::InFlight), counts.figure(Figure::Aborted)),
            (2.0, 0.0)
        );
        meters.seat(3).unwrap();
        assert_eq!(meters.counts(3).unwrap().answered(), 0.0);
        meters.vacate(3);
        meters.vacate(3);
        let departed = meters.departed();
        assert_eq!((departed.answered(), departed.latency()[7]), (5.0, 4));
        assert_eq!(departed.figure(Figure::InFlight), 0.0);
        assert!(meters.seat(METERS).is_err() && meters.meter(METERS).is_none());
    }

    #[test]
    fn only_a_line_of_the_parent_is_believed() {
        let meters = Meters::create().unwrap();
        assert!(Meters::attach("1 2 3").is_err());
        if let Ok(line) = meters.share() {
            assert_eq!(meters.share().unwrap(), line);
            assert!(
                Meters::attach(&line).is_err(),
                "this process is not its own parent"
            );
        }
    }
}

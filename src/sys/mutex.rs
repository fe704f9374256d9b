//! A mutex that lives in shared memory and outlives its holder.
//!
//! It is the C library's robust, process-shared mutex: the kernel walks a dying thread's list of them and hands
//! each to its next taker with `OwnerDied`. Uncontended, taking it is one compare-and-swap.
//!
//! It goes to whoever comes first once it is free, which is fast, and unfair: on a machine with more to do than cores, who
//! sleeps for it comes late each time to one who takes it again and again. So one who has waited for `LONG_WAIT`, or in vain, says
//! so, and for `LONGEST_TURN` at most all others leave the lock alone for a while when they find it free.
//!
//! Invariant: a word that was once `init`ed stays a mutex for the life of every process that maps it, because the
//! kernel may still write to it while a thread is dying.

use super::clock::monotonic_ms;
use super::process;
use std::cell::{Cell, UnsafeCell};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// What a taker learns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acquired {
    /// The lock is held, and the last holder let it go properly.
    Sound,
    /// The lock is held, and its last holder died with it.
    OwnerDied,
    /// Not held: someone else has it, and has had it for as long as the taker would wait.
    Busy,
    /// Not held and never to be: a holder that was told of a death let go without saying it had repaired.
    Lost,
}

/// Room for any C library's mutex, on cache lines of its own.
#[repr(C, align(64))]
pub struct SharedMutex {
    inner: UnsafeCell<libc::pthread_mutex_t>,
    /// How often somebody got it who had waited for it.
    served: AtomicU32,
    /// Until when those who come let one pass who has waited for long, as `moment` says it; 0 where nobody has.
    passing: AtomicU32,
}

const _: () = assert!(size_of::<SharedMutex>() == 64);

// SAFETY: the whole point of a process-shared mutex is to be used from many threads.
unsafe impl Sync for SharedMutex {}
// SAFETY: it names no thread until it is held.
unsafe impl Send for SharedMutex {}

impl std::fmt::Debug for SharedMutex {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SharedMutex")
    }
}

const SPINS: u32 = 60;
const LONGEST_SLEEP: Duration = Duration::from_millis(5);
/// What a process needs to wake up and take a lock, where a core is free.
const TO_WAKE_UP: Duration = Duration::from_micros(100);
/// For so long the next is let have a lock that is wanted: it may have to wait for a core, and it may have been stopped.
const LONGEST_WAY: Duration = Duration::from_millis(3);

/// Who has waited for so long is let pass.
const LONG_WAIT: Duration = Duration::from_millis(10);
/// For so long, in milliseconds: where many want a core, its turn comes only after theirs.
const LONGEST_TURN: u32 = 30;
/// For so long whoever comes leaves the lock alone each time. Who has waited in vain tries again within it.
const LONGEST_STEP_BACK: Duration = Duration::from_millis(20);

thread_local! {
    /// The lock that this thread has waited for so long that others let it pass; 0 where there is none.
    static LET_PASS: Cell<usize> = const { Cell::new(0) };
}

/// Where each C library keeps the word that names the owner, and the one that says what kind of mutex it is.
const OWNER_WORD: usize = if cfg!(target_env = "musl") { 4 } else { 0 };
const KIND_WORD: usize = if cfg!(target_env = "musl") { 0 } else { 16 };

/// What the C library makes the kind of each mutex that `init` makes; 0 while this process has made none.
static MADE_KIND: AtomicU32 = AtomicU32::new(0);

impl SharedMutex {
    /// Which C library's mutex this build puts into memory; two builds that differ cannot share a segment.
    pub const KIND: u32 =
        (size_of::<libc::pthread_mutex_t>() as u32) | ((OWNER_WORD as u32) << 16) | (1 << 24);

    /// Makes zeroed or dead memory a mutex.
    ///
    /// # Safety
    ///
    /// Nobody may hold or be waiting for it, in any process.
    pub unsafe fn init(&self) -> bool {
        let mut attributes = std::mem::MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let attributes = attributes.as_mut_ptr();
        // SAFETY: `attributes` points to room for one.
        let made = unsafe { libc::pthread_mutexattr_init(attributes) };
        // SAFETY: initialised by the call above, or the result is not used.
        let shared = unsafe { libc::pthread_mutexattr_setpshared(attributes, libc::PTHREAD_PROCESS_SHARED) };
        // SAFETY: as above.
        let robust = unsafe { libc::pthread_mutexattr_setrobust(attributes, libc::PTHREAD_MUTEX_ROBUST) };
        // SAFETY: the caller promises that nobody uses the mutex; the attributes are initialised.
        let ready = unsafe { libc::pthread_mutex_init(self.inner.get(), attributes) };
        made == 0 && shared == 0 && robust == 0 && ready == 0
    }

    /// Waits for it as long as `patience` lasts: its holder may have been stopped, and nobody knows for how long.
    #[inline]
    pub fn lock(&self, patience: Duration) -> Acquired {
        self.let_pass();
        match self.try_lock() {
            Acquired::Busy => self.lock_slowly(patience),
            other => other,
        }
    }

    /// Tries some times more, then sleeps for it, but never for long at a time. A waiter that is killed after it was woken and before it took the
    /// lock takes the wake-up with it, if a third process got the lock in between: that one does not know of any
    /// sleeper, and nobody wakes the next. The kernel makes up for this only where the lock is free.
    #[cold]
    #[inline(never)]
    fn lock_slowly(&self, patience: Duration) -> Acquired {
        for _ in 0..SPINS {
            std::hint::spin_loop();
            match self.try_lock() {
                Acquired::Busy => {}
                other => return self.served_by(other),
            }
        }
        let begun = Instant::now();
        loop {
            let waited = begun.elapsed();
            let left = patience.saturating_sub(waited);
            if left.is_zero() || waited >= LONG_WAIT {
                self.ask_to_pass();
            }
            if left.is_zero() {
                // This process may itself have been stopped meanwhile, and the lock be free.
                return self.served_by(self.try_lock());
            }
            let until = realtime_in(left.min(LONGEST_SLEEP));
            // SAFETY: `self` is a mutex for as long as it is mapped (the module's invariant), `until` is live.
            let result = unsafe { libc::pthread_mutex_timedlock(self.inner.get(), &until) };
            if result != libc::ETIMEDOUT {
                return self.served_by(Self::read(result));
            }
        }
    }

    /// For who has waited for it: whether it has it now.
    fn served_by(&self, acquired: Acquired) -> Acquired {
        if acquired == Acquired::Busy {
            return acquired;
        }
        self.served.fetch_add(1, Ordering::Release);
        if self.passing.load(Ordering::Relaxed) != 0 {
            self.have_passed();
        }
        acquired
    }

    /// Another who has waited as long says so again.
    fn have_passed(&self) {
        self.passing.store(0, Ordering::Release);
        LET_PASS.set(0);
    }

    fn ask_to_pass(&self) {
        self.passing.store(moment_in(LONGEST_TURN), Ordering::Release);
        LET_PASS.set(self.address());
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whoever is about to take the lock begins by this: it leaves the lock alone for a while where one has waited for it for long.
    #[inline]
    pub fn let_pass(&self) {
        if self.passing.load(Ordering::Relaxed) != 0 {
            self.wait_until_passed();
        }
    }

    /// Who finds it taken waits for it like all others.
    #[cold]
    #[inline(never)]
    fn wait_until_passed(&self) {
        if LET_PASS.get() == self.address() {
            // This is the one. Should it wait in vain again, it says so again.
            self.have_passed();
            return;
        }
        let begun = Instant::now();
        while !self.is_held() && begun.elapsed() < LONGEST_STEP_BACK {
            let until = self.passing.load(Ordering::Acquire);
            // Something else may have written there: no turn is longer than this.
            let left = until.wrapping_sub(moment_in(0));
            if left == 0 || left > LONGEST_TURN {
                // One that was stopped or killed is not waited for again.
                let _ = self
                    .passing
                    .compare_exchange(until, 0, Ordering::Release, Ordering::Relaxed);
                return;
            }
            std::thread::sleep(TO_WAKE_UP);
        }
    }

    #[inline]
    pub fn try_lock(&self) -> Acquired {
        // The C library ends the process at a kind that it does not know, or takes the mutex for one that nobody repairs.
        if !self.is_of_our_kind() {
            return Acquired::Lost;
        }
        // SAFETY: as in `lock`.
        Self::read(unsafe { libc::pthread_mutex_trylock(self.inner.get()) })
    }

    #[inline]
    fn is_of_our_kind(&self) -> bool {
        let made = MADE_KIND.load(Ordering::Relaxed);
        let kind = self.word(KIND_WORD).load(Ordering::Relaxed);
        kind == if made == 0 { Self::made_kind() } else { made }
    }

    /// Makes a mutex that nobody uses, to see of what kind it is.
    #[cold]
    #[inline(never)]
    fn made_kind() -> u32 {
        let sample = Self {
            // SAFETY: any bytes are a `pthread_mutex_t`, and these are all zero.
            inner: UnsafeCell::new(unsafe { std::mem::zeroed() }),
            served: AtomicU32::new(0),
            passing: AtomicU32::new(0),
        };
        // SAFETY: nobody else knows of it.
        unsafe { sample.init() };
        let kind = sample.word(KIND_WORD).load(Ordering::Relaxed);
        MADE_KIND.store(kind, Ordering::Relaxed);
        kind
    }

    #[inline]
    fn read(result: libc::c_int) -> Acquired {
        match result {
            0 => Acquired::Sound,
            libc::EOWNERDEAD => Acquired::OwnerDied,
            libc::EBUSY => Acquired::Busy,
            _ => Acquired::Lost,
        }
    }

    /// Says that what the dead owner left was repaired.
    ///
    /// # Safety
    ///
    /// The calling thread holds the lock, got it with `OwnerDied`, and has repaired what it guards.
    pub unsafe fn repaired(&self) {
        // SAFETY: the caller's promise is the function's whole condition.
        unsafe { libc::pthread_mutex_consistent(self.inner.get()) };
    }

    /// # Safety
    ///
    /// The calling thread holds the lock.
    #[inline]
    pub unsafe fn unlock(&self) {
        // SAFETY: the caller's promise is the function's whole condition.
        unsafe { libc::pthread_mutex_unlock(self.inner.get()) };
    }

    fn owner_word(&self) -> &AtomicU32 {
        self.word(OWNER_WORD)
    }

    #[inline(always)]
    fn word(&self, offset: usize) -> &AtomicU32 {
        let word = self.inner.get().cast::<u8>().wrapping_add(offset).cast::<u32>();
        // SAFETY: inside the mutex, aligned; whoever else may write to the two words does so with atomic operations.
        unsafe { AtomicU32::from_ptr(word) }
    }

    /// Whether a living thread holds it. A reused thread id cannot deceive: the kernel marks the word at death.
    pub fn is_held(&self) -> bool {
        let word = self.owner_word().load(Ordering::Acquire);
        word & libc::FUTEX_TID_MASK != 0 && word & libc::FUTEX_OWNER_DIED == 0
    }

    /// Whether the thread that it names as its holder does not exist: something else has written that there. The kernel
    /// marks the word of a thread that dies before the thread is gone.
    pub fn is_orphaned(&self) -> bool {
        let holder = self.holder();
        holder != 0 && !process::thread_exists(holder) && self.is_held() && self.holder() == holder
    }

    /// The thread that holds it, by the kernel's number; zero where nobody does.
    pub fn holder(&self) -> u32 {
        self.owner_word().load(Ordering::Acquire) & libc::FUTEX_TID_MASK
    }

    /// For its holder, before it lets it go to want it again: what tells whether somebody has had it meanwhile who sleeps
    /// for it now. Nothing where nobody does.
    pub fn claim(&self) -> Option<u32> {
        let is_wanted = self.owner_word().load(Ordering::Acquire) & libc::FUTEX_WAITERS != 0;
        is_wanted.then(|| self.served.load(Ordering::Acquire))
    }

    /// Waits, after it was let go, until one of those has had it who slept for it. Who takes it again at once is faster than
    /// they, again and again. One that was stopped or killed is waited for once: nobody sleeps there any more.
    pub fn give_way(&self, claim: Option<u32>) {
        self.give_way_within(claim, LONGEST_WAY);
    }

    fn give_way_within(&self, claim: Option<u32>, patience: Duration) {
        let Some(before) = claim else { return };
        let begun = Instant::now();
        while self.served.load(Ordering::Acquire) == before && begun.elapsed() < patience {
            std::thread::sleep(TO_WAKE_UP);
        }
    }

    /// The word and value to sleep on so as to be woken when the holder dies; `None` when it is dead already.
    pub fn death_watch(&self) -> Option<(&AtomicU32, u32)> {
        let word = self.owner_word();
        if !self.is_held() {
            return None;
        }
        // The kernel wakes a sleeper at the owner's death only if this bit says that there is one.
        let before = word.fetch_or(libc::FUTEX_WAITERS, Ordering::AcqRel);
        if before & libc::FUTEX_TID_MASK == 0 || before & libc::FUTEX_OWNER_DIED != 0 {
            return None;
        }
        Some((word, before | libc::FUTEX_WAITERS))
    }
}

/// A moment on the clock of all processes, in milliseconds; never 0.
fn moment_in(milliseconds: u32) -> u32 {
    (monotonic_ms() as u64 as u32).wrapping_add(milliseconds) | 1
}

/// A moment on the clock that `pthread_mutex_timedlock` reads.
fn realtime_in(time: Duration) -> libc::timespec {
    let mut at = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `at` is live and writable.
    unsafe { libc::clock_gettime(libc::CLOCK_REALTIME, &mut at) };
    at.tv_sec += time.as_secs() as libc::time_t;
    at.tv_nsec += libc::c_long::from(time.subsec_nanos() as i32);
    if at.tv_nsec >= 1_000_000_000 {
        at.tv_sec += 1;
        at.tv_nsec -= 1_000_000_000;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    const LONG: Duration = Duration::from_secs(60);

    fn made() -> &'static SharedMutex {
        let mutex = Box::leak(Box::new(SharedMutex {
            // SAFETY: any bytes are a `pthread_mutex_t`, and these are all zero.
            inner: UnsafeCell::new(unsafe { std::mem::zeroed() }),
            served: AtomicU32::new(0),
            passing: AtomicU32::new(0),
        }));
        // SAFETY: nobody else knows of it.
        assert!(unsafe { mutex.init() });
        mutex
    }

    fn wait_until_wanted(mutex: &SharedMutex) -> Option<u32> {
        loop {
            let claim = mutex.claim();
            if claim.is_some() {
                return claim;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn who_lets_a_wanted_lock_go_has_it_again_after_one_who_slept_for_it() {
        let mutex = made();
        let order = Mutex::new(Vec::new());
        for _ in 0..20 {
            assert_eq!(mutex.lock(LONG), Acquired::Sound);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    assert_eq!(mutex.lock(LONG), Acquired::Sound);
                    order.lock().unwrap().push("sleeper");
                    // SAFETY: this thread has just taken it.
                    unsafe { mutex.unlock() };
                });
                let claim = wait_until_wanted(mutex);
                // SAFETY: this thread has taken it above.
                unsafe { mutex.unlock() };
                mutex.give_way_within(claim, LONG);
                assert_eq!(mutex.lock(LONG), Acquired::Sound);
                order.lock().unwrap().push("holder");
                // SAFETY: this thread has just taken it.
                unsafe { mutex.unlock() };
            });
            assert_eq!(std::mem::take(&mut *order.lock().unwrap()), ["sleeper", "holder"]);
        }
    }

    /// On a busy machine a turn may be over before this thread gets a core: one of many has to be seen.
    #[test]
    fn who_has_waited_in_vain_is_let_pass_by_others_who_find_the_lock_free() {
        let mutex = made();
        let is_let_pass = (0..200).any(|_| {
            assert_eq!(mutex.lock(LONG), Acquired::Sound);
            std::thread::scope(|scope| {
                scope.spawn(|| assert_eq!(mutex.lock(Duration::ZERO), Acquired::Busy));
            });
            // SAFETY: this thread has taken it above.
            unsafe { mutex.unlock() };
            let begun = Instant::now();
            mutex.let_pass();
            begun.elapsed() >= LONGEST_STEP_BACK / 2
        });
        assert!(is_let_pass);
    }

    #[test]
    fn who_is_let_pass_does_not_wait_for_itself() {
        let mutex = made();
        mutex.ask_to_pass();
        mutex.let_pass();
        assert_eq!(mutex.passing.load(Ordering::Acquire), 0);
        // Nor is it let pass again, before it has waited in vain again.
        assert_eq!(LET_PASS.get(), 0);
    }

    #[test]
    fn one_that_never_takes_the_lock_is_let_pass_no_longer_than_its_turn() {
        let mutex = made();
        let begun = Instant::now();
        for turn in [moment_in(LONGEST_TURN), moment_in(u32::MAX / 2), 1] {
            mutex.passing.store(turn, Ordering::Release);
            while mutex.passing.load(Ordering::Acquire) != 0 {
                assert_eq!(mutex.lock(LONG), Acquired::Sound);
                // SAFETY: this thread has just taken it.
                unsafe { mutex.unlock() };
                assert!(begun.elapsed() < LONG);
            }
        }
    }

    #[test]
    fn nobody_waits_for_a_lock_that_nobody_wants_or_for_one_who_never_takes_it() {
        let mutex = made();
        assert_eq!(mutex.lock(LONG), Acquired::Sound);
        assert_eq!(mutex.claim(), None);
        mutex.give_way_within(None, LONG);
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| {
                let acquired = mutex.lock(LONG);
                // SAFETY: this thread has just taken it.
                unsafe { mutex.unlock() };
                acquired
            });
            let claim = wait_until_wanted(mutex);
            // It sleeps on, as one that was stopped would, for the lock is not let go.
            mutex.give_way_within(claim, Duration::from_millis(5));
            // SAFETY: this thread has taken it above.
            unsafe { mutex.unlock() };
            assert_eq!(sleeper.join().unwrap(), Acquired::Sound);
        });
    }
}

//! The one thread of a process that waits for flights to end, started when the process first leads or follows one.
//!
//! It sleeps on the process's wake word and on the locks of the leaders it waits for, so that a leader's `finish` and
//! a leader's death both wake it. It holds this process's slot: when the process dies, the kernel marks the slot's
//! lock and wakes one of those who sleep on it, and that one wakes the others. Callbacks run with nothing locked.

use parking_lot::{Mutex, MutexGuard};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock, Weak, mpsc};
use std::thread::JoinHandle;

use crate::error::{Code, Result};
use crate::shm::word::Word32;
use crate::store::flights::flight::{Flight, Outcome, Revoked, Sight};
use crate::store::ground::base::Ground;
use crate::store::ground::registration::Registration;
use crate::store::ground::values::Key;
use crate::sys::clock::monotonic_ms;
use crate::sys::futex::{self, MOST_WORDS};
use crate::sys::trace::{Thread, trace};

/// For a sleep that only a wake ends.
const FOREVER: f64 = 1e12;

/// A leader's death wakes one sleeper only. Should that one be killed in the same moment, the others find out by this.
const LONGEST_WATCH_MS: f64 = 200.0;

/// After so long what was locked is looked at again.
const LOCKED_FOR_MS: f64 = 50.0;

type Done = Box<dyn FnOnce(Outcome) + Send>;
/// Namespace, the key's tag, the key, and the flight.
type FlightName = (String, u8, Arc<[u8]>, u64);

struct Followers<W> {
    cache: W,
    done: Vec<Done>,
}

/// A leader of this process that wants to know when its flight is void.
struct Led<W> {
    cache: W,
    flight: Flight,
    done: Box<dyn FnOnce(Revoked) + Send>,
}

/// A namespace as the watcher sees it. The layer above hands it in, so that the watcher calls nothing that it knows.
pub(in crate::store) trait Outlook: Clone + Send + 'static {
    fn name(&self) -> &str;
    /// What has become of a flight that this process follows.
    fn look(&self, key: Key, number: u64, now: f64, me: Registration) -> Result<Sight>;
    /// What has become of a flight that this process leads: how it was revoked, or until when it may run.
    fn look_at_own(&self, flight: &Flight, now: f64) -> Result<std::result::Result<f64, Revoked>>;
}

/// Who has a watcher. Its thread ends when that one is dropped.
pub(in crate::store) trait Watched: Send + Sync + 'static {
    type Outlook: Outlook;
    fn ground(&self) -> &Ground;
    fn watcher(&self) -> &Watcher<Self::Outlook>;
}

pub(in crate::store) struct Watcher<W> {
    started: OnceLock<Registration>,
    starting: Mutex<()>,
    followed: Mutex<HashMap<FlightName, Followers<W>>>,
    /// By the flight's token.
    led: Mutex<BTreeMap<u64, Led<W>>>,
}

impl<W> std::fmt::Debug for Watcher<W> {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Watcher")
            .field("started", &self.started)
            .finish_non_exhaustive()
    }
}

/// What one look at everything that is followed shows.
struct Round<W> {
    calls: Vec<(Vec<Done>, Outcome)>,
    revoked: Vec<(Led<W>, Revoked)>,
    leaders: Vec<Registration>,
    deadline: f64,
    a_leader_died: bool,
}

impl<W> Round<W> {
    /// What was to be looked at is locked.
    fn look_again_soon(&mut self) {
        self.deadline = self.deadline.min(monotonic_ms() + LOCKED_FOR_MS);
    }
}

impl<W: Outlook> Watcher<W> {
    pub(in crate::store) fn new() -> Self {
        Self {
            started: OnceLock::new(),
            starting: Mutex::new(()),
            followed: Mutex::new(HashMap::new()),
            led: Mutex::new(BTreeMap::new()),
        }
    }

    /// Who this process is among those that lead and follow.
    pub(in crate::store) fn registration<S: Watched<Outlook = W>>(&self, store: &Arc<S>) -> Registration {
        self.start(store).unwrap_or(Registration::NONE)
    }

    /// Starts the thread, unless it runs. A system that refuses a thread now may give one later.
    fn start<S: Watched<Outlook = W>>(&self, store: &Arc<S>) -> Option<Registration> {
        if let Some(me) = self.started.get() {
            return Some(*me);
        }
        let _alone = self.starting.lock();
        if let Some(me) = self.started.get() {
            return Some(*me);
        }
        let (tell, told) = mpsc::channel();
        let weak = Arc::downgrade(store);
        spawn(move || run(&weak, &tell)).ok()?;
        Some(
            *self
                .started
                .get_or_init(|| told.recv().unwrap_or(Registration::NONE)),
        )
    }

    pub(in crate::store) fn add<S: Watched<Outlook = W>>(
        &self,
        store: &Arc<S>,
        cache: &W,
        flight: &Flight,
        done: Done,
    ) {
        let Some(me) = self.start(store) else {
            // Nobody would ever look: the caller does, by claiming once more.
            return done(Outcome::Lost);
        };
        let (tag, key, number) = flight.name();
        let name = (cache.name().to_string(), tag, key, number);
        let mut followed = self.followed();
        followed
            .entry(name)
            .or_insert_with(|| Followers {
                cache: cache.clone(),
                done: Vec::new(),
            })
            .done
            .push(done);
        drop(followed);
        store.ground().wake(1 << me.bit());
    }

    pub(in crate::store) fn watch<S: Watched<Outlook = W>>(
        &self,
        store: &Arc<S>,
        cache: &W,
        flight: &Flight,
        done: Box<dyn FnOnce(Revoked) + Send>,
    ) {
        let me = self.registration(store);
        let led = Led {
            cache: cache.clone(),
            flight: flight.clone(),
            done,
        };
        self.led().insert(flight.token(), led);
        store.ground().wake(1 << me.bit());
    }

    pub(in crate::store) fn unwatch(&self, flight: &Flight) {
        self.led().remove(&flight.token());
    }

    fn led(&self) -> MutexGuard<'_, BTreeMap<u64, Led<W>>> {
        self.led.lock()
    }

    /// The process that has this ends: its thread is woken, and finds nothing more to do.
    pub(in crate::store) fn leave(&self, ground: &Ground) {
        if let Some(me) = self.started.get() {
            ground.wake(1 << me.bit());
        }
    }

    /// Looks at every flight that a leader of this process wants to hear of.
    fn look_at_led(&self, round: &mut Round<W>) {
        let watched: Vec<(W, Flight)> = self
            .led()
            .values()
            .map(|led| (led.cache.clone(), led.flight.clone()))
            .collect();
        for (cache, flight) in watched {
            match cache.look_at_own(&flight, monotonic_ms()) {
                Ok(Ok(deadline)) => round.deadline = round.deadline.min(deadline + 1.0),
                Ok(Err(how)) => {
                    if let Some(led) = self.led().remove(&flight.token()) {
                        round.revoked.push((led, how));
                    }
                }
                Err(error) if error.code == Code::LockHeld => round.look_again_soon(),
                Err(_) => self.unwatch(&flight),
            }
        }
    }

    fn followed(&self) -> MutexGuard<'_, HashMap<FlightName, Followers<W>>> {
        self.followed.lock()
    }

    /// Looks at every flight that is followed. The ones that are over leave the list.
    fn look_around(&self, me: Registration) -> Round<W> {
        let mut round = Round {
            calls: Vec::new(),
            revoked: Vec::new(),
            leaders: Vec::new(),
            deadline: FOREVER,
            a_leader_died: false,
        };
        let names: Vec<FlightName> = self.followed().keys().cloned().collect();
        for name in names {
            let Some(cache) = self
                .followed()
                .get(&name)
                .map(|followers| followers.cache.clone())
            else {
                continue;
            };
            let key = Key {
                tag: name.1,
                bytes: &name.2,
            };
            let outcome = match cache.look(key, name.3, monotonic_ms(), me) {
                Ok(Sight::Running { leader, deadline }) => {
                    round.leaders.push(leader);
                    round.deadline = round.deadline.min(deadline + 1.0);
                    continue;
                }
                Ok(Sight::LeaderDied) => {
                    round.a_leader_died = true;
                    Outcome::Lost
                }
                Ok(Sight::Over(outcome)) => outcome,
                Err(error) if error.code == Code::LockHeld => {
                    round.look_again_soon();
                    continue;
                }
                Err(_) => Outcome::Lost,
            };
            if let Some(followers) = self.followed().remove(&name) {
                round.calls.push((followers.done, outcome));
            }
        }
        self.look_at_led(&mut round);
        round
    }
}

fn spawn(body: impl FnOnce() + Send + 'static) -> io::Result<JoinHandle<()>> {
    #[cfg(test)]
    if refusal::REFUSED.get() {
        return Err(io::ErrorKind::WouldBlock.into());
    }
    std::thread::Builder::new()
        .name("flotilla-flights".into())
        .stack_size(256 << 10)
        .spawn(body)
}

fn run<S: Watched>(weak: &Weak<S>, tell: &mpsc::Sender<Registration>) {
    // The guard is this process's sign of life: it lives as long as this thread does.
    let Some(store) = weak.upgrade() else { return };
    let registered = store.ground().register().ok().flatten();
    let (me, _alive) = registered.map_or((Registration::NONE, None), |(me, guard)| (me, Some(guard)));
    let word: &'static Word32 = &store.ground().segment().header().wake[me.bit()];
    drop(store);
    let _ = tell.send(me);
    loop {
        let seen = word.observe();
        let Some(store) = weak.upgrade() else { return };
        let round = store.watcher().look_around(me);
        if round.a_leader_died {
            trace(
                Thread::Flights,
                "sees that a leader has died; flights that end:",
                round.calls.len(),
            );
            store.ground().wake_everyone();
        }
        for (callbacks, outcome) in round.calls {
            trace(
                Thread::Flights,
                "ends a flight; callers that waited here:",
                callbacks.len(),
            );
            for done in callbacks {
                done(outcome.clone());
            }
        }
        for (led, how) in round.revoked {
            trace(
                Thread::Flights,
                "tells a fetcher that its flight is void; token",
                led.flight.token() as usize,
            );
            (led.done)(how);
        }
        let words = words_to_watch(store.ground(), me, word, seen, round.leaders);
        drop(store);
        // No words: a leader died since it was looked at.
        if let Some(words) = words {
            let deadline = if words.len() > 1 {
                monotonic_ms() + LONGEST_WATCH_MS
            } else {
                FOREVER
            };
            futex::wait_any(&words, round.deadline.min(deadline));
        }
    }
}

/// The wake word and the locks of the leaders: whichever moves first ends the sleep.
fn words_to_watch(
    ground: &Ground,
    me: Registration,
    word: &'static Word32,
    seen: u32,
    mut leaders: Vec<Registration>,
) -> Option<Vec<(&'static AtomicU32, u32)>> {
    leaders.retain(|leader| leader.slot != me.slot);
    leaders.sort_unstable_by_key(|leader| leader.slot);
    leaders.dedup();
    let processes = leaders
        .iter()
        .take(MOST_WORDS - 1)
        .filter_map(|leader| ground.segment().process(leader.slot));
    let watched = processes
        .map(|process| process.alive.death_watch())
        .collect::<Option<Vec<_>>>()?;
    Some(std::iter::once((word.atomic(), seen)).chain(watched).collect())
}

/// Lets a test play a system that gives the calling thread no further one.
#[cfg(test)]
pub(in crate::store) mod refusal {
    use std::cell::Cell;

    thread_local! {
        pub(in crate::store) static REFUSED: Cell<bool> = const { Cell::new(false) };
    }
}

//! The queues of the workers, one of each seat.
//!
//! A connection that is put into a queue carries when that was, and whether its worker was chosen by the user's own
//! strategy: such a one is not taken back while that worker lives.

use super::escrow::Said;
use crate::balance::front::{Board, Count, Tools, now_us};
use crate::sys::handover::{Caller, End};
use crate::sys::process::{Ending, has_room};
use crate::sys::socket::Socket;
use std::io;

/// How many connections a worker may be given that it has not taken.
pub(super) const MOST_WAITING: u64 = 128;
/// How long a connection waits for its worker before it is given to one that has time.
pub(super) const PATIENCE_US: u64 = 10_000;
/// A worker whose loop has been at one thing for this long is not given connections, if there are others. Longer than
/// what a burst of connections takes: else those that are busy with it would be passed over, and the spread uneven.
const BLOCKED_MS: f64 = 25.0;
/// A worker that has been at one thing for less than this has time for what another does not take.
const BUSY_MS: f64 = 10.0;

#[derive(Debug)]
pub(super) struct Queue {
    pid: u32,
    giver: End,
    taker: End,
    /// Tells of the end of the process at once, where the kernel can.
    ending: Option<Ending>,
}

/// A connection on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) client: Socket,
    /// Chosen by the user's own strategy.
    pub(super) wanted: Option<usize>,
    /// Where it must not go, if there is another: it comes from there.
    pub(super) from: Option<usize>,
    /// Whether it is known to ask for no probe.
    pub(super) is_seen: bool,
    /// Whether a worker has let it wait already.
    pub(super) is_late: bool,
}

/// What travels with a connection.
#[derive(Clone, Copy, Debug)]
struct Note {
    since_us: u64,
    is_pinned: bool,
    is_seen: bool,
    is_late: bool,
}

impl Note {
    fn new(word: u64) -> Self {
        Self {
            since_us: word >> 3,
            is_pinned: word & 1 != 0,
            is_seen: word & 2 != 0,
            is_late: word & 4 != 0,
        }
    }

    fn word(self) -> u64 {
        let flags = [self.is_pinned, self.is_seen, self.is_late];
        let bits = flags
            .iter()
            .enumerate()
            .map(|(bit, flag)| u64::from(*flag) << bit);
        self.since_us << flags.len() | bits.sum::<u64>()
    }
}

impl Parcel {
    pub(super) fn new(client: Socket) -> Self {
        Self {
            client,
            wanted: None,
            from: None,
            is_seen: false,
            is_late: false,
        }
    }
}

impl Queue {
    fn holds_something(&self) -> bool {
        let has_more = |end: &End| end.next_note().is_ok();
        has_more(&self.taker) || has_more(&self.giver)
    }

    /// The next connection that is left here; nothing where none is, or where there is no descriptor for it.
    pub(super) fn next(&self) -> Option<Socket> {
        if has_room()
            && let Ok((_, client)) = self.taker.receive()
        {
            return Some(client);
        }
        while let Ok((word, client)) = self.giver.hear() {
            if let (Said::Back(_), Some(client)) = (Said::new(word), client) {
                return Some(client);
            }
        }
        None
    }

    /// This queue, unless it is empty.
    pub(super) fn rest(self) -> Option<Self> {
        self.holds_something().then_some(self)
    }
}

#[derive(Debug, Default)]
pub(super) struct Queues {
    queues: Vec<Option<Queue>>,
    candidates: Vec<usize>,
}

impl Queues {
    /// A process sits there now; gives the end to listen at for what it says, and its own end to wait for.
    pub(super) fn seat(&mut self, seat: usize, pid: u32) -> io::Result<(&End, Option<&Ending>)> {
        let (giver, taker) = End::pair()?;
        if self.queues.len() <= seat {
            self.queues.resize_with(seat + 1, || None);
        }
        let queue = self.queues[seat].insert(Queue {
            pid,
            giver,
            taker,
            ending: Ending::of(pid).ok(),
        });
        Ok((&queue.giver, queue.ending.as_ref()))
    }

    /// Lets a caller in; gives it back where nobody has told of its process yet.
    pub(super) fn admit(&self, caller: Caller, board: &Board) -> Option<Caller> {
        let is_its = |queue: &Option<Queue>| queue.as_ref().is_some_and(|queue| queue.pid == caller.pid);
        let Some(seat) = self.queues.iter().position(is_its) else {
            return Some(caller);
        };
        if let (Some(queue), Some(memory)) = (&self.queues[seat], board.memory()) {
            // A caller that has gone is no concern of ours.
            let _ = caller.admit(&queue.taker, seat as u64, memory);
        }
        None
    }

    /// Nobody sits there any more. Gives what lies in the queue yet, for want of descriptors to take it with.
    pub(super) fn leave(&mut self, seat: usize) -> Option<Queue> {
        let queue = self.queues.get_mut(seat)?.take()?;
        // Nobody waits for the end of its process any more.
        Queue {
            ending: None,
            ..queue
        }
        .rest()
    }

    fn queue(&self, seat: usize) -> Option<&Queue> {
        self.queues.get(seat)?.as_ref()
    }

    /// Whether the process that sits there has ended; nothing where that cannot be told.
    pub(super) fn is_over(&self, seat: usize) -> Option<bool> {
        Some(self.queue(seat)?.ending.as_ref()?.is_over())
    }

    pub(super) fn giver(&self, seat: usize) -> Option<&End> {
        self.queue(seat).map(|queue| &queue.giver)
    }

    pub(super) fn has(&self, seat: usize) -> bool {
        self.queue(seat).is_some()
    }

    /// Puts a connection into a queue. Gives it back where there is no room in any.
    pub(super) fn put(&mut self, parcel: Parcel, tools: &mut Tools) -> Option<Parcel> {
        let (seats, board) = (&mut tools.seats, &tools.board);
        if let Some(seat) = parcel.wanted.filter(|seat| seats.has(*seat)) {
            let has_room = board.waiting(seat) < MOST_WAITING;
            let is_sent = has_room && self.send(seat, &parcel, board);
            return (!is_sent).then_some(parcel);
        }
        // The second time with those that are blocked, or where it comes from: better than nowhere.
        for strict in [true, false] {
            self.find_candidates(&parcel, strict, seats.ready(), board);
            while !self.candidates.is_empty() {
                let Some(index) = seats.choose(&self.candidates, board) else {
                    break;
                };
                let seat = self.candidates[index];
                if self.send(seat, &parcel, board) {
                    // One that no worker had taken goes on, and does not move.
                    if !parcel.is_late && parcel.from.is_some_and(|from| from != seat) {
                        board.add(Count::Moved);
                    }
                    return None;
                }
                self.candidates.remove(index);
            }
        }
        Some(parcel)
    }

    fn find_candidates(&mut self, parcel: &Parcel, strict: bool, ready: &[usize], board: &Board) {
        self.candidates.clear();
        let fits = |seat: &usize| {
            let is_free = board.waiting(*seat) < MOST_WAITING;
            let is_good = parcel.from != Some(*seat) && board.lag_ms(*seat) < BLOCKED_MS;
            is_free && (!strict || is_good)
        };
        self.candidates.extend(ready.iter().copied().filter(fits));
    }

    fn send(&self, seat: usize, parcel: &Parcel, board: &Board) -> bool {
        let Some(queue) = self.queue(seat) else {
            return false;
        };
        let note = Note {
            since_us: now_us(),
            is_pinned: parcel.wanted == Some(seat),
            is_seen: parcel.is_seen,
            is_late: parcel.is_late,
        };
        // Counted before it is there: a worker that is quick has not taken more than it was given.
        board.gave(seat);
        let sent = queue.giver.send(note.word(), &parcel.client).is_ok();
        if !sent {
            board.took_back(seat);
        }
        sent
    }

    /// Since when the oldest connection of a queue has waited, in microseconds.
    pub(super) fn oldest(&self, seat: usize, board: &Board) -> Option<u64> {
        if board.waiting(seat) == 0 {
            return None;
        }
        let word = self.queue(seat)?.taker.next_note().ok()?;
        Some(Note::new(word).since_us)
    }

    /// Whether another worker has taken all that it was given, and has time.
    pub(super) fn another_has_time(than: usize, tools: &Tools) -> bool {
        let board = &tools.board;
        let has_time =
            |seat: &usize| *seat != than && board.waiting(*seat) == 0 && board.lag_ms(*seat) < BUSY_MS;
        tools.seats.ready().iter().any(has_time)
    }

    /// Takes back what was put into a queue before that time and not taken; with `all`, also what the user's own
    /// strategy has put there.
    pub(super) fn take_back(&self, seat: usize, before: u64, all: bool, board: &Board) -> Vec<Parcel> {
        let mut taken = Vec::new();
        let Some(queue) = self.queue(seat) else {
            return taken;
        };
        let mut kept = Vec::new();
        // What this process has no descriptor for stays where it is.
        while has_room()
            && let Ok((word, client)) = queue.taker.receive()
        {
            let note = Note::new(word);
            if !all && (note.is_pinned || note.since_us > before) {
                kept.push((word, client));
                continue;
            }
            board.took_back(seat);
            taken.push(Parcel {
                wanted: note.is_pinned.then_some(seat),
                is_seen: note.is_seen,
                is_late: note.is_late,
                ..Parcel::new(client)
            });
        }
        for (word, client) in kept {
            if queue.giver.send(word, &client).is_err() {
                board.took_back(seat);
                taken.push(Parcel::new(client));
            }
        }
        taken
    }
}

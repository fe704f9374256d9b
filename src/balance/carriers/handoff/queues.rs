//! The queues of the workers, one of each seat.
//!
//! A connection that is put into a queue carries when that was, and whether its worker was chosen by the user's own
//! strategy, or because it belongs there: such a one is not taken back while that worker lives.

use super::escrow::Said;
use super::idle::Idle;
use crate::balance::front::{Board, Count, Tools, Wish, now_us};
use crate::balance::sticky::Key;
use crate::sys::handover::{self, End, Rendezvous};
use crate::sys::process::{Ending, has_room};
use crate::sys::socket::Socket;
use crate::sys::trace::{Thread, trace};
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

/// In the place of a visitor: there is no connection, but leave to accept one.
pub(super) const PERMIT: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Queue {
    giver: End,
    taker: End,
    /// Tells of the end of the process at once, where the kernel can.
    ending: Option<Ending>,
}

/// A connection on its way.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) client: Socket,
    /// Where it has to go, by the user's own strategy, or by whose it is.
    pub(super) wanted: Wish,
    /// Where it must not go, if there is another: it comes from there.
    pub(super) from: Option<usize>,
    /// Whether it is known to ask for no probe.
    pub(super) is_seen: bool,
    /// Whether a worker has let it wait already.
    pub(super) is_late: bool,
    /// For how long it may stay as it is, where it comes from a worker.
    pub(super) idle: Idle,
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
    pub(super) fn new(client: Socket, wanted: Wish) -> Self {
        Self {
            client,
            wanted,
            from: None,
            is_seen: false,
            is_late: false,
            idle: Idle::NEW,
        }
    }

    /// One that the worker of a seat was to accept, and has let wait.
    pub(super) fn late(client: Socket, seat: usize) -> Self {
        Self {
            from: Some(seat),
            is_late: true,
            ..Self::new(client, Wish::Any)
        }
    }

    /// One that is taken out of the queue of a seat.
    fn taken_back(words: handover::Note, seat: usize, client: Socket) -> Self {
        let note = Note::new(words[0]);
        let wanted = match wish_of(words) {
            Wish::Any if note.is_pinned => Wish::Seat(seat),
            wish => wish,
        };
        Self {
            is_seen: note.is_seen,
            is_late: note.is_late,
            idle: Idle::of(words[1]),
            ..Self::new(client, wanted)
        }
    }

    /// One that a worker has given back.
    pub(super) fn given_back(words: handover::Note, client: Socket) -> Self {
        Self {
            idle: Idle::moved(words[1]),
            ..Self::new(client, wish_of(words))
        }
    }
}

/// Whose a connection is, as its packet tells.
pub(super) fn wish_of([_, _, number]: handover::Note) -> Wish {
    let key = u32::try_from(number).ok().and_then(Key::from_number);
    key.map_or(Wish::Any, Wish::Belongs)
}

fn number_of(wish: Wish) -> u64 {
    match wish {
        Wish::Belongs(key) => u64::from(Key::number(Some(key))),
        Wish::Any | Wish::Seat(_) => 0,
    }
}

impl Queue {
    fn holds_something(&self) -> bool {
        let has_more = |end: &End| end.next_note().is_ok();
        has_more(&self.taker) || has_more(&self.giver)
    }

    /// The next connection that is left here; nothing where none is, or where there is no descriptor for it.
    pub(super) fn next(&self) -> Option<Parcel> {
        while has_room()
            && let Ok((note, client)) = self.taker.receive()
        {
            if let Some(client) = client {
                let idle = Idle::of(note[1]);
                return Some(Parcel {
                    idle,
                    ..Parcel::new(client, wish_of(note))
                });
            }
        }
        while let Ok((note, client)) = self.giver.hear() {
            if let (Said::Back(_), Some(client)) = (Said::new(note[0]), client) {
                return Some(Parcel::given_back(note, client));
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
            giver,
            taker,
            ending: Ending::of(pid).ok(),
        });
        Ok((&queue.giver, queue.ending.as_ref()))
    }

    /// Lets the worker of a seat have its end.
    pub(super) fn admit(&self, rendezvous: Rendezvous, seat: usize, tools: &Tools) {
        if let (Some(queue), Some(memory)) = (self.queue(seat), tools.board.memory()) {
            // One that has gone already is no concern of ours.
            let _ = rendezvous.admit(&queue.taker, seat as u64, memory, tools.listener.shared());
        }
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
        if let Some(seat) = seats.wanted(parcel.wanted, seats.ready()) {
            let has_room = board.waiting(seat) < MOST_WAITING;
            let is_sent = has_room && self.send(seat, &parcel, true, board);
            return (!is_sent).then_some(parcel);
        }
        // The second time with those that are blocked, or where it comes from: better than nowhere.
        for strict in [true, false] {
            self.find_candidates(parcel.from, strict, seats.ready(), board);
            while !self.candidates.is_empty() {
                let Some(index) = seats.choose(&self.candidates, board) else {
                    break;
                };
                let seat = self.candidates[index];
                if self.send(seat, &parcel, false, board) {
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

    fn find_candidates(&mut self, from: Option<usize>, strict: bool, ready: &[usize], board: &Board) {
        self.candidates.clear();
        let fits = |seat: &usize| {
            let is_free = board.waiting(*seat) < MOST_WAITING;
            let is_good = from != Some(*seat) && board.lag_ms(*seat) < BLOCKED_MS;
            is_free && (!strict || is_good)
        };
        self.candidates.extend(ready.iter().copied().filter(fits));
    }

    #[inline(never)]
    fn send(&self, seat: usize, parcel: &Parcel, is_pinned: bool, board: &Board) -> bool {
        let Some(queue) = self.queue(seat) else {
            return false;
        };
        let note = Note {
            since_us: now_us(),
            is_pinned,
            is_seen: parcel.is_seen,
            is_late: parcel.is_late,
        };
        // Counted before it is there: a worker that is quick has not taken more than it was given.
        board.gave(seat);
        let sent = queue
            .giver
            .send(
                [note.word(), parcel.idle.word(), number_of(parcel.wanted)],
                &parcel.client,
            )
            .is_ok();
        if sent {
            trace(Thread::Handoff, "gives a connection to seat", seat);
        } else {
            board.took_back(seat);
        }
        sent
    }

    /// Lets a worker of the strategy's choice accept one connection. Says which, unless all have as many as they may, or are
    /// blocked.
    pub(super) fn permit(&mut self, tools: &mut Tools) -> Option<usize> {
        let (seats, board) = (&mut tools.seats, &tools.board);
        self.find_candidates(None, true, seats.ready(), board);
        let seat = self.candidates[seats.choose(&self.candidates, board)?];
        // Counted before it is there, as a connection is.
        board.gave(seat);
        trace(Thread::Handoff, "permits to accept a connection at seat", seat);
        if board.row(seat)?.leave().add() {
            let since_us = now_us();
            let note = Note {
                since_us,
                is_pinned: false,
                is_seen: true,
                is_late: false,
            };
            // A worker that does not hear of it leaves it to others.
            let _ = self.queue(seat)?.giver.send_note([note.word(), 0, PERMIT]);
        }
        Some(seat)
    }

    /// Since when the oldest connection of a queue has waited, in microseconds.
    pub(super) fn oldest(&self, seat: usize, board: &Board) -> Option<u64> {
        if board.waiting(seat) == 0 {
            return None;
        }
        let [word, ..] = self.queue(seat)?.taker.next_note().ok()?;
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
    #[inline(never)]
    pub(super) fn take_back(&self, seat: usize, before: u64, all: bool, board: &Board) -> Vec<Parcel> {
        let mut taken = Vec::new();
        let Some(queue) = self.queue(seat) else {
            return taken;
        };
        let mut kept = Vec::new();
        // What this process has no descriptor for stays where it is.
        while has_room()
            && let Ok((words, client)) = queue.taker.receive()
        {
            let Some(client) = client else {
                // It has lost its connection, which nobody will take any more.
                if words[2] != PERMIT {
                    board.took_back(seat);
                }
                continue;
            };
            let note = Note::new(words[0]);
            if !all && (note.is_pinned || note.since_us > before) {
                kept.push((words, client));
                continue;
            }
            board.took_back(seat);
            taken.push(Parcel::taken_back(words, seat, client));
        }
        for (words, client) in kept {
            if queue.giver.send(words, &client).is_err() {
                board.took_back(seat);
                taken.push(Parcel::taken_back(words, seat, client));
            }
        }
        taken
    }
}

#[cfg(all(test, target_os = "linux", not(flotilla_portable)))]
mod tests {
    use super::*;

    #[test]
    fn what_was_lost_on_the_way_waits_for_nobody() {
        let (board, mut queues) = (Board::with_rows().unwrap(), Queues::default());
        queues.seat(3, std::process::id()).unwrap();
        board.gave(3);
        queues.giver(3).unwrap().send_note([0; 3]).unwrap();
        assert_eq!(board.waiting(3), 1);
        assert!(queues.take_back(3, u64::MAX, true, &board).is_empty());
        assert_eq!(board.waiting(3), 0);
    }
}

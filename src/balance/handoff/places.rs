//! Where connections can go: the queue of each seat, for the thread alone.
//!
//! A connection that is put into a queue carries when that was, and whether its worker was chosen by the user's own
//! strategy: such a one is not taken back while that worker lives.

use super::board::{Board, Happened, now_us};
use super::escrow::Said;
use crate::balance::score::{Random, Strategy};
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
pub(super) struct Place {
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

impl Place {
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

    /// This place, unless it is empty.
    pub(super) fn rest(self) -> Option<Self> {
        self.holds_something().then_some(self)
    }
}

#[derive(Debug, Default)]
pub(super) struct Places {
    places: Vec<Option<Place>>,
    /// Seats that get connections, in the order in which they got ready.
    ready: Vec<usize>,
    candidates: Vec<usize>,
    turn: u64,
}

impl Places {
    /// A process sits there now; gives the end to listen at for what it says, and its own end to wait for.
    pub(super) fn seat(&mut self, seat: usize, pid: u32) -> io::Result<(&End, Option<&Ending>)> {
        let (giver, taker) = End::pair()?;
        if self.places.len() <= seat {
            self.places.resize_with(seat + 1, || None);
        }
        let place = self.places[seat].insert(Place {
            pid,
            giver,
            taker,
            ending: Ending::of(pid).ok(),
        });
        Ok((&place.giver, place.ending.as_ref()))
    }

    /// Lets a caller in; gives it back where nobody has told of its process yet.
    pub(super) fn admit(&self, caller: Caller, board: &Board) -> Option<Caller> {
        let is_its = |place: &Option<Place>| place.as_ref().is_some_and(|place| place.pid == caller.pid);
        let Some(seat) = self.places.iter().position(is_its) else {
            return Some(caller);
        };
        if let Some(place) = &self.places[seat] {
            // A caller that has gone is no concern of ours.
            let _ = caller.admit(&place.taker, seat as u64, board.memory());
        }
        None
    }

    pub(super) fn ready(&mut self, seat: usize) {
        if self.place(seat).is_some() && !self.ready.contains(&seat) {
            self.ready.push(seat);
        }
    }

    pub(super) fn withdraw(&mut self, seat: usize) {
        self.ready.retain(|ready| *ready != seat);
    }

    /// Nobody sits there any more. Gives what lies in the queue yet, for want of descriptors to take it with.
    pub(super) fn leave(&mut self, seat: usize) -> Option<Place> {
        self.withdraw(seat);
        let place = self.places.get_mut(seat)?.take()?;
        // Nobody waits for the end of its process any more.
        Place {
            ending: None,
            ..place
        }
        .rest()
    }

    fn place(&self, seat: usize) -> Option<&Place> {
        self.places.get(seat)?.as_ref()
    }

    /// Whether the process that sits there has ended; nothing where that cannot be told.
    pub(super) fn is_over(&self, seat: usize) -> Option<bool> {
        Some(self.place(seat)?.ending.as_ref()?.is_over())
    }

    pub(super) fn giver(&self, seat: usize) -> Option<&End> {
        self.place(seat).map(|place| &place.giver)
    }

    pub(super) fn all_ready(&self) -> &[usize] {
        &self.ready
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Puts a connection into a queue. Gives it back where there is no room in any.
    pub(super) fn put(
        &mut self,
        parcel: Parcel,
        strategy: &Strategy,
        board: &Board,
        random: &mut Random,
    ) -> Option<Parcel> {
        let wanted = parcel.wanted.filter(|seat| self.ready.contains(seat));
        if let Some(seat) = wanted {
            let has_room = board.waiting(seat) < MOST_WAITING;
            if has_room && self.send(seat, &parcel, board) {
                return None;
            }
            return Some(parcel);
        }
        // The second time with those that are blocked, or where it comes from: better than nowhere.
        for strict in [true, false] {
            self.find_candidates(&parcel, strict, board);
            while !self.candidates.is_empty() {
                let turn = self.turn;
                self.turn = self.turn.wrapping_add(1);
                let candidates = &self.candidates;
                let figures = |index: usize| board.figures(candidates[index]);
                let chosen = strategy.choose(candidates.len(), figures, turn, random);
                let Some(index) = chosen else { break };
                let seat = self.candidates[index];
                if self.send(seat, &parcel, board) {
                    // One that no worker had taken goes on, and does not move.
                    if !parcel.is_late && parcel.from.is_some_and(|from| from != seat) {
                        board.note(Happened::Moved);
                    }
                    return None;
                }
                self.candidates.remove(index);
            }
        }
        Some(parcel)
    }

    fn find_candidates(&mut self, parcel: &Parcel, strict: bool, board: &Board) {
        self.candidates.clear();
        let fits = |seat: &usize| {
            let is_free = board.waiting(*seat) < MOST_WAITING;
            let is_good = parcel.from != Some(*seat) && board.lag_ms(*seat) < BLOCKED_MS;
            is_free && (!strict || is_good)
        };
        self.candidates.extend(self.ready.iter().copied().filter(fits));
    }

    fn send(&self, seat: usize, parcel: &Parcel, board: &Board) -> bool {
        let Some(place) = self.place(seat) else {
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
        let sent = place.giver.send(note.word(), &parcel.client).is_ok();
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
        let word = self.place(seat)?.taker.next_note().ok()?;
        Some(Note::new(word).since_us)
    }

    /// Whether another worker has taken all that it was given, and has time.
    pub(super) fn another_has_time(&self, than: usize, board: &Board) -> bool {
        let has_time =
            |seat: &&usize| **seat != than && board.waiting(**seat) == 0 && board.lag_ms(**seat) < BUSY_MS;
        self.ready.iter().any(|seat| has_time(&seat))
    }

    /// Takes back what was put into a queue before that time and not taken; with `all`, also what the user's own
    /// strategy has put there.
    pub(super) fn take_back(&self, seat: usize, before: u64, all: bool, board: &Board) -> Vec<Parcel> {
        let mut taken = Vec::new();
        let Some(place) = self.place(seat) else {
            return taken;
        };
        let mut kept = Vec::new();
        // What this process has no descriptor for stays where it is.
        while has_room()
            && let Ok((word, client)) = place.taker.receive()
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
            if place.giver.send(word, &client).is_err() {
                board.took_back(seat);
                taken.push(Parcel::new(client));
            }
        }
        taken
    }
}

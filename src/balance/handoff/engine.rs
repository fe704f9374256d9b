//! The hand-off's thread: accepts, has a worker chosen, and looks after what no worker has taken yet.
//!
//! Nothing here blocks and nothing here spins: what cannot go on waits for an event or for its time. A connection is
//! in one place only: here while it waits for its head, for an answer or for room, in a queue, or with a worker.

mod departures;
mod queues;
mod scarcity;

use super::board::Board;
use super::escrow::Escrow;
use super::places::{Parcel, Place, Places};
use super::{Command, Options, Shared};
use crate::balance::deadlines::Deadlines;
use crate::balance::head::{self, Opening};
use crate::balance::probes::Probe;
use crate::balance::proxy::{Count, Question};
use crate::balance::score::Random;
use crate::sys::handover::{Caller, Door};
use crate::sys::poll::{Events, Poll};
use crate::sys::process::most_descriptors;
use crate::sys::schedule;
use crate::sys::socket::{Address, Socket};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
const DOOR: u64 = u64::MAX - 2;
/// Above it, the token of what a seat says; below it, that of a connection.
const SEAT: u64 = 1 << 60;
/// Above it, that of the end of the process of a seat.
const ENDING: u64 = 1 << 61;

const EVENTS: usize = 512;
/// How many connections are accepted, or come back, before others get their turn.
const BATCH: usize = 16;
/// How long accepting rests when this process or the machine has no descriptor left.
const REST: Duration = Duration::from_millis(100);
/// How soon a connection that finds no room is tried again.
const RETRY: Duration = Duration::from_millis(1);
/// How often queues are looked at while something lies in them.
const LOOK: Duration = Duration::from_millis(5);
/// How often workers are compared while requests are answered.
const COMPARE: Duration = Duration::from_millis(5);
/// Connections without room that are held to see whether they ask for a probe; others wait in the kernel.
const MOST_HELD: usize = 256;
/// Callers at the door whose process nobody has told of yet.
const MOST_CALLERS: usize = 64;

pub(super) struct Engine {
    poll: Poll,
    shared: Arc<Shared>,
    options: Options,
    random: Random,
    listener: Option<Socket>,
    /// To be removed with the listener.
    path: Option<PathBuf>,
    is_open: bool,
    is_listening: bool,
    rests_until: Option<Instant>,
    door: Door,
    callers: VecDeque<Caller>,
    places: Places,
    escrow: Escrow,
    /// Connections that have found no room.
    homeless: VecDeque<Parcel>,
    /// Seats that get no more, and have not taken all that they were given.
    leaving: Vec<usize>,
    asking: HashMap<u64, Asking>,
    ids: u64,
    head: Vec<u8>,
    inspections: Deadlines,
    answers: Deadlines,
    looks_at: Option<Instant>,
    compares_at: Option<Instant>,
    /// Sources that are not listened to until then, because there is no descriptor for what comes from them.
    muted: Vec<u64>,
    hears_at: Option<Instant>,
    /// What dead workers have left, and there was no descriptor for.
    estates: Vec<Place>,
    probes: Vec<Probe>,
    /// Whether there may be connections that nobody has looked at for probes, and when that was last done.
    is_fresh: bool,
    swept: Option<Instant>,
}

/// A connection that waits for its head, or for the answer who gets it.
struct Asking {
    client: Socket,
    since: Instant,
    is_asked: bool,
}

impl Engine {
    pub(super) fn new(
        listener: Socket,
        address: &Address,
        door: Door,
        options: Options,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.add_source(&shared.waker, WAKER)?;
        poll.add_source(&door, DOOR)?;
        let ask = options.ask.as_ref();
        Ok(Self {
            poll,
            shared,
            random: Random::new(options.seed),
            listener: Some(listener),
            path: match address {
                Address::Unix(path) => Some(path.clone()),
                Address::Tcp(_) | Address::Passed(_) => None,
            },
            is_open: false,
            is_listening: false,
            rests_until: None,
            door,
            callers: VecDeque::new(),
            places: Places::default(),
            escrow: Escrow::new(most_descriptors() / 2),
            homeless: VecDeque::new(),
            leaving: Vec::new(),
            asking: HashMap::new(),
            ids: 0,
            head: vec![0; ask.map_or(0, |ask| ask.head_limit)],
            inspections: Deadlines::after(ask.map_or(Duration::ZERO, |ask| ask.inspection_time)),
            answers: Deadlines::after(ask.map_or(Duration::ZERO, |ask| ask.answer_time)),
            looks_at: None,
            compares_at: None,
            muted: Vec::new(),
            hears_at: None,
            estates: Vec::new(),
            probes: Vec::new(),
            is_fresh: false,
            swept: None,
            options,
        })
    }

    pub(super) fn run(mut self) {
        // Where all processors are busy, workers are: connections that have come meanwhile are then accepted together,
        // which costs less than to interrupt a worker for each.
        schedule::wait_for_turns();
        let mut events = Events::with_room_for(EVENTS);
        loop {
            // A poll that cannot be waited for is an error of ours; the thread must not spin on it.
            if self.poll.wait(&mut events, self.time_to_wait()).is_err() {
                return;
            }
            let mut accepts = false;
            for index in 0..events.len() {
                match events.get(index).token {
                    LISTENER => accepts = true,
                    WAKER => {
                        self.shared.waker.heard();
                        if !self.obey() {
                            return self.close_listener();
                        }
                    }
                    DOOR => self.answer_door(),
                    token if token >= ENDING => {
                        let seat = (token - ENDING) as usize;
                        // The event may be that of a process that sat here before.
                        if self.places.is_over(seat) == Some(true) {
                            self.bury(seat);
                        }
                    }
                    token if token >= SEAT => {
                        // What is left is told of again.
                        self.receive_back((token - SEAT) as usize);
                    }
                    id => self.inspect(id),
                }
            }
            if accepts {
                self.accept();
            }
            self.expire();
            self.let_go();
            self.listen();
        }
    }

    fn board(&self) -> &Board {
        &self.shared.board
    }

    fn time_to_wait(&self) -> Option<Duration> {
        let is_stuck = !self.homeless.is_empty() && self.places.has_ready();
        if is_stuck || !self.leaving.is_empty() {
            return Some(RETRY);
        }
        let rows = [self.inspections.next(), self.answers.next()];
        let times = [self.rests_until, self.looks_at, self.compares_at, self.hears_at];
        let next = rows.into_iter().chain(times).flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Does what it was told; false where that was to stop.
    fn obey(&mut self) -> bool {
        for command in self.shared.take_commands() {
            match command {
                Command::Seated(seat, pid) => self.seat(seat, pid),
                Command::Ready(seat) => {
                    self.places.ready(seat);
                    self.leaving.retain(|leaving| *leaving != seat);
                    self.board().set_serves(seat, true);
                }
                Command::Withdraw(seat) => self.withdraw(seat),
                Command::Gone(seat) => self.bury(seat),
                Command::Open => self.is_open = true,
                Command::Probes(probes) => self.probes = probes,
                Command::Close(done) => {
                    self.close_listener();
                    // Whoever does not wait any more need not be told.
                    let _ = done.send(());
                }
                Command::Assign(id, seat) => {
                    if self.asking.get(&id).is_some_and(|asking| asking.is_asked) {
                        self.assign(id, seat);
                    }
                }
                Command::Stop => return false,
            }
        }
        true
    }

    fn seat(&mut self, seat: usize, pid: u32) {
        self.clear(seat);
        self.board().reset(seat);
        // Without a queue or a ledger the worker is not let in, and says so.
        let provided = self.board().provide_ledger(seat);
        if let (Ok(()), Ok((giver, ending))) = (provided, self.places.seat(seat, pid)) {
            let _ = self.poll.add_source(giver, SEAT + seat as u64);
            if let Some(ending) = ending {
                let _ = self.poll.add_source(ending, ENDING + seat as u64);
            }
        }
        for caller in std::mem::take(&mut self.callers) {
            self.admit(caller);
        }
    }

    fn admit(&mut self, caller: Caller) {
        if let Some(early) = self.places.admit(caller, &self.shared.board) {
            self.callers.truncate(MOST_CALLERS - 1);
            self.callers.push_front(early);
        }
    }

    fn answer_door(&mut self) {
        for _ in 0..BATCH {
            match self.door.next() {
                Ok(caller) => self.admit(caller),
                Err(error) if Socket::is_exhaustion(&error) => return self.mute(DOOR),
                Err(_) => return,
            }
        }
    }

    fn close_listener(&mut self) {
        self.is_open = false;
        self.is_listening = false;
        self.listener = None;
        if let Some(path) = self.path.take() {
            // Whoever has removed it already has done our work.
            let _ = std::fs::remove_file(path);
        }
    }

    /// Waits for connections only while there is somewhere to put them: the others wait in the kernel.
    fn listen(&mut self) {
        let Some(listener) = &self.listener else { return };
        let wanted = self.is_open && self.has_room() && self.rests_until.is_none();
        if wanted == self.is_listening {
            return;
        }
        let done = if wanted {
            self.poll.add_source(listener, LISTENER)
        } else {
            self.poll.remove(listener)
        };
        if done.is_ok() {
            self.is_listening = wanted;
        } else {
            self.rest();
        }
    }

    fn has_room(&self) -> bool {
        let is_held = !self.probes.is_empty() && self.homeless.len() < MOST_HELD;
        is_held || self.places.has_ready() && self.homeless.is_empty()
    }

    fn rest(&mut self) {
        self.rests_until = Some(Instant::now() + REST);
    }

    fn accept(&mut self) {
        let waiting = self.listener.as_ref().and_then(Socket::waiting);
        // One waits at least, or there would have been no event; of more than there is time for, the next one tells.
        for _ in 0..waiting.unwrap_or(BATCH).clamp(1, BATCH) {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok(client) => {
                    self.board().add(Count::Accepted);
                    self.welcome(client);
                }
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // This one is gone already; the next may not be.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return self.rest(),
                },
            }
            if !self.has_room() {
                return;
            }
        }
    }

    fn welcome(&mut self, client: Socket) {
        if self.options.ask.is_none() {
            return self.put(Parcel::new(client));
        }
        let id = self.ids;
        self.ids += 1;
        if self.poll.add_stream(&client, id).is_err() {
            self.board().add(Count::Failed);
            return;
        }
        self.inspections.add(id);
        let asking = Asking {
            client,
            since: Instant::now(),
            is_asked: false,
        };
        self.asking.insert(id, asking);
        // What the client has said is seen with the first event, which is on its way.
    }

    /// Looks whether the head of the request is there.
    fn inspect(&mut self, id: u64) {
        let Some(asking) = self.asking.get(&id).filter(|asking| !asking.is_asked) else {
            return;
        };
        match asking.client.peek(&mut self.head) {
            Ok(0) => drop(self.forget(id)),
            Ok(count) => match head::look(&self.head[..count], self.head.len()) {
                Opening::Partial => {}
                _ => self.ask(id, count),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                self.board().add(Count::Failed);
                drop(self.forget(id));
            }
        }
    }

    fn forget(&mut self, id: u64) -> Option<Socket> {
        let Asking { client, .. } = self.asking.remove(&id)?;
        // Where another process holds the connection too, closing it here is not enough.
        let _ = self.poll.remove(&client);
        Some(client)
    }

    fn ask(&mut self, id: u64, count: usize) {
        let (Some(ask), Some(asking)) = (&self.options.ask, self.asking.get_mut(&id)) else {
            return;
        };
        asking.is_asked = true;
        self.answers.add(id);
        (ask.question)(Question {
            id,
            head: self.head[..count].to_vec(),
            client: asking.client.peer(),
            waited: asking.since.elapsed(),
        });
    }

    fn assign(&mut self, id: u64, wanted: Option<usize>) {
        if let Some(client) = self.forget(id) {
            self.put(Parcel {
                wanted,
                ..Parcel::new(client)
            });
        }
    }

    fn put(&mut self, parcel: Parcel) {
        let (strategy, board) = (&self.options.strategy, &self.shared.board);
        self.is_fresh |= !parcel.is_seen;
        let left = self.places.put(parcel, strategy, board, &mut self.random);
        let is_put = left.is_none();
        self.homeless.extend(left);
        if self.looks_at.is_none() && (is_put || !self.probes.is_empty()) {
            self.looks_at = Some(Instant::now() + 2 * LOOK);
        }
        if !is_put {
            return;
        }
        if self.options.rebalance && self.compares_at.is_none() {
            self.compares_at = Some(Instant::now() + COMPARE);
        }
    }

    fn expire(&mut self) {
        for parcel in std::mem::take(&mut self.homeless) {
            self.put(parcel);
        }
        if self.time_to_wait().is_none() {
            return;
        }
        let now = Instant::now();
        let is_due = |time: Option<Instant>| time.is_some_and(|time| time <= now);
        if is_due(self.rests_until) {
            self.rests_until = None;
        }
        if is_due(self.hears_at) {
            self.listen_again();
        }
        if is_due(self.looks_at) {
            self.look_at_queues(now);
        }
        if is_due(self.compares_at) {
            self.compare(now);
        }
        while let Some(id) = self.inspections.due(now) {
            // What there is of a head has to do.
            if let Some(asking) = self.asking.get(&id).filter(|asking| !asking.is_asked) {
                let count = asking.client.peek(&mut self.head).unwrap_or(0);
                self.ask(id, count);
            }
        }
        while let Some(id) = self.answers.due(now) {
            self.assign(id, None);
        }
    }
}

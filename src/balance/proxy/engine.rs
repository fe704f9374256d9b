//! The proxy's thread: accepts, has a worker chosen, and moves bytes as the poll tells of them.
//!
//! A link is named by its place and a serial number that no other link of that place has had, so an event or an
//! answer that comes late finds nothing and harms nobody. Nothing here blocks and nothing here spins: what has
//! more to do waits for its turn, what cannot go on waits for an event or for its deadline.

use super::flow::Room;
use super::link::{Link, Outcome, Stage};
use super::probing;
use super::seats::{Count, Seats};
use super::{Command, Options, Shared};
use crate::balance::deadlines::Deadlines;
use crate::balance::probes::Probe;
use crate::balance::score::Random;
use crate::sys::poll::{Event, Events, Poll};
use crate::sys::socket::{Address, Socket};
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
/// An id holds a serial number above a place, and has to fit a number of JavaScript's with room for one bit below.
const SERIAL_AT: u32 = 22;
const MOST_LINKS: usize = 1 << (SERIAL_AT - 1);
/// In the lowest bit of a token: which side of the link it stands for.
pub(super) const WORKER_SIDE: u64 = 1;

const EVENTS: usize = 512;
/// How many connections are accepted before those that are there get their turn.
const ACCEPTS: usize = 16;
/// How long accepting rests when this process or the machine has no descriptor left.
const REST: Duration = Duration::from_millis(100);
/// How long a connection waits for a worker where all have refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may stay silent after its worker has ended.
const LINGER: Duration = Duration::from_secs(120);

pub(super) struct Engine {
    pub(super) poll: Poll,
    pub(super) shared: Arc<Shared>,
    pub(super) options: Options,
    pub(super) random: Random,
    pub(super) turn: u64,
    listener: Option<Socket>,
    /// To be removed with the listener.
    path: Option<PathBuf>,
    is_open: bool,
    is_listening: bool,
    pub(super) rests_until: Option<Instant>,
    pub(super) seats: Seats,
    slots: Vec<Slot>,
    free: Vec<u32>,
    pub(super) room: Room,
    pub(super) head: Vec<u8>,
    /// Links that have more to do.
    again: Vec<u64>,
    pub(super) inspections: Deadlines,
    pub(super) answers: Deadlines,
    pub(super) stranded: Deadlines,
    lingering: Deadlines,
    pub(super) probes: Vec<Probe>,
    /// Those who have asked for a probe, until they have had the time to be answered by their worker.
    pub(super) probing: Deadlines,
}

#[derive(Default)]
struct Slot {
    serial: u32,
    link: Option<Box<Link>>,
}

impl Engine {
    pub(super) fn new(
        listener: Socket,
        address: &Address,
        options: Options,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.add_source(&shared.waker, WAKER)?;
        let ask = options.ask.as_ref();
        Ok(Self {
            poll,
            shared,
            random: Random::new(options.seed),
            turn: 0,
            listener: Some(listener),
            path: match address {
                Address::Unix(path) => Some(path.clone()),
                Address::Tcp(_) | Address::Passed(_) => None,
            },
            is_open: false,
            is_listening: false,
            rests_until: None,
            seats: Seats::default(),
            slots: Vec::new(),
            free: Vec::new(),
            room: Room::new(),
            head: vec![0; ask.map_or(0, |ask| ask.head_limit)],
            again: Vec::new(),
            inspections: Deadlines::after(ask.map_or(Duration::ZERO, |ask| ask.inspection_time)),
            answers: Deadlines::after(ask.map_or(Duration::ZERO, |ask| ask.answer_time)),
            stranded: Deadlines::after(PATIENCE),
            lingering: Deadlines::after(LINGER),
            probes: Vec::new(),
            probing: Deadlines::after(probing::PATIENCE),
            options,
        })
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_room_for(EVENTS);
        loop {
            // A poll that cannot be waited for is an error of ours; the thread must not spin on it.
            if self.poll.wait(&mut events, self.time_to_wait()).is_err() {
                return;
            }
            let mut accepts = false;
            for index in 0..events.len() {
                let event = events.get(index);
                match event.token {
                    LISTENER => accepts = true,
                    WAKER => {
                        self.shared.waker.heard();
                        if !self.obey() {
                            return self.end();
                        }
                    }
                    _ => self.event(event),
                }
            }
            if accepts {
                self.accept();
            }
            for id in std::mem::take(&mut self.again) {
                self.with_link(id, Self::go_on);
            }
            self.expire();
        }
    }

    fn time_to_wait(&self) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.next_deadline()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn next_deadline(&self) -> Option<Instant> {
        let rows = [
            &self.inspections,
            &self.answers,
            &self.stranded,
            &self.lingering,
            &self.probing,
        ];
        let deadlines = rows.iter().filter_map(|row| row.next());
        deadlines.chain(self.rests_until).min()
    }

    /// Does what it was told; false where that was to stop.
    fn obey(&mut self) -> bool {
        for command in self.shared.take_commands() {
            match command {
                Command::Ready(seat, address) => {
                    self.seats.settle(seat, address);
                    self.retry();
                }
                Command::Withdraw(seat) => self.seats.withdraw(seat),
                Command::Open => self.is_open = true,
                Command::Probes(probes) => self.probes = probes,
                Command::Close(done) => {
                    self.close_listener();
                    // Whoever does not wait any more need not be told.
                    let _ = done.send(());
                }
                Command::Assign(id, seat) => self.with_link(id, |engine, link| {
                    if link.stage == Stage::Asking {
                        engine.connect_to(link, seat)
                    } else {
                        Outcome::Goes
                    }
                }),
                Command::Stop => return false,
            }
        }
        self.listen();
        true
    }

    fn end(mut self) {
        self.close_listener();
        for slot in &mut self.slots {
            if let Some(link) = slot.link.take() {
                link.close(true, &mut self.room);
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
        let links = self.slots.len() - self.free.len();
        !self.seats.ready().is_empty() || !self.probes.is_empty() && links < probing::MOST_HELD
    }

    pub(super) fn rest(&mut self) {
        self.rests_until = Some(Instant::now() + REST);
    }

    fn accept(&mut self) {
        let waiting = self.listener.as_ref().and_then(Socket::waiting);
        // One waits at least, or there would have been no event; of more than there is time for, the next one tells.
        for _ in 0..waiting.unwrap_or(ACCEPTS).clamp(1, ACCEPTS) {
            let Some(listener) = &self.listener else { return };
            match listener.accept() {
                Ok(client) => self.welcome(client),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // This one is gone already; the next may not be.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        self.rest();
                        return self.listen();
                    }
                },
            }
            if !self.has_room() {
                return self.listen();
            }
        }
    }

    fn welcome(&mut self, client: Socket) {
        self.shared.board.add(Count::Accepted);
        if self.free.is_empty() && self.slots.len() == MOST_LINKS {
            self.shared.board.add(Count::Failed);
            return client.abort();
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            (self.slots.len() - 1) as u32
        });
        let id = u64::from(self.slots[index as usize].serial) << SERIAL_AT | u64::from(index) << 1;
        let mut link = Box::new(Link::new(id, client));
        let outcome = if self.poll.add_stream(link.client(), id).is_err() {
            Outcome::Failed
        } else if self.options.ask.is_some() {
            self.inspections.add(id);
            // What the client has said is seen with the first event, which is on its way.
            Outcome::Goes
        } else {
            self.connect(&mut link)
        };
        self.settle(link, outcome);
    }

    fn event(&mut self, event: Event) {
        let Event {
            token,
            readable,
            writable,
            hung_up,
        } = event;
        self.with_link(token & !WORKER_SIDE, |engine, link| {
            let outcome = if token & WORKER_SIDE == 0 {
                link.client_event(readable, writable, hung_up);
                Outcome::Goes
            } else {
                link.worker_event(readable, writable, hung_up)
            };
            match outcome {
                Outcome::Goes => engine.go_on(link),
                other => other,
            }
        });
    }

    /// Does something with a link, if it is still there, and what follows from it.
    fn with_link(&mut self, id: u64, work: impl FnOnce(&mut Self, &mut Link) -> Outcome) {
        let Some(slot) = self.slots.get_mut(place(id)) else {
            return;
        };
        if slot.serial != serial(id) {
            return;
        }
        let Some(mut link) = slot.link.take() else { return };
        let outcome = work(self, &mut link);
        self.settle(link, outcome);
    }

    fn go_on(&mut self, link: &mut Link) -> Outcome {
        match link.stage {
            Stage::Listening => self.inspect(link),
            Stage::Asking => Outcome::Goes,
            Stage::Stranded => self.answer_stranded(link),
            Stage::Connecting | Stage::Open => self.pump(link),
        }
    }

    fn settle(&mut self, mut link: Box<Link>, mut outcome: Outcome) {
        // Ends with the last worker that has not refused yet.
        while outcome == Outcome::Refused {
            self.shared.board.add(Count::Refused);
            self.leave(&link);
            link.refused();
            outcome = self.connect(&mut link);
        }
        match outcome {
            Outcome::Over => self.close(link, false),
            Outcome::Failed => {
                self.shared.board.add(Count::Failed);
                self.close(link, true);
            }
            Outcome::Yields => {
                self.again.push(link.id);
                self.keep(link);
            }
            Outcome::Goes | Outcome::Refused => self.keep(link),
        }
    }

    fn keep(&mut self, mut link: Box<Link>) {
        if link.begins_to_linger() {
            self.lingering.add(link.id);
        }
        let index = place(link.id);
        self.slots[index].link = Some(link);
    }

    fn close(&mut self, link: Box<Link>, failed: bool) {
        self.leave(&link);
        let index = place(link.id);
        link.close(failed, &mut self.room);
        let slot = &mut self.slots[index];
        slot.serial = (slot.serial + 1) & (u32::MAX >> 1);
        self.free.push(index as u32);
        if !self.is_listening && !self.probes.is_empty() {
            // There is room for one more that may ask for a probe.
            self.listen();
        }
        if self.rests_until.is_some() {
            // There are descriptors again.
            self.rests_until = Some(Instant::now());
        }
    }

    fn leave(&self, link: &Link) {
        if let Some(seat) = link.seat {
            self.shared.board.left(seat);
        }
    }

    /// Tries again for those that found no worker.
    fn retry(&mut self) {
        for id in self.stranded.take() {
            self.with_link(id, |engine, link| match link.stage {
                Stage::Stranded => engine.connect(link),
                _ => Outcome::Goes,
            });
        }
    }

    fn expire(&mut self) {
        if self.next_deadline().is_none() {
            return;
        }
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            self.retry();
            self.listen();
        }
        while let Some(id) = self.inspections.due(now) {
            self.with_link(id, |engine, link| match link.stage {
                // What there is of a head has to do.
                Stage::Listening => {
                    let count = link.client().peek(&mut engine.head).unwrap_or(0);
                    engine.ask(link, count)
                }
                _ => Outcome::Goes,
            });
        }
        while let Some(id) = self.answers.due(now) {
            self.with_link(id, |engine, link| match link.stage {
                Stage::Asking => engine.connect(link),
                _ => Outcome::Goes,
            });
        }
        while let Some(id) = self.stranded.due(now) {
            self.with_link(id, |engine, link| match link.stage {
                // Nobody has refused it: it was taken to see whether it asks for a probe, and else would wait in the kernel.
                Stage::Stranded if engine.seats.ready().is_empty() && !engine.probes.is_empty() => {
                    engine.stranded.add(link.id);
                    Outcome::Goes
                }
                Stage::Stranded => Outcome::Failed,
                _ => Outcome::Goes,
            });
        }
        while let Some(id) = self.probing.due(now) {
            self.with_link(id, Self::answer_late);
        }
        while let Some(id) = self.lingering.due(now) {
            self.with_link(id, |_, link| link.still_lingers());
        }
    }
}

fn place(id: u64) -> usize {
    (id as usize >> 1) & (MOST_LINKS - 1)
}

fn serial(id: u64) -> u32 {
    (id >> SERIAL_AT) as u32
}

//! The front's thread: accepts, has the head looked at where somebody is to be asked, and leaves the rest to its carrier.
//!
//! Nothing here blocks and nothing here spins: what cannot go on waits for an event or for its time.

use super::asking::{Asking, Chosen};
use super::carrier::{Carrier, OWN, Tools};
use super::{Command, Count, Shared, Wish};
use crate::sys::poll::Events;
use crate::sys::schedule;
use crate::sys::socket::Socket;
use crate::sys::trace::trace;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;

const EVENTS: usize = 512;
/// Connections without a worker that are held to see whether they ask for a probe; others wait in the kernel.
const MOST_HELD: usize = 256;

pub(super) struct Thread<C> {
    shared: Arc<Shared>,
    tools: Tools,
    is_open: bool,
    asking: Option<Asking>,
    carrier: C,
}

impl<C: Carrier> Thread<C> {
    pub(super) fn new(
        shared: Arc<Shared>,
        tools: Tools,
        asking: Option<Asking>,
        carrier: C,
    ) -> io::Result<Self> {
        tools.poll.add_source(&shared.waker, WAKER)?;
        Ok(Self {
            shared,
            tools,
            is_open: false,
            asking,
            carrier,
        })
    }

    pub(super) fn run(mut self) {
        if C::IS_PATIENT {
            schedule::wait_for_turns();
        }
        let mut events = Events::with_room_for(EVENTS);
        loop {
            // A poll that cannot be waited for is an error of ours; the thread must not spin on it.
            if self.tools.poll.wait(&mut events, self.time_to_wait()).is_err() {
                return;
            }
            for index in 0..events.len() {
                let event = events.get(index);
                match event.token {
                    LISTENER => self.tools.has_arrivals = true,
                    WAKER => {
                        self.shared.waker.heard();
                        if !self.obey() {
                            self.tools.listener.close();
                            return self.carrier.end();
                        }
                    }
                    token if token >= OWN => {
                        let asking = self.asking.as_mut();
                        let chosen = asking.and_then(|asking| asking.inspect(&self.tools, token - OWN));
                        self.carry(chosen);
                    }
                    _ => self.carrier.event(&mut self.tools, event),
                }
            }
            self.expire();
            self.carrier.turn(&mut self.tools);
            if std::mem::take(&mut self.tools.has_arrivals) && !self.carrier.invite(&mut self.tools) {
                self.accept();
            }
            self.listen();
        }
    }

    fn time_to_wait(&self) -> Option<Duration> {
        let others = self.carrier.next_deadline(&self.tools);
        let next = [self.next_deadline(), others].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// When the front itself has something to do.
    fn next_deadline(&self) -> Option<Instant> {
        let asking = self.asking.as_ref().and_then(Asking::next_deadline);
        [self.tools.rests_until, asking].into_iter().flatten().min()
    }

    /// Does what it was told; false where that was to stop.
    fn obey(&mut self) -> bool {
        let (carrier, tools) = (&mut self.carrier, &mut self.tools);
        for command in self.shared.take_commands() {
            match command {
                Command::Seated(seat, process) => {
                    trace(C::TRACED, "has a process at seat", seat);
                    tools.seats.name(seat, process.worker);
                    carrier.seated(tools, seat, process);
                }
                Command::Ready(seat, address) => {
                    trace(C::TRACED, "may give connections to seat", seat);
                    carrier.ready(tools, seat, address);
                }
                Command::Withdraw(seat) => {
                    trace(C::TRACED, "gives no more to seat", seat);
                    carrier.withdraw(tools, seat);
                }
                Command::Part(seat) => {
                    trace(C::TRACED, "lets the connections end of seat", seat);
                    carrier.part(tools, seat);
                }
                Command::Gone(seat) => {
                    trace(C::TRACED, "has lost the process at seat", seat);
                    carrier.gone(tools, seat);
                }
                Command::Open => {
                    trace(
                        C::TRACED,
                        "begins to accept; seats that are ready:",
                        tools.seats.ready().len(),
                    );
                    self.is_open = true;
                }
                Command::Probes(probes) => tools.probes = probes,
                Command::Close(done) => {
                    trace(
                        C::TRACED,
                        "accepts no more; seats that are ready:",
                        tools.seats.ready().len(),
                    );
                    self.is_open = false;
                    carrier.closing(tools);
                    tools.listener.close();
                    tools.is_closed = true;
                    // Whoever does not wait any more need not be told.
                    let _ = done.send(());
                }
                Command::Assign(id, seat) => {
                    let asking = self.asking.as_mut();
                    if let Some(client) = asking.and_then(|asking| asking.answered(&tools.poll, id)) {
                        carrier.carry(tools, client, seat.map_or(Wish::Any, Wish::Seat));
                    }
                }
                Command::Stop => return false,
            }
        }
        true
    }

    /// Waits for connections only while there is somewhere to put them: the others wait in the kernel.
    fn listen(&mut self) {
        let is_wanted = self.is_open && self.tools.rests_until.is_none() && self.has_room();
        let Tools { listener, poll, .. } = &mut self.tools;
        if listener.listen(poll, LISTENER, is_wanted).is_err() {
            self.tools.rest();
        }
    }

    fn has_room(&self) -> bool {
        let has_worker = !self.tools.seats.ready().is_empty() && !self.carrier.is_full();
        has_worker || !self.tools.probes.is_empty() && self.held() < MOST_HELD
    }

    fn held(&self) -> usize {
        self.carrier.held() + self.asking.as_ref().map_or(0, Asking::count)
    }

    fn accept(&mut self) {
        for _ in 0..self.tools.listener.waiting() {
            match self.tools.listener.accept() {
                Ok(client) => self.welcome(client),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    // This one is gone already; the next may not be.
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => return self.tools.rest(),
                },
            }
            if !self.has_room() {
                return;
            }
        }
    }

    fn welcome(&mut self, client: Socket) {
        self.tools.board.add(Count::Accepted);
        trace(C::TRACED, "accepts a connection; others that wait:", self.held());
        let chosen = match &mut self.asking {
            Some(asking) => asking.welcome(&self.tools, client),
            None => Some((client, Wish::Any)),
        };
        self.carry(chosen);
    }

    fn carry(&mut self, chosen: Option<Chosen>) {
        if let Some((client, wish)) = chosen {
            self.carrier.carry(&mut self.tools, client, wish);
        }
    }

    fn expire(&mut self) {
        if self.next_deadline().is_none() {
            return;
        }
        let now = Instant::now();
        if self.tools.rests_until.is_some_and(|until| until <= now) {
            self.tools.rests_until = None;
            self.carrier.rested(&mut self.tools);
        }
        if let Some(asking) = &mut self.asking {
            while let Some((client, wish)) = asking.expire(&self.tools.poll, now) {
                self.carrier.carry(&mut self.tools, client, wish);
            }
            while let Some(client) = asking.unanswered(&self.tools.poll, now) {
                self.carrier.carry(&mut self.tools, client, Wish::Any);
            }
        }
    }
}

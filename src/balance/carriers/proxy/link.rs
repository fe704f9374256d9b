//! One client, the worker it was given to, and the bytes between them.

use super::flow::{Broken, End, Flow, Progress, Room};
use super::header::Header;
use crate::balance::front::Wish;
use crate::sys::socket::{Address, Socket};
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

/// What becomes of a link after something has happened to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It waits for the next event.
    Goes,
    /// It has more to do when others had their turn.
    Yields,
    /// Both sides have ended.
    Over,
    /// One side has failed; the other was told.
    Failed,
    /// The worker could not be reached, and the client has lost nothing yet.
    Refused,
}

/// How far a link has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The worker has not answered yet, and another may be tried.
    Connecting,
    Open,
    /// It has no worker; the next one that gets ready is tried.
    Stranded,
}

#[derive(Debug)]
pub(super) struct Link {
    pub(super) id: u64,
    pub(super) wish: Wish,
    pub(super) stage: Stage,
    client: End,
    worker: Option<End>,
    up: Flow,
    down: Flow,
    /// The seat of the worker, while there is one.
    pub(super) seat: Option<usize>,
    /// The seats whose workers have refused.
    pub(super) tried: Vec<usize>,
    /// Whether one of them broke off a connection that stood. Another may be tried, for nothing was said yet; but
    /// where there is none, the client learns of it.
    pub(super) was_reset: bool,
    begun: bool,
    /// What it asks for, if that is a probe, and whether it wants the body; found out with the first bytes.
    pub(super) asks_for: Option<(String, bool)>,
    /// Whether its first bytes were looked at for that: what comes next is not the beginning.
    pub(super) is_begun: bool,
    /// How much the client had sent when it began to linger.
    lingers: Option<u64>,
    /// How much of what goes to the worker is the header, and not the client's.
    header_length: u64,
    /// Whether the last bytes went to the worker, which then has something to answer.
    waits: bool,
    /// When bytes were moved last.
    moved_at: Instant,
}

impl Link {
    pub(super) fn new(id: u64, client: Socket, wish: Wish) -> Self {
        Self {
            id,
            wish,
            stage: Stage::Stranded,
            client: End::new(client),
            worker: None,
            up: Flow::default(),
            down: Flow::default(),
            seat: None,
            tried: Vec::new(),
            was_reset: false,
            begun: false,
            asks_for: None,
            is_begun: false,
            lingers: None,
            header_length: 0,
            waits: false,
            moved_at: Instant::now(),
        }
    }

    pub(super) fn client(&self) -> &Socket {
        &self.client.socket
    }

    /// Whether there may be something to be read from the client.
    pub(super) fn may_be_read(&self) -> bool {
        self.client.readable
    }

    /// Nothing is to be read from the client before the poll tells of it.
    pub(super) fn waits_for_client(&mut self) {
        self.client.readable = false;
    }

    /// Whether the client has been told anything.
    pub(super) fn is_answered(&self) -> bool {
        self.down.moved() > 0
    }

    /// Begins to connect; the header goes before everything else.
    pub(super) fn connect(&mut self, address: &Address, seat: usize, header: Header) -> io::Result<&Socket> {
        let socket = Socket::connect(address)?;
        // What was kept for a worker that then refused begins with the header already.
        if !self.begun && header != Header::None {
            let client = self.client();
            let bytes = header.bytes(client.peer(), client.local());
            self.header_length = bytes.len() as u64;
            self.up = Flow::beginning_with(bytes);
        }
        self.begun = true;
        self.seat = Some(seat);
        self.stage = Stage::Connecting;
        let worker = self.worker.insert(End::new(socket));
        // A worker that speaks first is heard with its event; most wait for the client.
        worker.readable = false;
        Ok(&worker.socket)
    }

    /// Takes note of what the poll says of the client.
    pub(super) fn client_event(&mut self, readable: bool, writable: bool, hung_up: bool) {
        note(&mut self.client, readable, writable, hung_up);
    }

    /// The same of the worker. A connection that becomes writable is one; whether it has failed is told by it.
    pub(super) fn worker_event(&mut self, readable: bool, writable: bool, hung_up: bool) -> Outcome {
        let Some(worker) = &mut self.worker else {
            return Outcome::Goes;
        };
        note(worker, readable, writable, hung_up);
        if self.stage == Stage::Connecting && writable {
            if let Err(error) = worker.socket.error() {
                worker.failure = Some(error.kind());
                return Outcome::Refused;
            }
            self.stage = Stage::Open;
        }
        Outcome::Goes
    }

    /// Moves what can be moved, both ways, and takes note of which way that was.
    pub(super) fn pump(&mut self, room: &mut Room, half_open: bool) -> Outcome {
        let before = (self.up.moved(), self.down.moved());
        let outcome = self.forward(room, half_open);
        let (up, down) = (self.up.moved(), self.down.moved());
        if (up, down) != before {
            self.waits = up > before.0 && up > self.header_length;
            self.moved_at = Instant::now();
        }
        outcome
    }

    /// Whether the worker has nothing to answer, and no bytes were moved for so long.
    pub(super) fn is_silent(&self, now: Instant, silence: Duration) -> bool {
        let is_under_way = self.waits || self.up.keeps_any() || self.down.keeps_any();
        !is_under_way && now.saturating_duration_since(self.moved_at) >= silence
    }

    fn forward(&mut self, room: &mut Room, half_open: bool) -> Outcome {
        let Some(worker) = &mut self.worker else {
            return Outcome::Goes;
        };
        let up = self.up.pump(&mut self.client, worker, room);
        if up == Err(Broken::Sink) {
            // It may have said why before it went.
            (worker.readable, worker.hung_up) = (true, true);
        }
        if self.stage == Stage::Connecting {
            match up {
                Err(Broken::Sink) if self.up.moved() == 0 => return Outcome::Refused,
                // There is nothing to read from a worker that may not be there.
                Ok(_) if self.up.moved() == 0 => return Outcome::Goes,
                _ => self.stage = Stage::Open,
            }
        }
        let down = self.down.pump(worker, &mut self.client, room);
        match (up, down) {
            (Ok(Progress::Finished), Ok(Progress::Finished)) => Outcome::Over,
            (Ok(up), Ok(down)) => {
                if !half_open && (self.up.is_finished() || self.down.is_finished()) {
                    return Outcome::Over;
                }
                if up == Progress::Yields || down == Progress::Yields {
                    Outcome::Yields
                } else {
                    Outcome::Goes
                }
            }
            (up, down) => {
                // Whoever is left had a last look at what the other had said; an end that was reached stands.
                let client_failed = up == Err(Broken::Source) || down == Err(Broken::Sink);
                let ended = if client_failed {
                    self.up.has_ended()
                } else {
                    self.down.has_ended()
                };
                if ended { Outcome::Over } else { Outcome::Failed }
            }
        }
    }

    /// Whether from now on only the client is there, and may say more or never end.
    pub(super) fn begins_to_linger(&mut self) -> bool {
        let begins = self.lingers.is_none() && self.down.is_finished();
        if begins {
            self.lingers = Some(self.up.moved());
        }
        begins
    }

    /// A client that has said nothing for so long is cut off; one that has may go on.
    pub(super) fn still_lingers(&mut self) -> Outcome {
        if self.lingers.take() == Some(self.up.moved()) {
            Outcome::Failed
        } else {
            Outcome::Goes
        }
    }

    /// Drops the worker that has refused.
    pub(super) fn refused(&mut self) {
        let failure = self.worker.take().and_then(|worker| worker.failure);
        self.was_reset |= failure != Some(ErrorKind::ConnectionRefused);
        self.tried.extend(self.seat.take());
    }

    /// Closes both sides: with a reset where one has failed, so that the other learns that it was cut off.
    pub(super) fn close(mut self, failed: bool, room: &mut Room) {
        self.up.discard(&mut room.pipes);
        self.down.discard(&mut room.pipes);
        if failed {
            self.client.socket.abort();
            if let Some(worker) = self.worker {
                worker.socket.abort();
            }
        }
    }
}

fn note(end: &mut End, readable: bool, writable: bool, hung_up: bool) {
    end.readable |= readable;
    end.writable |= writable;
    end.hung_up |= hung_up;
}

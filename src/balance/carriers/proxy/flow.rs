//! One direction of a connection: bytes from a source to a sink, until the source ends.
//!
//! Small messages are copied through one buffer that all connections share; where a source keeps filling that buffer,
//! its bytes go through a pipe in the kernel instead. What the sink does not take is kept, and nothing more is
//! read until it has: so a slow reader costs one buffer, or one pipe, and no more. A flow that waits costs nothing.

use super::pipes::Pipes;
use crate::sys::pipe::Pipe;
use crate::sys::socket::Socket;
use std::io::{self, ErrorKind};

/// As much as is read at once; also what a pipe holds.
const SCRATCH: usize = Pipe::CAPACITY;
/// How often a flow may read before others get their turn.
const TURNS: usize = 16;

/// A socket, and what the poll last said of it.
#[derive(Debug)]
pub(super) struct End {
    pub(super) socket: Socket,
    pub(super) readable: bool,
    pub(super) writable: bool,
    /// The peer's end, or its failure, is to be read, so a short read is no sign that there is nothing left.
    pub(super) hung_up: bool,
    /// What it failed with.
    pub(super) failure: Option<ErrorKind>,
}

impl End {
    /// Both ways are tried before the poll has spoken: most of the time it only confirms.
    pub(super) fn new(socket: Socket) -> Self {
        Self {
            socket,
            readable: true,
            writable: true,
            hung_up: false,
            failure: None,
        }
    }
}

/// What all flows share.
#[derive(Debug)]
pub(super) struct Room {
    scratch: Box<[u8]>,
    pub(super) pipes: Pipes,
}

impl Room {
    pub(super) fn new() -> Self {
        Self {
            scratch: vec![0; SCRATCH].into(),
            pipes: Pipes::default(),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Progress {
    /// Until the poll says more.
    Waits,
    /// There is more to move, and it is the others' turn.
    Yields,
    /// The source has ended, and the sink knows.
    Finished,
}

/// Which socket of a flow has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Broken {
    Source,
    Sink,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Open,
    /// The source has ended; the sink is told when it has taken what is kept.
    Ended,
    Finished,
}

#[derive(Debug, Default)]
pub(super) struct Flow {
    /// What the sink has not taken yet, from `sent` on.
    kept: Vec<u8>,
    sent: usize,
    pipe: Option<Pipe>,
    state: State,
    /// Bytes that the sink has taken.
    moved: u64,
}

impl Flow {
    /// A flow that begins with these bytes, before any of the source's.
    pub(super) fn beginning_with(bytes: Vec<u8>) -> Self {
        Self {
            kept: bytes,
            ..Self::default()
        }
    }

    pub(super) fn moved(&self) -> u64 {
        self.moved
    }

    /// Whether there are bytes that the sink has not taken yet.
    pub(super) fn keeps_any(&self) -> bool {
        self.sent < self.kept.len() || self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0)
    }

    pub(super) fn has_ended(&self) -> bool {
        self.state != State::Open
    }

    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished
    }

    /// Moves what can be moved now.
    pub(super) fn pump(
        &mut self,
        source: &mut End,
        sink: &mut End,
        room: &mut Room,
    ) -> Result<Progress, Broken> {
        for _ in 0..TURNS {
            if !self.flush(sink)? {
                return Ok(Progress::Waits);
            }
            match self.state {
                State::Open => {}
                State::Ended => {
                    // A sink that is gone already need not be told.
                    let _ = sink.socket.end();
                    self.state = State::Finished;
                    return Ok(Progress::Finished);
                }
                State::Finished => return Ok(Progress::Finished),
            }
            if !source.readable {
                self.give_back(&mut room.pipes);
                return Ok(Progress::Waits);
            }
            match &mut self.pipe {
                Some(pipe) => match pipe.fill(&source.socket) {
                    Err(error) if error.kind() == ErrorKind::InvalidInput => self.give_back(&mut room.pipes),
                    filled => self.take(source, filled)?,
                },
                None => self.copy(source, sink, room)?,
            }
        }
        Ok(Progress::Yields)
    }

    /// Gives the sink what is kept. Whether nothing is left.
    fn flush(&mut self, sink: &mut End) -> Result<bool, Broken> {
        while self.sent < self.kept.len() {
            match offer(sink, |socket| socket.send(&self.kept[self.sent..]))? {
                Some(taken) => {
                    self.sent += taken;
                    self.moved += taken as u64;
                }
                None => return Ok(false),
            }
        }
        if !self.kept.is_empty() {
            // An idle connection keeps no buffer.
            self.kept = Vec::new();
            self.sent = 0;
        }
        let Some(pipe) = &mut self.pipe else {
            return Ok(true);
        };
        while pipe.held() > 0 {
            match offer(sink, |socket| pipe.drain(socket))? {
                Some(taken) => self.moved += taken as u64,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn copy(&mut self, source: &mut End, sink: &mut End, room: &mut Room) -> Result<(), Broken> {
        let read = source.socket.receive(&mut room.scratch);
        let count = *read.as_ref().unwrap_or(&0);
        self.take(source, read)?;
        if count == 0 {
            return Ok(());
        }
        if count == room.scratch.len() {
            self.pipe = room.pipes.take();
        } else if !source.hung_up {
            // There was less than was asked for: what comes later comes with an event.
            source.readable = false;
        }
        let bytes = &room.scratch[..count];
        match offer(sink, |socket| socket.send(bytes)) {
            Ok(Some(taken)) if taken == count => self.moved += taken as u64,
            outcome => {
                let taken = outcome.unwrap_or_default().unwrap_or_default();
                self.moved += taken as u64;
                // Also where the sink has failed: another one may be found for them.
                self.kept = bytes[taken..].to_vec();
                outcome?;
            }
        }
        Ok(())
    }

    /// Takes note of what a read brought.
    fn take(&mut self, source: &mut End, read: io::Result<usize>) -> Result<(), Broken> {
        match read {
            Ok(0) => self.state = State::Ended,
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => source.readable = false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                source.failure = Some(error.kind());
                return Err(Broken::Source);
            }
        }
        Ok(())
    }

    /// Lets go of a pipe that carries nothing.
    fn give_back(&mut self, pipes: &mut Pipes) {
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.held() == 0) {
            pipes.put(pipe);
        }
    }

    /// Lets go of the pipe, whatever it carries: the connection is over.
    pub(super) fn discard(&mut self, pipes: &mut Pipes) {
        self.give_back(pipes);
        if self.pipe.take().is_some() {
            pipes.lost();
        }
    }
}

/// How much the sink took, or nothing where it takes nothing now.
fn offer(sink: &mut End, give: impl FnOnce(&Socket) -> io::Result<usize>) -> Result<Option<usize>, Broken> {
    if !sink.writable {
        return Ok(None);
    }
    match give(&sink.socket) {
        Ok(taken) => Ok(Some(taken)),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            sink.writable = false;
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Some(0)),
        Err(error) => {
            sink.failure = Some(error.kind());
            Err(Broken::Sink)
        }
    }
}

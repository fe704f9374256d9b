//! What lies beneath the front, and what the front lends it.

use super::listener::Listener;
use super::{Board, Probe, Process, Seats, Wish};
use crate::sys::poll::{Event, Poll};
use crate::sys::socket::{Address, Socket};
use crate::sys::trace;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long accepting rests when this process or the machine has no descriptor left.
const REST: Duration = Duration::from_millis(100);

/// Brings connections from the front to workers, in the front's thread. It never blocks: what cannot go on waits for an
/// event or for a deadline.
pub(in crate::balance) trait Carrier: Send + Sized + 'static {
    /// The name of the front's thread.
    const THREAD: &'static str;
    /// By which name it is traced.
    const TRACED: trace::Thread;
    /// Whether the thread lets workers finish their turns where all processors are busy. Connections that have come
    /// meanwhile are then accepted together, which costs less than to interrupt a worker for each.
    const IS_PATIENT: bool = false;

    /// Whether workers can accept connections themselves.
    const SHARES: bool = false;

    /// Whether no more can be carried, although there are workers.
    fn is_full(&self) -> bool;

    /// How many connections it has that may be waiting for a worker.
    fn held(&self) -> usize;

    /// Somebody waits at the public address. Says whether workers accept them: else they are the front's to accept.
    fn invite(&mut self, _tools: &mut Tools) -> bool {
        false
    }

    /// The public address is about to be closed: the front accepts who waits there.
    fn closing(&mut self, _tools: &mut Tools) {}

    /// Brings this client to a worker: the wanted one, if that gets connections, else one of the strategy's choice.
    fn carry(&mut self, tools: &mut Tools, client: Socket, wish: Wish);

    /// Something has happened to what it listens to.
    fn event(&mut self, tools: &mut Tools, event: Event);

    /// When it has something to do, whatever happens until then.
    fn next_deadline(&self, tools: &Tools) -> Option<Instant>;

    /// The end of a turn of the thread: what is due now is done.
    fn turn(&mut self, tools: &mut Tools);

    /// There may be descriptors again.
    fn rested(&mut self, _tools: &mut Tools) {}

    /// That process sits there now.
    fn seated(&mut self, _tools: &mut Tools, _seat: usize, _process: Process) {}

    /// Connections may go to that seat, whose worker listens at the address, if that matters.
    fn ready(&mut self, tools: &mut Tools, seat: usize, address: Option<Address>);

    /// No connection goes to that seat any more.
    fn withdraw(&mut self, tools: &mut Tools, seat: usize);

    /// The worker of that seat is about to end, and does not see to its connections itself: no more go there, and those that
    /// are there end as they fall silent.
    fn part(&mut self, tools: &mut Tools, seat: usize) {
        self.withdraw(tools, seat);
    }

    /// The process that sat there has ended.
    fn gone(&mut self, tools: &mut Tools, seat: usize);

    /// The thread ends.
    fn end(self) {}
}

/// What the front lends its carrier.
#[derive(Debug)]
pub(in crate::balance) struct Tools {
    pub(in crate::balance) poll: Poll,
    pub(in crate::balance) board: Arc<Board>,
    pub(in crate::balance) seats: Seats,
    pub(in crate::balance) listener: Listener,
    /// Whether somebody may wait at the listener.
    pub(in crate::balance) has_arrivals: bool,
    /// What is answered where no worker can.
    pub(in crate::balance) probes: Vec<Probe>,
    /// Whether no client comes any more.
    pub(in crate::balance) is_closed: bool,
    pub(super) rests_until: Option<Instant>,
}

/// Tokens from here on are the front's own.
pub(in crate::balance) const OWN: u64 = 1 << 62;

impl Tools {
    pub(super) fn new(board: Arc<Board>, seats: Seats, listener: Listener) -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            board,
            seats,
            listener,
            has_arrivals: false,
            probes: Vec::new(),
            is_closed: false,
            rests_until: None,
        })
    }

    /// There is no descriptor left: nothing is accepted for a while.
    pub(in crate::balance) fn rest(&mut self) {
        self.rests_until = Some(Instant::now() + REST);
    }

    /// A descriptor was closed: if there was none, there is one again.
    pub(in crate::balance) fn freed(&mut self) {
        if self.rests_until.is_some() {
            self.rests_until = Some(Instant::now());
        }
    }
}

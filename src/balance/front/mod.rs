//! The front: a thread of the primary that takes the public address, accepts, and has a carrier bring each connection to
//! a worker.
//!
//! The thread never touches JavaScript, but for one thing: it may ask who gets a connection, and does not wait for the
//! answer longer than a moment. If the process dies, the kernel closes what no worker has.

mod asking;
mod board;
mod carrier;
mod deadlines;
mod listener;
pub(super) mod probes;
mod seats;
mod thread;

pub use asking::{Ask, Chooser, Question};
pub use board::{Board, Count, Report, SEATS};
pub use probes::Probe;

pub(super) use board::now_us;
pub(super) use carrier::{Carrier, Tools};
pub(super) use deadlines::Deadlines;
pub(super) use seats::{Seats, Wish};

use super::score::Strategy;
use crate::sys::handover::Rendezvous;
use crate::sys::poll::Waker;
use crate::sys::socket::Address;
use asking::Asking;
use listener::Listener;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;
use thread::Thread;

/// Who chooses which worker a connection goes to.
#[derive(Debug)]
pub struct Options {
    pub strategy: Strategy,
    pub seed: u64,
    /// Who chooses instead of the strategy, if anybody, by the head of the request, in the front's thread.
    pub ask: Option<Ask>,
}

/// The process of a worker.
#[derive(Debug)]
pub struct Process {
    pub pid: u32,
    /// Which of the workers it is: a process that takes its place is the same one.
    pub worker: u32,
    /// Where it waits, if connections are handed to it.
    pub rendezvous: Option<Rendezvous>,
}

/// What the thread is told.
#[derive(Debug)]
enum Command {
    /// That process sits there now.
    Seated(usize, Process),
    /// The worker that sits there listens at that address, if it needs one.
    Ready(usize, Option<Address>),
    Withdraw(usize),
    Part(usize),
    Gone(usize),
    Open,
    Probes(Vec<Probe>),
    /// With whom to tell when the address is free.
    Close(Sender<()>),
    /// The answer to a question; without a seat the strategy chooses.
    Assign(u64, Option<usize>),
    Stop,
}

/// What both the thread and its owner hold.
#[derive(Debug)]
struct Shared {
    commands: Mutex<Vec<Command>>,
    waker: Waker,
}

impl Shared {
    fn tell(&self, command: Command) {
        self.commands.lock().push(command);
        self.waker.wake();
    }

    fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock())
    }
}

/// A running front. Dropping it ends the thread, and with it every connection that no worker has to itself.
#[derive(Debug)]
pub struct Front {
    shared: Arc<Shared>,
    board: Arc<Board>,
    thread: Option<JoinHandle<()>>,
    local: Option<SocketAddr>,
}

/// How long whoever closes waits for the thread at most.
const CLOSING: Duration = Duration::from_secs(1);

impl Front {
    /// Takes the address, and accepts nothing before it is told to `open`.
    pub(super) fn over<C: Carrier>(
        carrier: C,
        address: &Address,
        options: Options,
        board: Board,
    ) -> io::Result<Self> {
        // Who is to be asked about a connection has to see it first.
        let listener = Listener::bind(address, C::SHARES && options.ask.is_none())?;
        let local = listener.local();
        let board = Arc::new(board);
        let shared = Arc::new(Shared {
            commands: Mutex::default(),
            waker: Waker::new()?,
        });
        let seats = Seats::new(options.strategy, options.seed);
        let tools = Tools::new(Arc::clone(&board), seats, listener)?;
        let asking = options.ask.map(Asking::new);
        let thread = Thread::new(Arc::clone(&shared), tools, asking, carrier)?;
        let thread = std::thread::Builder::new()
            .name(C::THREAD.into())
            .spawn(|| thread.run())?;
        Ok(Self {
            shared,
            board,
            thread: Some(thread),
            local,
        })
    }

    /// Where it listens; nothing for a Unix path.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    pub fn board(&self) -> &Board {
        &self.board
    }

    /// For whoever reads it longer than the front may live.
    pub fn shared_board(&self) -> Arc<Board> {
        Arc::clone(&self.board)
    }

    /// Begins to accept, as soon as there is a worker to give a connection to.
    pub fn open(&self) {
        self.shared.tell(Command::Open);
    }

    /// From now on those who ask for one of these, and whom no worker takes or answers in time, are answered here.
    pub fn set_probes(&self, probes: Vec<Probe>) {
        self.shared.tell(Command::Probes(probes));
    }

    /// Stops listening: when it returns, another may take the address. Connections that are there stay.
    pub fn close(&self) {
        let (done, closed) = channel();
        self.shared.tell(Command::Close(done));
        // The thread is never far from its next look at commands; one that has died keeps nobody waiting for long.
        let _ = closed.recv_timeout(CLOSING);
    }

    /// That process sits there from now on.
    pub fn seated(&self, seat: usize, process: Process) {
        self.tell_of(seat, Command::Seated(seat, process));
    }

    /// From now on connections may go to this seat. A worker that they are forwarded to listens at the address.
    pub fn ready(&self, seat: usize, address: Option<Address>) {
        self.tell_of(seat, Command::Ready(seat, address));
    }

    /// From now on no connection goes to this seat.
    pub fn withdraw(&self, seat: usize) {
        self.tell_of(seat, Command::Withdraw(seat));
    }

    /// The same, and its connections end as they fall silent, where they are the front's.
    pub fn part(&self, seat: usize) {
        self.tell_of(seat, Command::Part(seat));
    }

    /// The process that sat there has ended.
    pub fn gone(&self, seat: usize) {
        self.tell_of(seat, Command::Gone(seat));
    }

    fn tell_of(&self, seat: usize, command: Command) {
        if seat < SEATS {
            self.shared.tell(command);
        }
    }

    /// Answers a question; without a seat, or with one that gets none, the strategy chooses.
    pub fn assign(&self, id: u64, seat: Option<usize>) {
        self.shared.tell(Command::Assign(id, seat));
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.shared.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has ended, and that is all there is to wait for.
            let _ = thread.join();
        }
    }
}

//! The hand-off: connections themselves go to the workers, which then speak to the clients with nobody between.
//!
//! One thread of the primary accepts, chooses, and puts each connection into the queue of a worker; what a worker
//! does not take in time is taken back and given to another. The thread never touches JavaScript. If the process
//! dies, the connections that workers have taken stay theirs; the others are closed by the kernel. If a worker dies,
//! what it had not taken goes to another, and so does what it had taken, where that is held and nothing of it was read.

mod board;
mod engine;
mod escrow;
mod places;
mod worker;

pub use board::{Board, Happened};
pub use worker::{Asked, MARKS, SPOKEN_NUMBERS, Worker};

use crate::balance::probes::Probe;
use crate::balance::proxy::Ask;
use crate::balance::score::Strategy;
use crate::shm::rows::ROWS;
use crate::sys::handover::Door;
use crate::sys::poll::Waker;
use crate::sys::socket::{Address, Socket};
use engine::Engine;
use parking_lot::Mutex;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How connections are treated.
#[derive(Debug)]
pub struct Options {
    pub strategy: Strategy,
    pub seed: u64,
    /// Where workers come to get their end of the queue; no other process of the machine has a door of that name.
    pub door: Vec<u8>,
    /// Whether connections move from workers that are busy to those that are not.
    pub rebalance: bool,
    /// Who chooses instead of the strategy, if anybody.
    pub ask: Option<Ask>,
}

/// What the thread is told.
#[derive(Debug)]
enum Command {
    /// That process sits there now.
    Seated(usize, u32),
    Ready(usize),
    Withdraw(usize),
    Gone(usize),
    Open,
    /// What the thread answers itself while no worker can.
    Probes(Vec<Probe>),
    /// Told when the address is free.
    Close(Sender<()>),
    /// The answer to a question; without a seat the strategy chooses.
    Assign(u64, Option<usize>),
    Stop,
}

/// What both the thread and its owner hold.
#[derive(Debug)]
struct Shared {
    board: Board,
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

/// A running hand-off. Dropping it ends the thread, and with it every connection that no worker has taken.
#[derive(Debug)]
pub struct Handoff {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    local: Option<SocketAddr>,
}

/// How many connections may wait in the kernel to be accepted; it lowers this to its own limit.
const BACKLOG: i32 = 4096;
/// How long whoever closes waits for the thread at most.
const CLOSING: Duration = Duration::from_secs(1);

impl Handoff {
    /// Takes the address, and accepts nothing before it is told to `open`.
    pub fn bind(address: &Address, options: Options) -> io::Result<Self> {
        let listener = Socket::listen(address, BACKLOG)?;
        let local = listener.local();
        let door = Door::open(&options.door)?;
        let shared = Arc::new(Shared {
            board: Board::new()?,
            commands: Mutex::default(),
            waker: Waker::new()?,
        });
        let engine = Engine::new(listener, address, door, options, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("flotilla-handoff".into())
            .spawn(|| engine.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
            local,
        })
    }

    /// Where it listens; nothing for a Unix path.
    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    /// Begins to accept, as soon as there is a worker to give a connection to.
    pub fn open(&self) {
        self.shared.tell(Command::Open);
    }

    /// From now on connections that no worker takes in time are answered here, if they ask for one of these.
    pub fn set_probes(&self, probes: Vec<Probe>) {
        self.shared.tell(Command::Probes(probes));
    }

    /// Stops listening: when it returns, another may take the address.
    pub fn close(&self) {
        let (done, closed) = channel();
        self.shared.tell(Command::Close(done));
        // The thread is never far from its next look at commands; one that has died keeps nobody waiting for long.
        let _ = closed.recv_timeout(CLOSING);
    }

    /// That process, which is told the name of the door, sits there from now on.
    pub fn seated(&self, seat: usize, pid: u32) {
        if seat < ROWS {
            self.shared.tell(Command::Seated(seat, pid));
        }
    }

    /// From now on connections may go to this seat.
    pub fn ready(&self, seat: usize) {
        if seat < ROWS {
            self.shared.tell(Command::Ready(seat));
        }
    }

    /// From now on no connection goes to this seat; what its worker has not taken goes to others.
    pub fn withdraw(&self, seat: usize) {
        if seat < ROWS {
            self.shared.tell(Command::Withdraw(seat));
        }
    }

    /// The process that sat there has ended.
    pub fn gone(&self, seat: usize) {
        if seat < ROWS {
            self.shared.tell(Command::Gone(seat));
        }
    }

    /// Answers a question; without a seat, or with one that gets none, the strategy chooses.
    pub fn assign(&self, id: u64, seat: Option<usize>) {
        self.shared.tell(Command::Assign(id, seat));
    }
}

impl Drop for Handoff {
    fn drop(&mut self) {
        self.shared.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has ended, and that is all there is to wait for.
            let _ = thread.join();
        }
    }
}

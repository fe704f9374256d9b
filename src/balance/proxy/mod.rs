//! Proxy mode: connections are forwarded, byte for byte, to the port of a worker.
//!
//! One thread of the primary does it all: it accepts, chooses, connects and moves bytes, and never touches
//! JavaScript. If the process dies, the kernel closes both sides of every connection. If a worker dies, its
//! connections end as they would without a proxy; one that it had not yet accepted goes to another worker.

mod assign;
mod engine;
mod flow;
mod header;
mod link;
mod pipes;
mod probing;
mod seats;

pub use header::Header;
pub use seats::{Board, Count, Report, SEATS};

use crate::balance::probes::Probe;
use crate::balance::score::Strategy;
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
pub struct Options {
    pub strategy: Strategy,
    pub seed: u64,
    pub header: Header,
    /// Whether a client that has ended its side is still answered.
    pub half_open: bool,
    /// Who chooses instead of the strategy, if anybody: it is asked with the head of the request, from the
    /// proxy's thread, and answers by `Proxy::assign`.
    pub ask: Option<Ask>,
}

impl std::fmt::Debug for Ask {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Ask")
            .field("inspection_time", &self.inspection_time)
            .field("head_limit", &self.head_limit)
            .field("answer_time", &self.answer_time)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Options")
            .field("strategy", &self.strategy)
            .field("header", &self.header)
            .field("half_open", &self.half_open)
            .field("ask", &self.ask)
            .finish_non_exhaustive()
    }
}

/// Asks for a choice.
pub struct Ask {
    pub question: Box<dyn Fn(Question) + Send>,
    /// How long to wait for the head.
    pub inspection_time: Duration,
    /// How many bytes of the head to look at.
    pub head_limit: usize,
    /// How long to wait for the answer before the strategy chooses.
    pub answer_time: Duration,
}

/// A connection that waits for a choice.
#[derive(Debug)]
pub struct Question {
    /// To be named in the answer.
    pub id: u64,
    /// What the client has said so far.
    pub head: Vec<u8>,
    pub client: Option<SocketAddr>,
    /// How long the head took.
    pub waited: Duration,
}

/// What the thread is told.
#[derive(Debug)]
enum Command {
    Ready(usize, Address),
    Withdraw(usize),
    Open,
    /// What the thread answers itself where no worker does.
    Probes(Vec<Probe>),
    /// With whom to tell when it is done.
    Close(Sender<()>),
    /// The answer to a question; without a seat the strategy chooses.
    Assign(u64, Option<usize>),
    Stop,
}

/// What both the thread and its owner hold.
#[derive(Debug)]
struct Shared {
    board: Arc<Board>,
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

/// A running proxy. Dropping it cuts every connection and ends the thread.
#[derive(Debug)]
pub struct Proxy {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    local: Option<SocketAddr>,
}

/// How many connections may wait in the kernel to be accepted; it lowers this to its own limit.
const BACKLOG: i32 = 4096;
const CLOSING: Duration = Duration::from_secs(1);

impl Proxy {
    /// Takes the address, and accepts nothing before it is told to `open`.
    pub fn bind(address: &Address, options: Options) -> io::Result<Self> {
        let listener = Socket::listen(address, BACKLOG)?;
        let local = listener.local();
        let shared = Arc::new(Shared {
            board: Board::new(),
            commands: Mutex::default(),
            waker: Waker::new()?,
        });
        let engine = Engine::new(listener, address, options, Arc::clone(&shared))?;
        let thread = std::thread::Builder::new()
            .name("flotilla-proxy".into())
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

    pub fn board(&self) -> &Arc<Board> {
        &self.shared.board
    }

    /// Begins to accept, as soon as there is a worker to give a connection to.
    pub fn open(&self) {
        self.shared.tell(Command::Open);
    }

    /// From now on those who ask for one of these, and whom no worker answers in time, are answered here.
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

    /// From now on connections may go to this seat, whose worker listens there.
    pub fn ready(&self, seat: usize, address: Address) {
        if seat < SEATS {
            self.shared.tell(Command::Ready(seat, address));
        }
    }

    /// From now on no connection goes to this seat. Those that are there stay.
    pub fn withdraw(&self, seat: usize) {
        self.shared.tell(Command::Withdraw(seat));
    }

    /// Answers a question; without a seat, or with one that gets none, the strategy chooses.
    pub fn assign(&self, id: u64, seat: Option<usize>) {
        self.shared.tell(Command::Assign(id, seat));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.tell(Command::Stop);
        if let Some(thread) = self.thread.take() {
            // A thread that has panicked has ended, and that is all there is to wait for.
            let _ = thread.join();
        }
    }
}

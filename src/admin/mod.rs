//! What shows how servers do: a thread of the primary that answers from shared memory, and so also while the primary's event
//! loop and all workers' are blocked.
//!
//! `gate` says who may ask for what, `http` reads requests and words answers; both are pure. `snapshot` gathers what there
//! is to tell, `exposition` words it for Prometheus. The thread touches no JavaScript: what only that can do, a health
//! check or a restart, it asks for by a function, and answers without it when its time is over. A thread that dies takes the
//! page with it, and nothing else.

pub mod exposition;
pub mod gate;
pub mod http;
mod snapshot;
mod thread;

use crate::balance::front::Board;
use crate::shm::meters::Meters;
use crate::store::Store;
use crate::sys::poll::Waker;
use crate::sys::socket::{Address, Socket};
use gate::Gate;
use parking_lot::Mutex;
use serde_json::Value;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// What JavaScript is asked for, or told of.
#[derive(Debug)]
pub struct Question {
    /// 0 for what wants no answer.
    pub id: u64,
    /// `health`, the name of an action, or `refused`.
    pub kind: String,
    pub text: String,
}

pub type Ask = Box<dyn Fn(Question) + Send>;

/// A file of the page, by its path.
#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub kind: String,
    pub text: String,
}

pub struct Options {
    pub address: SocketAddr,
    pub gate: Gate,
    pub files: Vec<File>,
    pub version: String,
    pub ask: Ask,
    /// How long an answer of JavaScript's is waited for.
    pub patience: Duration,
    /// The cache of this process, if it has one.
    pub cache: fn() -> Option<Arc<Store>>,
}

impl fmt::Debug for Options {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Options")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A server that is shown.
#[derive(Debug)]
pub struct Shown {
    pub id: u32,
    pub meters: Arc<Meters>,
    /// Where connections are given to its workers, if they are.
    pub board: Option<Arc<Board>>,
    /// What JavaScript alone knows of it.
    pub facts: Value,
}

#[derive(Debug)]
enum Command {
    Answer { id: u64, status: u16, body: String },
    Stop(Sender<()>),
}

/// What both the thread and its owner hold.
#[derive(Debug)]
struct Shared {
    servers: Mutex<Vec<Shown>>,
    commands: Mutex<Vec<Command>>,
    waker: Waker,
}

/// A running thread. Dropping it ends the thread.
#[derive(Debug)]
pub struct Admin {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    local: Option<SocketAddr>,
}

/// How many connections the kernel holds that were not accepted yet.
const BACKLOG: i32 = 128;
/// How long whoever closes waits for the thread at most.
const CLOSING: Duration = Duration::from_secs(1);

impl Admin {
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = Socket::listen(&Address::Tcp(options.address), BACKLOG)?;
        let local = listener.local();
        let shared = Arc::new(Shared {
            servers: Mutex::default(),
            commands: Mutex::default(),
            waker: Waker::new()?,
        });
        let thread = thread::Thread::new(Arc::clone(&shared), listener, options)?;
        let thread = std::thread::Builder::new()
            .name("flotilla-admin".into())
            .spawn(|| thread.run())?;
        Ok(Self {
            shared,
            thread: Some(thread),
            local,
        })
    }

    pub fn local(&self) -> Option<SocketAddr> {
        self.local
    }

    /// From now on this server is shown, too, or anew.
    pub fn show(&self, server: Shown) {
        let mut servers = self.shared.servers.lock();
        servers.retain(|each| each.id != server.id);
        // In their order; a sort would be as much code as the rest of this file.
        let at = servers.partition_point(|each| each.id < server.id);
        servers.insert(at, server);
    }

    pub fn hide(&self, id: u32) {
        self.shared.servers.lock().retain(|each| each.id != id);
    }

    /// What JavaScript alone knows of a server, as JSON. What is none counts for nothing.
    pub fn tell(&self, id: u32, facts: &str) {
        if let Ok(facts) = serde_json::from_str(facts)
            && let Some(server) = self.shared.servers.lock().iter_mut().find(|each| each.id == id)
        {
            server.facts = facts;
        }
    }

    pub fn answer(&self, id: u64, status: u16, body: String) {
        self.command(Command::Answer { id, status, body });
    }

    fn command(&self, command: Command) {
        self.shared.commands.lock().push(command);
        self.shared.waker.wake();
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        let (done, ended) = channel();
        self.command(Command::Stop(done));
        let _ = ended.recv_timeout(CLOSING);
        // A thread that is stuck keeps nobody waiting.
        drop(self.thread.take());
    }
}

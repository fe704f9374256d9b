//! The hand-off between real clients and real sockets: whoever is accepted comes to a worker that takes it, with all that it
//! has said, whatever the other workers do. This process is one of the workers; the others are processes that do nothing.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(flotilla_portable)))]

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use flotilla::balance::carriers::Way;
use flotilla::balance::carriers::handoff::{Idle, Worker};
use flotilla::balance::front::{Count, Front, Options, Probe, Process};
use flotilla::balance::score::Strategy;
use flotilla::sys::handover::Rendezvous;
use flotilla::sys::socket::{Address, Socket};

/// Far more than anything here takes: it only ends a test that hangs.
const LONG: Duration = Duration::from_secs(20);
/// The seat of this process, and that of one that takes nothing.
const OURS: usize = 1;
const IDLE: usize = 0;

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(1));
    }
}

fn process(pid: u32, rendezvous: Option<Rendezvous>) -> Process {
    Process {
        pid,
        worker: pid,
        rendezvous,
    }
}

struct Handoff {
    front: Front,
}

impl Handoff {
    fn new() -> Self {
        let options = Options {
            strategy: Strategy::RoundRobin,
            seed: 1,
            ask: None,
        };
        let way = Way::Handoff { rebalance: false };
        let address = Address::Tcp("127.0.0.1:0".parse().unwrap());
        let front = Front::bind(&address, options, way).unwrap();
        front.open();
        Self { front }
    }

    /// This process as a worker that connections go to.
    fn join(&self) -> Worker {
        let rendezvous = Rendezvous::open().unwrap();
        let guest = rendezvous.guest().unwrap();
        self.front
            .seated(OURS, process(std::process::id(), Some(rendezvous)));
        let worker = Worker::join(guest).unwrap();
        self.front.ready(OURS, None);
        worker
    }

    /// A process that takes nothing, as a worker that connections go to.
    fn idle(&self) -> Sleeper {
        let child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.front.seated(IDLE, process(child.id(), None));
        self.front.ready(IDLE, None);
        Sleeper(child)
    }

    fn connect(&self) -> TcpStream {
        let client = TcpStream::connect(self.front.local().unwrap()).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client
    }

    fn waiting(&self, seat: usize) -> u64 {
        self.front.board().waiting(seat)
    }
}

struct Sleeper(Child);

impl Sleeper {
    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        // It may have been killed by its test.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn take(worker: &Worker) -> TcpStream {
    let mut taken = None;
    wait_until("a connection comes", || {
        worker.hears();
        taken = worker.take().ok();
        taken.is_some()
    });
    let (socket, ..) = taken.unwrap();
    let stream = TcpStream::from(OwnedFd::from(socket));
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    stream
}

fn read(stream: &mut TcpStream, length: usize) -> String {
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn read_all(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn a_connection_comes_with_all_that_was_said_and_is_the_clients_own() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    let mut client = handoff.connect();
    client.write_all(b"hello").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut served = take(&worker);
    assert_eq!(served.peer_addr().unwrap(), client.local_addr().unwrap());
    assert_eq!(read_all(&mut served), "hello");
    // A client that has ended its side is still answered.
    served.write_all(b"bye").unwrap();
    drop(served);
    assert_eq!(read_all(&mut client), "bye");
    assert_eq!(handoff.front.board().count(Count::Accepted), 1);
}

#[test]
fn a_worker_accepts_a_connection_that_nobody_has_to_look_at() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    assert_eq!(worker.take().unwrap_err().kind(), ErrorKind::WouldBlock);
    let client = handoff.connect();
    // It has not been told of anything in its queue since, and does not look there.
    let mut taken = None;
    wait_until("it may accept", || {
        taken = worker.take().ok();
        taken.is_some()
    });
    let (socket, ..) = taken.unwrap();
    assert_eq!(socket.peer().unwrap(), client.local_addr().unwrap());
    assert_eq!(handoff.front.board().connections(OURS), 1);
    assert_eq!(handoff.front.board().count(Count::TakenBack), 0);
}

#[test]
fn whoever_waits_when_the_address_is_closed_is_served() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    let mut clients: Vec<_> = (0..5).map(|_| handoff.connect()).collect();
    handoff.front.close();
    for client in &mut clients {
        client.write_all(b"x").unwrap();
    }
    for _ in 0..5 {
        assert_eq!(read(&mut take(&worker), 1), "x");
    }
    let board = handoff.front.board();
    assert_eq!((board.count(Count::Accepted), board.connections(OURS)), (5, 5));
}

#[test]
fn whoever_comes_before_a_worker_is_ready_waits() {
    let handoff = Handoff::new();
    let mut clients: Vec<_> = (0..50).map(|_| handoff.connect()).collect();
    let worker = handoff.join();
    for client in &mut clients {
        client.write_all(b"x").unwrap();
    }
    let mut ports: Vec<_> = (0..50)
        .map(|_| take(&worker).peer_addr().unwrap().port())
        .collect();
    let mut wanted: Vec<_> = clients
        .iter()
        .map(|client| client.local_addr().unwrap().port())
        .collect();
    ports.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(ports, wanted);
}

#[test]
fn what_a_worker_does_not_take_in_time_goes_to_another() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    let _idle = handoff.idle();
    let mut clients: Vec<_> = (0..20).map(|_| handoff.connect()).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        client.write_all(&[number as u8]).unwrap();
    }
    let mut said = Vec::new();
    for _ in 0..20 {
        let mut byte = [0];
        take(&worker).read_exact(&mut byte).unwrap();
        said.push(byte[0]);
    }
    said.sort_unstable();
    assert_eq!(said, (0..20).collect::<Vec<u8>>());
    assert!(handoff.front.board().count(Count::TakenBack) > 0);
}

#[test]
fn what_a_dead_worker_had_not_taken_goes_to_the_next_one() {
    let handoff = Handoff::new();
    let mut idle = handoff.idle();
    let mut clients: Vec<_> = (0..10).map(|_| handoff.connect()).collect();
    wait_until("all are given", || handoff.waiting(IDLE) == 10);
    let worker = handoff.join();
    handoff.front.withdraw(OURS);
    idle.kill();
    wait_until("its end is seen", || handoff.waiting(IDLE) == 0);
    for client in &mut clients {
        client.write_all(b"late").unwrap();
    }
    handoff.front.ready(OURS, None);
    for _ in 0..10 {
        assert_eq!(read(&mut take(&worker), 4), "late");
    }
}

#[test]
fn what_is_given_back_comes_again_with_what_was_sent_meanwhile() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    let mut client = handoff.connect();
    for turn in 0..200 {
        let text = format!("{turn:05}");
        client.write_all(text.as_bytes()).unwrap();
        let mut served = take(&worker);
        assert_eq!(read(&mut served, 5), text);
        served.write_all(text.as_bytes()).unwrap();
        assert_eq!(read(&mut client, 5), text);
        worker
            .give(served.as_raw_fd(), None, Idle::lasting(5000.0), None)
            .unwrap();
        // Closing it here is not its end.
        drop(served);
    }
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut take(&worker)), "");
    assert_eq!(handoff.front.board().count(Count::Accepted), 1);
}

#[test]
fn a_probe_is_answered_here_where_nobody_takes_it_and_others_wait() {
    let handoff = Handoff::new();
    handoff.front.set_probes(vec![Probe {
        path: "/live".into(),
        status: 200,
        body: "alive".into(),
    }]);
    let _idle = handoff.idle();
    let mut other = handoff.connect();
    other.write_all(b"GET /other HTTP/1.1\r\n\r\n").unwrap();
    for _ in 0..20 {
        let mut client = handoff.connect();
        client.write_all(b"GET /live HTTP/1.1\r\n\r\n").unwrap();
        let answer = read_all(&mut client);
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\nalive"));
    }
    let worker = handoff.join();
    assert_eq!(read(&mut take(&worker), 10), "GET /other");
}

#[test]
fn an_address_is_free_when_it_is_closed_and_whoever_nobody_took_sees_the_end() {
    let handoff = Handoff::new();
    let _idle = handoff.idle();
    let mut client = handoff.connect();
    wait_until("it is given", || handoff.waiting(IDLE) == 1);
    let address = handoff.front.local().unwrap();
    handoff.front.close();
    assert!(TcpStream::connect(address).is_err());
    drop(TcpListener::bind(address).unwrap());
    drop(handoff);
    // The end, or a reset: either tells.
    assert!(client.read(&mut [0; 1]).map_or(true, |count| count == 0));
}

#[test]
fn clients_that_break_off_anywhere_harm_nobody() {
    let handoff = Handoff::new();
    let worker = handoff.join();
    for round in 0..50 {
        let mut client = handoff.connect();
        if round % 2 == 0 {
            client.write_all(b"never read").unwrap();
        }
        Socket::from(OwnedFd::from(client)).abort();
    }
    let mut honest = handoff.connect();
    honest.write_all(b"honest").unwrap();
    wait_until("the honest one comes", || {
        worker.hears();
        let Ok((socket, ..)) = worker.take() else {
            return false;
        };
        let mut bytes = [0; 6];
        wait_until("it speaks, or has gone", || {
            socket.peek(&mut bytes).map_or_else(
                |error| error.kind() != ErrorKind::WouldBlock,
                |count| count == 0 || count == 6,
            )
        });
        &bytes == b"honest"
    });
}

//! The proxy between real clients and real workers: what goes in on one side comes out on the other, in every order in
//! which two peers can begin, pause, end and break off.

#![allow(clippy::unwrap_used, clippy::panic, clippy::expect_used, reason = "a test")]
#![cfg(all(target_os = "linux", not(flotilla_portable)))]

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{RwLock, RwLockReadGuard};
use std::thread;
use std::time::{Duration, Instant};

use flotilla::balance::carriers::Way;
use flotilla::balance::carriers::proxy::Header;
use flotilla::balance::front::{self, Ask, Chooser, Count, Front, Question};
use flotilla::balance::score::{Random, Strategy};
use flotilla::sys::socket::{Address, Socket};

/// Far more than anything here takes: it only ends a test that hangs.
const LONG: Duration = Duration::from_secs(20);

/// The test that counts this process's descriptors has to be alone.
static DESCRIPTORS: RwLock<()> = RwLock::new(());

fn beside_others() -> RwLockReadGuard<'static, ()> {
    DESCRIPTORS
        .read()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Options {
    strategy: Strategy,
    header: Header,
    half_open: bool,
    ask: Option<Ask>,
}

fn bind(address: &Address, options: Options) -> io::Result<Front> {
    let Options {
        strategy,
        header,
        half_open,
        ask,
    } = options;
    let options = front::Options {
        strategy,
        seed: 1,
        ask,
    };
    Front::bind(address, options, Way::Proxy { header, half_open })
}

fn options() -> Options {
    Options {
        strategy: Strategy::RoundRobin,
        header: Header::None,
        half_open: true,
        ask: None,
    }
}

fn tcp(address: SocketAddr) -> Address {
    Address::Tcp(address)
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn address_of(listener: &TcpListener) -> Address {
    tcp(listener.local_addr().unwrap())
}

/// An address at which nobody listens.
fn nowhere() -> Address {
    address_of(&listener())
}

fn proxy_with(options: Options, workers: &[Address]) -> Front {
    let proxy = bind(&tcp("127.0.0.1:0".parse().unwrap()), options).unwrap();
    for (seat, worker) in workers.iter().enumerate() {
        proxy.ready(seat, Some(worker.clone()));
    }
    proxy.open();
    proxy
}

fn connect(proxy: &Front) -> TcpStream {
    let client = TcpStream::connect(proxy.local().unwrap()).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.set_write_timeout(Some(LONG)).unwrap();
    client
}

fn accept(worker: &TcpListener) -> TcpStream {
    worker.set_nonblocking(true).unwrap();
    let mut accepted = None;
    wait_until("a connection comes", || {
        accepted = worker.accept().ok();
        accepted.is_some()
    });
    let (served, _) = accepted.unwrap();
    served.set_nonblocking(false).unwrap();
    served.set_read_timeout(Some(LONG)).unwrap();
    served.set_write_timeout(Some(LONG)).unwrap();
    served
}

/// A client and what its worker has of it.
fn joined(proxy: &Front, worker: &TcpListener) -> (TcpStream, TcpStream) {
    let client = connect(proxy);
    (client, accept(worker))
}

fn random_bytes(length: usize, seed: u64) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        bytes.extend(random.below(usize::MAX).to_ne_bytes());
    }
    bytes.truncate(length);
    bytes
}

fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Breaks a connection off, so that the peer is reset.
fn abort(stream: TcpStream) {
    Socket::from(OwnedFd::from(stream)).abort();
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < LONG, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn random_bytes_arrive_as_they_were_sent_both_ways_at_once() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    for (round, length) in [1, 100, 65_535, 65_536, 65_537, 3_000_000, 12_000_000]
        .into_iter()
        .enumerate()
    {
        let (client, served) = joined(&proxy, &worker);
        let sides = [(client, 2 * round as u64), (served, 2 * round as u64 + 1)];
        thread::scope(|scope| {
            for (stream, seed) in sides {
                let mut reader = stream.try_clone().unwrap();
                let mut writer = stream;
                scope.spawn(move || {
                    let bytes = random_bytes(length, seed);
                    let mut random = Random::new(seed);
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let count = (1 + random.below(200_000)).min(rest.len());
                        writer.write_all(&rest[..count]).unwrap();
                        rest = &rest[count..];
                    }
                    writer.shutdown(Shutdown::Write).unwrap();
                });
                scope.spawn(move || {
                    assert!(
                        read_all(&mut reader) == random_bytes(length, seed ^ 1),
                        "{length} bytes"
                    );
                });
            }
        });
    }
    wait_until("the connections are over", || proxy.board().connections(0) == 0);
    assert_eq!(proxy.board().count(Count::Failed), 0);
}

#[test]
fn a_client_that_has_ended_its_side_is_still_answered() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut served), b"question");
    served.write_all(b"answer").unwrap();
    drop(served);
    assert_eq!(read_all(&mut client), b"answer");
}

#[test]
fn a_worker_that_has_ended_its_side_still_hears_the_client() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    served.write_all(b"all there is").unwrap();
    served.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut client), b"all there is");
    client.write_all(b"and more").unwrap();
    drop(client);
    assert_eq!(read_all(&mut served), b"and more");
}

#[test]
fn without_half_open_the_end_of_one_side_is_the_end() {
    let _guard = beside_others();
    let worker = listener();
    let options = Options {
        half_open: false,
        ..options()
    };
    let proxy = proxy_with(options, &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    client.write_all(b"question").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut served), b"question");
    assert_eq!(read_all(&mut client), b"");
}

#[test]
fn a_slow_reader_holds_its_writer_back_and_loses_nothing() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    let bytes = random_bytes(64 << 20, 5);
    served.set_nonblocking(true).unwrap();
    // Writes until the kernel takes no more for so long that everything on the way must be full.
    let (mut sent, mut full) = (0, 0);
    while full < 25 {
        match served.write(&bytes[sent..]) {
            Ok(count) => (sent, full) = (sent + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                full += 1;
                thread::sleep(Duration::from_millis(4));
            }
        }
    }
    assert!(sent < bytes.len() / 2, "{sent} bytes were taken off the writer");
    served.set_nonblocking(false).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            served.write_all(&bytes[sent..]).unwrap();
            served.shutdown(Shutdown::Write).unwrap();
        });
        assert!(read_all(&mut client) == bytes);
    });
}

#[test]
fn a_slow_reader_holds_nobody_else_back() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (_stalled, mut flooding) = joined(&proxy, &worker);
    flooding.set_nonblocking(true).unwrap();
    while flooding.write(&[0; 1 << 16]).is_ok() {}
    let (mut client, mut served) = joined(&proxy, &worker);
    let mut byte = [0];
    for _ in 0..200 {
        client.write_all(b"x").unwrap();
        served.read_exact(&mut byte).unwrap();
        served.write_all(b"y").unwrap();
        client.read_exact(&mut byte).unwrap();
    }
}

#[test]
fn a_reset_stays_a_reset_in_either_direction() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let reset = |mut left: TcpStream| {
        let error = left.read(&mut [0; 8]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    };
    let (client, served) = joined(&proxy, &worker);
    abort(client);
    reset(served);
    let (client, served) = joined(&proxy, &worker);
    abort(served);
    reset(client);
    wait_until("both are over", || proxy.board().connections(0) == 0);
    assert_eq!(proxy.board().count(Count::Failed), 2);
}

#[test]
fn what_a_worker_said_before_it_broke_off_is_heard() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    served.write_all(b"too large").unwrap();
    // Unread bytes make this a reset.
    client.write_all(&[0; 100]).unwrap();
    let mut heard = [0; 9];
    client.read_exact(&mut heard).unwrap();
    wait_until("the bytes wait unread", || {
        served.peek(&mut [0; 100]).unwrap() == 100
    });
    drop(served);
    assert_eq!(&heard, b"too large");
    assert!(!matches!(client.read(&mut heard), Ok(1..)));
}

#[test]
fn a_worker_that_refuses_is_passed_over() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[nowhere(), address_of(&worker), nowhere()]);
    for _ in 0..6 {
        let (mut client, mut served) = joined(&proxy, &worker);
        client.write_all(b"x").unwrap();
        served.read_exact(&mut [0]).unwrap();
    }
    assert_eq!(proxy.board().count(Count::Failed), 0);
    assert!(proxy.board().count(Count::Refused) >= 2);
    assert_eq!(
        (proxy.board().connections(0), proxy.board().connections(2)),
        (0, 0)
    );
}

#[test]
fn where_all_refuse_the_next_ready_worker_gets_the_connection_and_all_that_was_said() {
    let _guard = beside_others();
    let options = Options {
        header: Header::V1,
        ..options()
    };
    let proxy = proxy_with(options, &[nowhere(), nowhere()]);
    let mut client = connect(&proxy);
    client.write_all(b"said early").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    wait_until("both have refused", || proxy.board().count(Count::Refused) >= 2);
    let worker = listener();
    proxy.ready(2, Some(address_of(&worker)));
    let heard = String::from_utf8(read_all(&mut accept(&worker))).unwrap();
    let (header, said) = heard.split_once("\r\n").unwrap();
    assert!(header.starts_with("PROXY TCP4 127.0.0.1 127.0.0.1 "));
    assert_eq!(said, "said early");
}

#[test]
fn connections_wait_until_there_is_a_worker_and_until_it_is_open() {
    let _guard = beside_others();
    let proxy = bind(&tcp("127.0.0.1:0".parse().unwrap()), options()).unwrap();
    let mut client = connect(&proxy);
    client.write_all(b"x").unwrap();
    let worker = listener();
    proxy.ready(0, Some(address_of(&worker)));
    proxy.withdraw(0);
    proxy.open();
    proxy.ready(0, Some(address_of(&worker)));
    accept(&worker).read_exact(&mut [0]).unwrap();
    assert_eq!(proxy.board().count(Count::Accepted), 1);
}

#[test]
fn connections_are_spread_in_a_circle_and_none_goes_to_a_worker_that_was_withdrawn() {
    let _guard = beside_others();
    let workers = [listener(), listener()];
    let proxy = proxy_with(options(), &workers.each_ref().map(address_of));
    let clients: Vec<_> = (0..20).map(|_| connect(&proxy)).collect();
    let board = proxy.board();
    wait_until("all are given out", || {
        (board.connections(0), board.connections(1)) == (10, 10)
    });
    proxy.withdraw(0);
    let more: Vec<_> = (0..10).map(|_| connect(&proxy)).collect();
    wait_until("all are given out", || board.connections(1) == 20);
    assert_eq!(board.connections(0), 10);
    drop((clients, more));
}

#[test]
fn connections_of_a_worker_that_is_about_to_end_do_so_once_they_are_answered_and_silent() {
    let _guard = beside_others();
    let options = Options {
        header: Header::V2,
        ..options()
    };
    let worker = listener();
    let proxy = proxy_with(options, &[address_of(&worker)]);
    let (mut asking, mut asked) = joined(&proxy, &worker);
    let (mut answered, mut answering) = joined(&proxy, &worker);
    let (mut silent, _unasked) = joined(&proxy, &worker);
    asking.write_all(b"question").unwrap();
    asked.read_exact(&mut [0; 28 + 8]).unwrap();
    answered.write_all(b"question").unwrap();
    answering.read_exact(&mut [0; 28 + 8]).unwrap();
    answering.write_all(b"answer").unwrap();
    answered.read_exact(&mut [0; 6]).unwrap();
    proxy.part(0);
    assert_eq!(read_all(&mut answered), b"");
    assert_eq!(read_all(&mut silent), b"");
    assert_eq!(proxy.board().connections(0), 1);
    asked.write_all(b"late").unwrap();
    assert_eq!(read_all(&mut asking), b"late");
    wait_until("none is left", || proxy.board().connections(0) == 0);
}

#[test]
fn the_worker_with_the_fewest_connections_gets_the_next() {
    let _guard = beside_others();
    let workers = [listener(), listener()];
    let options = Options {
        strategy: Strategy::LeastConnections,
        ..options()
    };
    let proxy = proxy_with(options, &workers.each_ref().map(address_of));
    let board = proxy.board();
    let mut clients: Vec<_> = workers.iter().map(|_| connect(&proxy)).collect();
    let mut served: Vec<_> = workers.iter().map(accept).collect();
    for emptied in [1, 0, 1, 1] {
        wait_until("one each", || {
            (board.connections(0), board.connections(1)) == (1, 1)
        });
        // One that was heard of is not given to another worker when it breaks off.
        for client in &mut clients {
            let _ = client.write(b"x");
        }
        served[emptied].read_exact(&mut [0]).unwrap();
        abort(served.remove(emptied));
        wait_until("one has none", || board.connections(emptied) == 0);
        clients.push(connect(&proxy));
        served.insert(emptied, accept(&workers[emptied]));
    }
}

#[test]
fn workers_learn_of_their_clients_by_the_header() {
    let _guard = beside_others();
    for (header, length) in [(Header::V1, None), (Header::V2, Some(28))] {
        let worker = listener();
        let options = Options { header, ..options() };
        let proxy = proxy_with(options, &[address_of(&worker)]);
        let mut client = connect(&proxy);
        let expected = header.bytes(client.local_addr().ok(), client.peer_addr().ok());
        client.write_all(b"rest").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        let heard = read_all(&mut accept(&worker));
        assert_eq!(length.unwrap_or(expected.len()), expected.len());
        assert_eq!(heard, [&expected[..], b"rest"].concat());
    }
}

#[test]
fn a_worker_that_speaks_first_is_heard() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    served.write_all(b"220 ready").unwrap();
    let mut heard = [0; 9];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"220 ready");
}

#[test]
fn ipv6_and_unix_paths_work_on_both_sides() {
    let _guard = beside_others();
    let path = |name: &str| std::env::temp_dir().join(format!("flotilla-{name}-{}", std::process::id()));
    let (public, private) = (path("public"), path("private"));
    let worker = UnixListener::bind(&private).unwrap();
    let proxy = bind(&Address::Unix(public.clone()), options()).unwrap();
    proxy.ready(0, Some(Address::Unix(private.clone())));
    proxy.open();
    let mut client = UnixStream::connect(&public).unwrap();
    let (mut served, _) = worker.accept().unwrap();
    let bytes = random_bytes(3_000_000, 9);
    thread::scope(|scope| {
        scope.spawn(|| {
            client.write_all(&bytes).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut heard = Vec::new();
        served.read_to_end(&mut heard).unwrap();
        assert!(heard == bytes);
    });
    assert!(bind(&Address::Unix(public.clone()), options()).is_err());
    proxy.close();
    assert!(!public.exists());
    std::fs::remove_file(private).unwrap();

    let worker = TcpListener::bind("[::1]:0").unwrap();
    let proxy = bind(&tcp("[::1]:0".parse().unwrap()), options()).unwrap();
    proxy.ready(0, Some(address_of(&worker)));
    proxy.open();
    let (mut client, mut served) = joined(&proxy, &worker);
    client.write_all(b"x").unwrap();
    served.read_exact(&mut [0]).unwrap();
}

#[test]
fn a_closed_proxy_listens_no_more_and_keeps_what_it_has() {
    let _guard = beside_others();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    proxy.close();
    assert!(TcpStream::connect(proxy.local().unwrap()).is_err());
    drop(bind(&tcp(proxy.local().unwrap()), options()).unwrap());
    client.write_all(b"x").unwrap();
    served.read_exact(&mut [0]).unwrap();
    drop(proxy);
    assert!(client.read(&mut [0]).is_err());
}

/// A proxy whose questions come through a channel.
fn asking(
    inspection_time: Duration,
    answer_time: Duration,
    workers: &[Address],
) -> (Front, Receiver<Question>) {
    let (sender, questions) = channel();
    let ask = Ask {
        chooser: Chooser::Asked(Box::new(move |question| sender.send(question).unwrap())),
        inspection_time,
        head_limit: 1000,
        answer_time,
    };
    let options = Options {
        ask: Some(ask),
        ..options()
    };
    (proxy_with(options, workers), questions)
}

#[test]
fn whoever_is_asked_sees_the_head_and_chooses_the_worker() {
    let _guard = beside_others();
    let workers = [listener(), listener(), listener()];
    let (proxy, questions) = asking(LONG, LONG, &workers.each_ref().map(address_of));
    for seat in [2, 0, 2] {
        let mut client = connect(&proxy);
        client.write_all(b"GET /a HTTP/1.1\r\n").unwrap();
        client.write_all(b"Host: x\r\n\r\nbody").unwrap();
        let question = questions.recv_timeout(LONG).unwrap();
        assert!(question.head.starts_with(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!(question.client, client.local_addr().ok());
        proxy.assign(question.id, Some(seat));
        let mut served = accept(&workers[seat]);
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_all(&mut served), b"GET /a HTTP/1.1\r\nHost: x\r\n\r\nbody");
        // An answer that comes again, or for nobody, changes nothing.
        proxy.assign(question.id, Some(1));
        proxy.assign(u64::MAX, Some(1));
    }
}

#[test]
fn whoever_is_not_answered_for_is_given_to_the_strategys_choice() {
    let _guard = beside_others();
    let worker = listener();
    let (proxy, questions) = asking(LONG, Duration::from_millis(20), &[address_of(&worker)]);
    let mut client = connect(&proxy);
    client.write_all(b"\0garbage").unwrap();
    let question = questions.recv_timeout(LONG).unwrap();
    assert_eq!(question.head, b"\0garbage");
    let mut served = accept(&worker);
    served.read_exact(&mut [0; 8]).unwrap();
    proxy.assign(question.id, Some(7));
    let mut client = connect(&proxy);
    client.write_all(b"\0").unwrap();
    proxy.assign(questions.recv_timeout(LONG).unwrap().id, Some(7));
    accept(&worker).read_exact(&mut [0]).unwrap();
}

#[test]
fn a_client_that_says_nothing_or_too_much_is_asked_for_all_the_same() {
    let _guard = beside_others();
    let worker = listener();
    let (_proxy, questions) = asking(Duration::from_millis(20), Duration::ZERO, &[address_of(&worker)]);
    let _silent = connect(&_proxy);
    assert_eq!(questions.recv_timeout(LONG).unwrap().head, b"");
    accept(&worker);
    let (proxy, questions) = asking(LONG, LONG, &[address_of(&worker)]);
    let mut endless = connect(&proxy);
    endless.write_all(&[b'x'; 5000]).unwrap();
    assert!(!questions.recv_timeout(LONG).unwrap().head.is_empty());
    // One that leaves without a word is not asked for.
    drop(connect(&proxy));
    let mut last = connect(&proxy);
    last.write_all(b"\0last").unwrap();
    assert_eq!(questions.recv_timeout(LONG).unwrap().head, b"\0last");
}

/// Not a test: the worker of the next one, in a process of its own.
#[test]
fn worker_process() {
    if std::env::var_os("FLOTILLA_TEST_WORKER").is_none() {
        return;
    }
    let worker = listener();
    println!("port {}", worker.local_addr().unwrap().port());
    let mut kept = Vec::new();
    for mut served in worker.incoming().flatten() {
        served.write_all(b"hello").unwrap();
        kept.push(served);
    }
}

#[test]
fn the_death_of_a_worker_ends_its_connections_and_no_others() {
    let _guard = beside_others();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "worker_process", "--nocapture"])
        .env("FLOTILLA_TEST_WORKER", "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut printed = String::new();
    let mut output = child.stdout.take().unwrap();
    let port: u16 = loop {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        printed.push(char::from(byte[0]));
        if let Some((_, after)) = printed.split_once("port ")
            && let Some((port, _)) = after.split_once('\n')
        {
            break port.parse().unwrap();
        }
    };
    let other = listener();
    let workers = [tcp(SocketAddr::from(([127, 0, 0, 1], port))), address_of(&other)];
    let proxy = proxy_with(options(), &workers);
    let (mut doomed, mut spared) = (connect(&proxy), connect(&proxy));
    doomed.read_exact(&mut [0; 5]).unwrap();
    let mut served = accept(&other);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!matches!(doomed.read(&mut [0; 1]), Ok(1..)));
    served.write_all(b"x").unwrap();
    spared.read_exact(&mut [0]).unwrap();
    // Its turn comes, it refuses, and the other takes over.
    for _ in 0..4 {
        let (mut client, mut served) = joined(&proxy, &other);
        client.write_all(b"x").unwrap();
        served.read_exact(&mut [0]).unwrap();
    }
}

#[test]
fn a_thousand_connections_leave_no_descriptor_behind() {
    let _guard = DESCRIPTORS
        .write()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
    let worker = listener();
    let proxy = proxy_with(options(), &[address_of(&worker)]);
    let (mut client, mut served) = joined(&proxy, &worker);
    client.write_all(&random_bytes(100, 1)).unwrap();
    served.read_exact(&mut [0; 100]).unwrap();
    drop((client, served));
    wait_until("the first is over", || proxy.board().connections(0) == 0);
    let before = open();
    let pairs: Vec<_> = (0..1000).map(|_| joined(&proxy, &worker)).collect();
    thread::scope(|scope| {
        for (part, pairs) in pairs.chunks(250).enumerate() {
            scope.spawn(move || {
                for (round, (client, served)) in pairs.iter().enumerate() {
                    let bytes = random_bytes(1 + round * 40, (part * 1000 + round) as u64);
                    let (mut client, mut served) = (client, served);
                    client.write_all(&bytes).unwrap();
                    let mut heard = vec![0; bytes.len()];
                    served.read_exact(&mut heard).unwrap();
                    assert!(heard == bytes);
                }
            });
        }
    });
    assert_eq!(proxy.board().connections(0), 1000);
    for (round, (client, served)) in pairs.into_iter().enumerate() {
        // In each of the ways in which connections end.
        match round % 4 {
            0 => drop(client),
            1 => drop(served),
            2 => abort(client),
            _ => abort(served),
        }
    }
    wait_until("all are over", || proxy.board().connections(0) == 0);
    // A few pipes may wait to be used again.
    wait_until("every descriptor is back", || open() <= before + 64);
    drop(proxy);
    wait_until("the rest as well", || open() < before);
}

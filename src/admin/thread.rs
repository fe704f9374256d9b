//! The thread: accepts, reads, answers. Nothing here blocks, and nothing waits without an end.
//!
//! Connections are few and short-lived on purpose. When there are too many, the one that has been waited for longest goes,
//! so that whoever opens a thousand and says nothing keeps nobody else out.

use super::gate::Refusal;
use super::http::{Answer, LONGEST_BODY, LONGEST_HEAD, Method, Read, Request, read};
use super::snapshot::Book;
use super::{Command, Options, Question, Shared, exposition};
use crate::sys::poll::{Events, Poll};
use crate::sys::socket::Socket;
use crate::sys::trace::{self, trace};
use serde_json::Value;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

const LISTENER: u64 = u64::MAX;
const WAKER: u64 = u64::MAX - 1;
const EVENTS: usize = 64;

const MOST_CONNECTIONS: usize = 128;
/// How long a request may take to arrive, an answer to leave, and a connection to be idle.
const STEP: Duration = Duration::from_secs(5);
/// For how long no connection is accepted where there is no descriptor for one.
const REST: Duration = Duration::from_millis(100);
/// How often figures are taken down, and for how long after the last question.
const TICK: Duration = Duration::from_secs(1);
const INTEREST: Duration = Duration::from_secs(60);

struct Connection {
    id: u64,
    socket: Socket,
    input: Vec<u8>,
    output: Vec<u8>,
    sent: usize,
    /// What JavaScript was asked for, whether the body is wanted, and what is answered when the time is over.
    waits_for: Option<Waiting>,
    closes: bool,
    /// Whether anything was answered over it.
    has_served: bool,
    deadline: Instant,
}

#[derive(Clone, Copy)]
struct Waiting {
    id: u64,
    with_body: bool,
    is_action: bool,
}

pub(super) struct Thread {
    shared: Arc<Shared>,
    listener: Socket,
    options: Options,
    poll: Poll,
    /// Few enough to be looked through.
    connections: Vec<Connection>,
    /// Of connections and of questions.
    numbers: u64,
    book: Book,
    rests_until: Option<Instant>,
    next_tick: Instant,
    interest_until: Instant,
    /// What was refused and told of.
    told: Vec<&'static str>,
}

impl Thread {
    pub(super) fn new(shared: Arc<Shared>, listener: Socket, options: Options) -> io::Result<Self> {
        let poll = Poll::new()?;
        poll.add_source(&shared.waker, WAKER)?;
        poll.add_source(&listener, LISTENER)?;
        let now = Instant::now();
        Ok(Self {
            shared,
            listener,
            options,
            poll,
            connections: Vec::new(),
            numbers: 0,
            book: Book::default(),
            rests_until: None,
            next_tick: now,
            interest_until: now,
            told: Vec::new(),
        })
    }

    pub(super) fn run(mut self) {
        let mut events = Events::with_room_for(EVENTS);
        loop {
            let time = self.next_time().saturating_duration_since(Instant::now());
            if self.poll.wait(&mut events, Some(time)).is_err() {
                return;
            }
            for event in events.iter() {
                match event.token {
                    LISTENER => self.accept(),
                    WAKER => self.shared.waker.heard(),
                    id => self.drive(id),
                }
            }
            if let Some(done) = self.heed() {
                // The address is free before whoever closes goes on.
                drop((self.listener, self.connections));
                let _ = done.send(());
                return;
            }
            self.see_to_times();
        }
    }

    fn next_time(&self) -> Instant {
        let now = Instant::now();
        let tick = if now < self.interest_until {
            self.next_tick
        } else {
            now + INTEREST
        };
        let deadlines = self.connections.iter().map(|connection| connection.deadline);
        deadlines.chain(self.rests_until).fold(tick, Instant::min)
    }

    fn heed(&mut self) -> Option<std::sync::mpsc::Sender<()>> {
        let commands = std::mem::take(&mut *self.shared.commands.lock());
        for command in commands {
            match command {
                Command::Stop(done) => return Some(done),
                Command::Answer { id, status, body } => {
                    let waits = |connection: &Connection| {
                        connection.waits_for.is_some_and(|waiting| waiting.id == id)
                    };
                    let found = self.connections.iter().find(|connection| waits(connection));
                    // Whose time is over has been answered.
                    if let Some(token) = found.map(|connection| connection.id) {
                        self.answer_waiting(token, &Answer::json(status, body));
                    }
                }
            }
        }
        None
    }

    fn see_to_times(&mut self) {
        let now = Instant::now();
        if self.rests_until.is_some_and(|until| until <= now) {
            self.rests_until = None;
            // Where that fails there is nothing to listen with any more: connections that are there are still served.
            let _ = self.poll.add_source(&self.listener, LISTENER);
        }
        if now < self.interest_until {
            if self.next_tick <= now {
                self.book.tick(&self.shared.servers.lock());
                self.next_tick = now + TICK;
            }
        } else {
            self.book.forget();
        }
        let late = self
            .connections
            .iter()
            .filter(|connection| connection.deadline <= now);
        let late: Vec<_> = late.map(|connection| connection.id).collect();
        for id in late {
            self.expire(id);
        }
    }

    /// The time of a connection is over.
    fn expire(&mut self, id: u64) {
        let waiting = self.connection(id).and_then(|connection| connection.waits_for);
        match waiting {
            Some(Waiting { is_action: true, .. }) => {
                let text = "the primary does not answer: its event loop is busy";
                self.answer_waiting(id, &Answer::error(504, text));
            }
            Some(_) => {
                let body = r#"{"status":"unhealthy","checks":{"primary":false}}"#;
                self.answer_waiting(id, &Answer::json(503, body));
            }
            None => {
                self.remove(id);
            }
        }
    }

    fn accept(&mut self) {
        // Others get their turn between two batches: the poll tells again of those that wait.
        for _ in 0..EVENTS {
            match self.listener.accept() {
                Ok(socket) => self.welcome(socket),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if Socket::is_exhaustion(&error) => {
                    let _ = self.poll.remove(&self.listener);
                    self.rests_until = Some(Instant::now() + REST);
                    return;
                }
                // This one is gone already; the next may not be.
                Err(_) => {}
            }
        }
    }

    fn welcome(&mut self, socket: Socket) {
        if self.connections.len() >= MOST_CONNECTIONS {
            let oldest = self.connections.iter().filter(|each| each.waits_for.is_none());
            let oldest = oldest.min_by_key(|each| each.deadline).map(|each| each.id);
            let Some(oldest) = oldest else { return };
            self.remove(oldest);
            self.tell_once(
                "connections",
                "more connections than are kept; those that say nothing are closed",
            );
        }
        trace(
            trace::Thread::Admin,
            "accepts a connection; others that are kept:",
            self.connections.len(),
        );
        self.numbers += 1;
        let id = self.numbers;
        if self.poll.add_stream(&socket, id).is_err() {
            return;
        }
        self.connections.push(Connection {
            id,
            socket,
            input: Vec::new(),
            output: Vec::new(),
            sent: 0,
            waits_for: None,
            closes: false,
            has_served: false,
            deadline: Instant::now() + STEP,
        });
        self.drive(id);
    }

    fn connection(&mut self, id: u64) -> Option<&mut Connection> {
        self.connections.iter_mut().find(|each| each.id == id)
    }

    fn remove(&mut self, id: u64) {
        self.connections.retain(|each| each.id != id);
    }

    /// Goes on with a connection as far as it goes.
    fn drive(&mut self, id: u64) {
        loop {
            let Some(connection) = self.connection(id) else {
                return;
            };
            if !connection.flush() || connection.is_done() {
                self.remove(id);
                return;
            }
            if connection.is_busy() {
                return;
            }
            let input = std::mem::take(&mut connection.input);
            let taken = self.take_request(id, &input);
            let Some(connection) = self.connection(id) else {
                return;
            };
            connection.input = input;
            connection.input.drain(..taken);
            if taken > 0 {
                continue;
            }
            match connection.receive() {
                Received::Something => {}
                Received::Nothing => return,
                Received::End => {
                    self.remove(id);
                    return;
                }
            }
        }
    }

    /// Answers a request, if a whole one is there. Gives how many bytes it took.
    fn take_request(&mut self, id: u64, input: &[u8]) -> usize {
        if input.is_empty() {
            return 0;
        }
        match read(input) {
            Read::More => 0,
            Read::Bad(status) => {
                self.tell_once("malformed", "a request that is none, or too long a one");
                self.send(
                    id,
                    &Answer::error(status, "the request cannot be read"),
                    true,
                    true,
                );
                input.len()
            }
            Read::Request(request, length) => {
                self.interest_until = Instant::now() + INTEREST;
                self.respond(id, &request);
                length
            }
        }
    }

    fn respond(&mut self, id: u64, request: &Request) {
        let with_body = request.method != Method::Head;
        let action = request.path.strip_prefix("/actions/");
        let file = self
            .options
            .files
            .iter()
            .position(|file| file.path == request.path);
        if let Err(refusal) = self.options.gate.check(request, file.is_some(), action.is_some()) {
            trace(trace::Thread::Admin, refusal.text(), refusal.status().into());
            self.tell_once(refusal_name(refusal), refusal.text());
            let answer = Answer::error(refusal.status(), refusal.text());
            return self.send(id, &answer, with_body, request.closes);
        }
        if let Some(file) = file {
            let File { kind, body } = self.file(file);
            return self.send(
                id,
                &Answer {
                    status: 200,
                    kind,
                    body,
                },
                with_body,
                request.closes,
            );
        }
        if let Some(action) = action {
            let text = String::from_utf8_lossy(request.body).into_owned();
            return self.ask(id, action, text, with_body, request.closes);
        }
        let answer = match request.path {
            "/status.json" => Answer::json(200, self.status().to_string()),
            "/metrics" => self.metrics(request.accept.unwrap_or_default()),
            "/live" => Answer::json(200, r#"{"status":"live"}"#),
            "/ready" => self.ready(),
            "/health" => return self.ask(id, "health", String::new(), with_body, request.closes),
            _ => Answer::error(404, "there is nothing at this path"),
        };
        self.send(id, &answer, with_body, request.closes);
    }

    fn file(&self, at: usize) -> File {
        let file = &self.options.files[at];
        let kind = match file.kind.as_str() {
            "css" => "text/css; charset=utf-8",
            "js" => "text/javascript; charset=utf-8",
            "svg" => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        File {
            kind,
            body: file.text.clone().into_bytes(),
        }
    }

    fn status(&self) -> Value {
        let cache = (self.options.cache)();
        let servers = self.shared.servers.lock();
        let mut told = self
            .book
            .status(&self.options.version, &servers, cache.as_deref());
        told["actions"] = self.options.gate.has_actions.into();
        told
    }

    fn metrics(&self, accept: &str) -> Answer {
        let is_open = accept.contains("application/openmetrics-text");
        let kind = if is_open {
            "application/openmetrics-text; version=1.0.0; charset=utf-8"
        } else {
            "text/plain; version=0.0.4; charset=utf-8"
        };
        let body = exposition::write(&self.status(), is_open).into_bytes();
        Answer {
            status: 200,
            kind,
            body,
        }
    }

    fn ready(&self) -> Answer {
        let servers = self.shared.servers.lock();
        let is_ready = !servers.is_empty()
            && servers
                .iter()
                .all(|server| server.facts["ready"] == Value::Bool(true));
        if is_ready {
            Answer::json(200, r#"{"status":"ready"}"#)
        } else {
            Answer::json(503, r#"{"status":"not ready"}"#)
        }
    }

    /// Has JavaScript answer, which may not come to it.
    fn ask(&mut self, id: u64, kind: &str, text: String, with_body: bool, closes: bool) {
        self.numbers += 1;
        let question = self.numbers;
        let deadline = Instant::now() + self.options.patience;
        if let Some(connection) = self.connection(id) {
            connection.closes |= closes;
            connection.deadline = deadline;
            connection.waits_for = Some(Waiting {
                id: question,
                with_body,
                is_action: kind != "health",
            });
        }
        (self.options.ask)(Question {
            id: question,
            kind: kind.into(),
            text,
        });
    }

    fn answer_waiting(&mut self, id: u64, answer: &Answer) {
        let connection = self.connection(id);
        if let Some(waiting) = connection.and_then(|connection| connection.waits_for.take()) {
            self.send(id, answer, waiting.with_body, false);
            self.drive(id);
        }
    }

    fn send(&mut self, id: u64, answer: &Answer, with_body: bool, closes: bool) {
        trace(trace::Thread::Admin, "answers with status", answer.status.into());
        if let Some(connection) = self.connection(id) {
            connection.closes |= closes;
            connection.output = answer.bytes(with_body, connection.closes);
            connection.sent = 0;
            connection.has_served = true;
            connection.deadline = Instant::now() + STEP;
        }
    }

    /// Says what was refused, for the first time.
    fn tell_once(&mut self, what: &'static str, text: &str) {
        if !self.told.contains(&what) {
            self.told.push(what);
            (self.options.ask)(Question {
                id: 0,
                kind: "refused".into(),
                text: text.into(),
            });
        }
    }
}

/// What a file is answered with.
struct File {
    kind: &'static str,
    body: Vec<u8>,
}

const fn refusal_name(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::Host => "host",
        Refusal::Origin => "origin",
        Refusal::Token => "token",
        Refusal::Method => "method",
        Refusal::ActionsOff => "actions",
        Refusal::Kind => "kind",
    }
}

impl Connection {
    /// Sends what is to be sent. False where the connection has failed.
    fn flush(&mut self) -> bool {
        while self.sent < self.output.len() {
            match self.socket.send(&self.output[self.sent..]) {
                Ok(0) => return false,
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
        self.output.clear();
        self.sent = 0;
        true
    }

    /// Whether something is on its way out, or is waited for.
    fn is_busy(&self) -> bool {
        !self.output.is_empty() || self.waits_for.is_some()
    }

    fn is_done(&self) -> bool {
        self.closes && self.has_served && !self.is_busy()
    }

    /// Reads what is there, as far as it is wanted.
    fn receive(&mut self) -> Received {
        let room = (LONGEST_HEAD + LONGEST_BODY).saturating_sub(self.input.len());
        let mut bytes = [0; 4096];
        let most = room.min(bytes.len());
        loop {
            match self.socket.receive(&mut bytes[..most]) {
                Ok(0) => return Received::End,
                Ok(count) => {
                    self.input.extend_from_slice(&bytes[..count]);
                    return Received::Something;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Received::End,
            }
        }
    }
}

/// What reading has brought.
enum Received {
    Something,
    Nothing,
    /// The client has ended its side, or the connection has failed.
    End,
}

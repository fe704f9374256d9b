//! Connections whose worker somebody else chooses: their head is waited for, and a question asked.

use super::{Count, Deadlines, Tools};
use crate::balance::front::carrier::OWN;
use crate::balance::head::{self, Opening};
use crate::sys::poll::Poll;
use crate::sys::socket::Socket;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Asks for a choice. The answer is given to `Front::assign`.
pub struct Ask {
    pub question: Box<dyn Fn(Question) + Send>,
    /// How long to wait for the head.
    pub inspection_time: Duration,
    /// How many bytes of the head to look at.
    pub head_limit: usize,
    /// How long to wait for the answer before the strategy chooses.
    pub answer_time: Duration,
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

#[derive(Debug)]
pub(super) struct Asking {
    ask: Ask,
    head: Vec<u8>,
    clients: HashMap<u64, Client>,
    ids: u64,
    inspections: Deadlines,
    answers: Deadlines,
}

#[derive(Debug)]
struct Client {
    socket: Socket,
    since: Instant,
    is_asked: bool,
}

impl Asking {
    pub(super) fn new(ask: Ask) -> Self {
        Self {
            head: vec![0; ask.head_limit],
            clients: HashMap::new(),
            ids: 0,
            inspections: Deadlines::after(ask.inspection_time),
            answers: Deadlines::after(ask.answer_time),
            ask,
        }
    }

    pub(super) fn count(&self) -> usize {
        self.clients.len()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let rows = [self.inspections.next(), self.answers.next()];
        rows.into_iter().flatten().min()
    }

    /// What the client has said is seen with the first event, which is on its way.
    pub(super) fn welcome(&mut self, tools: &Tools, socket: Socket) {
        let id = self.ids;
        self.ids += 1;
        if tools.poll.add_stream(&socket, OWN + id).is_err() {
            tools.board.add(Count::Failed);
            return socket.abort();
        }
        self.inspections.add(id);
        let client = Client {
            socket,
            since: Instant::now(),
            is_asked: false,
        };
        self.clients.insert(id, client);
    }

    /// Looks whether the head of the request is there.
    pub(super) fn inspect(&mut self, tools: &Tools, id: u64) {
        let Some(client) = self.clients.get(&id).filter(|client| !client.is_asked) else {
            return;
        };
        match client.socket.peek(&mut self.head) {
            Ok(0) => drop(self.clients.remove(&id)),
            Ok(count) => match head::look(&self.head[..count], self.head.len()) {
                Opening::Partial => {}
                _ => self.ask(id, count),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                tools.board.add(Count::Failed);
                drop(self.clients.remove(&id));
            }
        }
    }

    fn ask(&mut self, id: u64, count: usize) {
        let Some(client) = self.clients.get_mut(&id) else {
            return;
        };
        client.is_asked = true;
        self.answers.add(id);
        (self.ask.question)(Question {
            id,
            head: self.head[..count].to_vec(),
            client: client.socket.peer(),
            waited: client.since.elapsed(),
        });
    }

    /// Asks for all whose head has had its time: what there is of it has to do.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(id) = self.inspections.due(now) {
            if let Some(client) = self.clients.get(&id).filter(|client| !client.is_asked) {
                let count = client.socket.peek(&mut self.head).unwrap_or(0);
                self.ask(id, count);
            }
        }
    }

    /// One whose answer has had its time.
    pub(super) fn unanswered(&mut self, poll: &Poll, now: Instant) -> Option<Socket> {
        loop {
            let id = self.answers.due(now)?;
            if let Some(client) = self.answered(poll, id) {
                return Some(client);
            }
        }
    }

    /// The client of a question, which is answered; none where it was answered before, or never asked.
    pub(super) fn answered(&mut self, poll: &Poll, id: u64) -> Option<Socket> {
        self.clients.get(&id).filter(|client| client.is_asked)?;
        let client = self.clients.remove(&id)?.socket;
        // A worker may get the connection too: closing it here would not take it out of the poll.
        let _ = poll.remove(&client);
        Some(client)
    }
}

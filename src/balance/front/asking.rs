//! Connections whose worker somebody else chooses: their head is waited for, and a question asked.

use super::{Count, Deadlines, Tools, Wish};
use crate::balance::front::carrier::OWN;
use crate::balance::head::{self, Opening};
use crate::balance::sticky::Visitor;
use crate::sys::poll::Poll;
use crate::sys::socket::Socket;
use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Who chooses.
pub enum Chooser {
    /// Somebody who is asked. The answer is given to `Front::assign`.
    Asked(Box<dyn Fn(Question) + Send>),
    /// Nobody: each visitor has its worker.
    Visitor(Visitor),
}

impl std::fmt::Debug for Chooser {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Asked(_) => out.write_str("Asked"),
            Self::Visitor(visitor) => visitor.fmt(out),
        }
    }
}

/// How a choice is come by.
#[derive(Debug)]
pub struct Ask {
    pub chooser: Chooser,
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

#[derive(Debug)]
pub(super) struct Asking {
    ask: Ask,
    head: Vec<u8>,
    clients: HashMap<u64, Client>,
    ids: u64,
    inspections: Deadlines,
    answers: Deadlines,
}

/// A connection whose worker is found.
pub(super) type Chosen = (Socket, Wish);

fn belonging(visitor: &Visitor, head: &[u8], client: Socket) -> Chosen {
    let address = client.peer().map(|peer| peer.ip());
    let wish = visitor.key(head, address).map_or(Wish::Any, Wish::Belongs);
    (client, wish)
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

    /// What the client has said is seen with the first event, which is on its way, where it has to be.
    pub(super) fn welcome(&mut self, tools: &Tools, socket: Socket) -> Option<Chosen> {
        if let Chooser::Visitor(visitor) = &self.ask.chooser
            && !visitor.needs_head()
        {
            return Some(belonging(visitor, &[], socket));
        }
        let id = self.ids;
        self.ids += 1;
        if tools.poll.add_stream(&socket, OWN + id).is_err() {
            tools.board.add(Count::Failed);
            socket.abort();
            return None;
        }
        self.inspections.add(id);
        let client = Client {
            socket,
            since: Instant::now(),
            is_asked: false,
        };
        self.clients.insert(id, client);
        None
    }

    /// Looks whether the head of the request is there.
    pub(super) fn inspect(&mut self, tools: &Tools, id: u64) -> Option<Chosen> {
        let client = self.clients.get(&id).filter(|client| !client.is_asked)?;
        match client.socket.peek(&mut self.head) {
            Ok(0) => drop(self.clients.remove(&id)),
            Ok(count) => match head::look(&self.head[..count], self.head.len()) {
                Opening::Partial => {}
                _ => return self.ask(&tools.poll, id, count),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(_) => {
                tools.board.add(Count::Failed);
                drop(self.clients.remove(&id));
            }
        }
        None
    }

    fn ask(&mut self, poll: &Poll, id: u64, count: usize) -> Option<Chosen> {
        let head = &self.head[..count];
        let question = match &self.ask.chooser {
            Chooser::Asked(question) => question,
            Chooser::Visitor(visitor) => {
                let client = self.clients.remove(&id)?.socket;
                // As below.
                let _ = poll.remove(&client);
                return Some(belonging(visitor, head, client));
            }
        };
        let client = self.clients.get_mut(&id)?;
        client.is_asked = true;
        self.answers.add(id);
        question(Question {
            id,
            head: head.to_vec(),
            client: client.socket.peer(),
            waited: client.since.elapsed(),
        });
        None
    }

    /// Goes on with those whose head has had its time: what there is of it has to do.
    pub(super) fn expire(&mut self, poll: &Poll, now: Instant) -> Option<Chosen> {
        while let Some(id) = self.inspections.due(now) {
            let Some(client) = self.clients.get(&id).filter(|client| !client.is_asked) else {
                continue;
            };
            let count = client.socket.peek(&mut self.head).unwrap_or(0);
            let chosen = self.ask(poll, id, count);
            if chosen.is_some() {
                return chosen;
            }
        }
        None
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

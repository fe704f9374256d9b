//! Which worker a link goes to: the head is awaited and somebody asked, or the strategy chooses at once. A worker
//! that refuses is passed over for another; where there is none, the link waits.

use super::Question;
use super::engine::{Engine, WORKER_SIDE};
use super::link::{Link, Outcome, Stage};
use super::seats::Count;
use crate::balance::head::{self, Opening};
use crate::sys::socket::Socket;
use std::io::ErrorKind;

impl Engine {
    /// Looks whether the head of the request is there.
    pub(super) fn inspect(&mut self, link: &mut Link) -> Outcome {
        match link.client().peek(&mut self.head) {
            Ok(0) => Outcome::Over,
            Ok(count) => match head::look(&self.head[..count], self.head.len()) {
                Opening::Partial => Outcome::Goes,
                _ => self.ask(link, count),
            },
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Outcome::Goes
            }
            Err(_) => Outcome::Failed,
        }
    }

    pub(super) fn ask(&mut self, link: &mut Link, count: usize) -> Outcome {
        let Some(ask) = &self.options.ask else {
            return self.connect(link);
        };
        link.stage = Stage::Asking;
        self.answers.add(link.id);
        (ask.question)(Question {
            id: link.id,
            head: self.head[..count].to_vec(),
            client: link.client().peer(),
            waited: link.since.elapsed(),
        });
        Outcome::Goes
    }

    /// Connects to a worker of the strategy's choice.
    pub(super) fn connect(&mut self, link: &mut Link) -> Outcome {
        self.connect_to(link, None)
    }

    /// Connects to a certain worker, if it gets connections, and else to one of the strategy's choice.
    pub(super) fn connect_to(&mut self, link: &mut Link, wanted: Option<usize>) -> Outcome {
        let mut wanted = wanted.filter(|seat| self.seats.ready().contains(seat));
        while let Some(seat) = wanted.take().or_else(|| self.choose(link)) {
            let Some(address) = self.seats.address(seat) else {
                return Outcome::Failed;
            };
            let (header, token) = (self.options.header, link.id | WORKER_SIDE);
            match link.connect(address, seat, header) {
                Ok(worker) => {
                    if self.poll.add_stream(worker, token).is_err() {
                        link.seat = None;
                        return Outcome::Failed;
                    }
                    self.shared.board.joined(seat);
                    return self.pump(link);
                }
                Err(error) if Socket::is_exhaustion(&error) => {
                    self.rest();
                    return self.strand(link);
                }
                Err(_) => {
                    self.shared.board.add(Count::Refused);
                    link.tried.push(seat);
                }
            }
        }
        if link.was_reset {
            return Outcome::Failed;
        }
        self.strand(link)
    }

    /// Lets a link wait for a worker that gets ready, or for a descriptor.
    fn strand(&mut self, link: &mut Link) -> Outcome {
        link.stage = Stage::Stranded;
        link.tried.clear();
        self.stranded.add(link.id);
        self.answer_stranded(link)
    }

    /// One of the ready seats that have not refused this link.
    fn choose(&mut self, link: &Link) -> Option<usize> {
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let (strategy, board) = (&self.options.strategy, &self.shared.board);
        if link.tried.is_empty() {
            let ready = self.seats.ready();
            let figures = |index: usize| board.figures(ready[index]);
            let chosen = strategy.choose(ready.len(), figures, turn, &mut self.random);
            return chosen.map(|index| ready[index]);
        }
        let ready = self.seats.ready().iter().copied();
        let left: Vec<_> = ready.filter(|seat| !link.tried.contains(seat)).collect();
        let figures = |index: usize| board.figures(left[index]);
        let chosen = strategy.choose(left.len(), figures, turn, &mut self.random);
        chosen.map(|index| left[index])
    }
}

//! Which worker a link goes to. A worker that refuses is passed over for another; where there is none, the link waits.

use super::link::{Link, Outcome, Stage};
use super::{Proxy, WORKER_SIDE};
use crate::balance::front::{Count, Tools};
use crate::sys::socket::Socket;
use crate::sys::trace::{Thread, trace};

impl Proxy {
    /// Connects to the worker that is wanted, if it gets connections, and else to one of the strategy's choice.
    pub(super) fn connect(&mut self, tools: &mut Tools, link: &mut Link) -> Outcome {
        while let Some(seat) = choose(tools, link) {
            let Some(address) = self.addresses.get(seat).and_then(Option::as_ref) else {
                return Outcome::Failed;
            };
            let token = link.id | WORKER_SIDE;
            match link.connect(address, seat, self.header) {
                Ok(worker) => {
                    if tools.poll.add_stream(worker, token).is_err() {
                        link.seat = None;
                        return Outcome::Failed;
                    }
                    trace(Thread::Proxy, "forwards a connection to seat", seat);
                    tools.board.gave(seat);
                    return self.pump(tools, link);
                }
                Err(error) if Socket::is_exhaustion(&error) => {
                    tools.rest();
                    return self.strand(tools, link);
                }
                Err(_) => {
                    trace(Thread::Proxy, "is refused by seat", seat);
                    tools.board.add(Count::Refused);
                    link.tried.push(seat);
                }
            }
        }
        if link.was_reset {
            return Outcome::Failed;
        }
        self.strand(tools, link)
    }

    /// Lets a link wait for a worker that gets ready, or for a descriptor.
    fn strand(&mut self, tools: &Tools, link: &mut Link) -> Outcome {
        link.stage = Stage::Stranded;
        link.tried.clear();
        self.stranded.add(link.id);
        self.answer_stranded(tools, link)
    }
}

/// One of the ready seats that have not refused this link.
fn choose(tools: &mut Tools, link: &Link) -> Option<usize> {
    let ready = tools.seats.ready().iter().copied();
    let left: Vec<_> = ready.filter(|seat| !link.tried.contains(seat)).collect();
    let wanted = tools.seats.wanted(link.wish, &left);
    wanted.or_else(|| {
        let index = tools.seats.choose(&left, &tools.board)?;
        Some(left[index])
    })
}

//! The proxy: connections are forwarded, byte for byte, to the port of a worker.
//!
//! If the process dies, the kernel closes both sides of every connection. If a worker dies, its connections end as they
//! would without a proxy; one that it had not yet accepted goes to another worker.

mod assign;
mod flow;
mod header;
mod late;
mod link;
mod links;
mod parting;
mod pipes;

pub use header::Header;

use crate::balance::front::{Carrier, Count, Deadlines, Tools, Wish};
use crate::sys::poll::Event;
use crate::sys::socket::{Address, Socket};
use crate::sys::trace;
use flow::Room;
use link::{Link, Outcome, Stage};
use links::Links;
use parting::Parting;
use std::time::{Duration, Instant};

/// In the lowest bit of a token: which side of the link it stands for.
const WORKER_SIDE: u64 = 1;
/// How long a connection waits for a worker where all have refused.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long a client may stay silent after its worker has ended.
const LINGER: Duration = Duration::from_secs(120);

pub(super) struct Proxy {
    header: Header,
    half_open: bool,
    /// Where the worker of each seat listens.
    addresses: Vec<Option<Address>>,
    links: Links,
    room: Room,
    /// Links that have more to do.
    again: Vec<u64>,
    stranded: Deadlines,
    lingering: Deadlines,
    /// Those who have asked for a probe, until they have had the time to be answered by their worker.
    probing: Deadlines,
    /// Those whose workers are about to end.
    parting: Parting,
}

impl Carrier for Proxy {
    const THREAD: &'static str = "flotilla-proxy";
    const TRACED: trace::Thread = trace::Thread::Proxy;

    fn is_full(&self) -> bool {
        false
    }

    fn held(&self) -> usize {
        self.links.count()
    }

    fn carry(&mut self, tools: &mut Tools, client: Socket, wish: Wish) {
        let Some(id) = self.links.reserve() else {
            tools.board.add(Count::Failed);
            return client.abort();
        };
        let mut link = Box::new(Link::new(id, client, wish));
        let outcome = if tools.poll.add_stream(link.client(), id).is_err() {
            Outcome::Failed
        } else {
            self.connect(tools, &mut link)
        };
        self.settle(tools, link, outcome);
    }

    fn event(&mut self, tools: &mut Tools, event: Event) {
        let Event {
            token,
            readable,
            writable,
            hung_up,
        } = event;
        self.with_link(tools, token & !WORKER_SIDE, |proxy, tools, link| {
            let outcome = if token & WORKER_SIDE == 0 {
                link.client_event(readable, writable, hung_up);
                Outcome::Goes
            } else {
                link.worker_event(readable, writable, hung_up)
            };
            match outcome {
                Outcome::Goes => proxy.go_on(tools, link),
                other => other,
            }
        });
    }

    fn next_deadline(&self, _tools: &Tools) -> Option<Instant> {
        if !self.again.is_empty() {
            return Some(Instant::now());
        }
        let rows = [&self.stranded, &self.lingering, &self.probing];
        let rows = rows.iter().filter_map(|row| row.next());
        rows.chain(self.parting.next()).min()
    }

    fn turn(&mut self, tools: &mut Tools) {
        for id in std::mem::take(&mut self.again) {
            self.with_link(tools, id, Self::go_on);
        }
        if self.next_deadline(tools).is_some() {
            self.expire(tools, Instant::now());
        }
    }

    fn rested(&mut self, tools: &mut Tools) {
        self.retry(tools);
    }

    fn ready(&mut self, tools: &mut Tools, seat: usize, address: Option<Address>) {
        if address.is_none() {
            return;
        }
        if self.addresses.len() <= seat {
            self.addresses.resize(seat + 1, None);
        }
        self.addresses[seat] = address;
        self.parting.end(seat);
        tools.seats.add(seat);
        tools.board.set_serves(seat, true);
        self.retry(tools);
    }

    /// Connections that are there stay.
    fn withdraw(&mut self, tools: &mut Tools, seat: usize) {
        tools.seats.remove(seat);
        tools.board.set_serves(seat, false);
    }

    fn part(&mut self, tools: &mut Tools, seat: usize) {
        self.withdraw(tools, seat);
        self.parting.begin(seat);
    }

    fn gone(&mut self, tools: &mut Tools, seat: usize) {
        self.withdraw(tools, seat);
        self.parting.end(seat);
    }

    fn end(mut self) {
        for link in self.links.take_all() {
            link.close(true, &mut self.room);
        }
    }
}

impl Proxy {
    pub(super) fn new(header: Header, half_open: bool) -> Self {
        Self {
            header,
            half_open,
            addresses: Vec::new(),
            links: Links::default(),
            room: Room::new(),
            again: Vec::new(),
            stranded: Deadlines::after(PATIENCE),
            lingering: Deadlines::after(LINGER),
            probing: Deadlines::after(late::PATIENCE),
            parting: Parting::default(),
        }
    }

    /// Does something with a link, if it is still there, and what follows from it.
    fn with_link(
        &mut self,
        tools: &mut Tools,
        id: u64,
        work: impl FnOnce(&mut Self, &mut Tools, &mut Link) -> Outcome,
    ) {
        if let Some(mut link) = self.links.take(id) {
            let outcome = work(self, tools, &mut link);
            self.settle(tools, link, outcome);
        }
    }

    fn go_on(&mut self, tools: &mut Tools, link: &mut Link) -> Outcome {
        match link.stage {
            Stage::Stranded => self.answer_stranded(tools, link),
            Stage::Connecting | Stage::Open => self.pump(tools, link),
        }
    }

    fn settle(&mut self, tools: &mut Tools, mut link: Box<Link>, mut outcome: Outcome) {
        // Ends with the last worker that has not refused yet.
        while outcome == Outcome::Refused {
            tools.board.add(Count::Refused);
            leave(tools, &link);
            link.refused();
            outcome = self.connect(tools, &mut link);
        }
        match outcome {
            Outcome::Over => self.close(tools, link, false),
            Outcome::Failed => {
                tools.board.add(Count::Failed);
                self.close(tools, link, true);
            }
            Outcome::Yields => {
                self.again.push(link.id);
                self.keep(link);
            }
            Outcome::Goes | Outcome::Refused => self.keep(link),
        }
    }

    fn keep(&mut self, mut link: Box<Link>) {
        if link.begins_to_linger() {
            self.lingering.add(link.id);
        }
        self.links.put(link);
    }

    fn close(&mut self, tools: &mut Tools, link: Box<Link>, failed: bool) {
        leave(tools, &link);
        self.links.free(link.id);
        link.close(failed, &mut self.room);
        tools.freed();
    }

    /// Tries again for those that found no worker.
    fn retry(&mut self, tools: &mut Tools) {
        for id in self.stranded.take() {
            self.with_link(tools, id, |proxy, tools, link| match link.stage {
                Stage::Stranded => proxy.connect(tools, link),
                _ => Outcome::Goes,
            });
        }
    }

    fn expire(&mut self, tools: &mut Tools, now: Instant) {
        while let Some(id) = self.stranded.due(now) {
            self.with_link(tools, id, |proxy, tools, link| match link.stage {
                // Nobody has refused it: it was taken to see whether it asks for a probe, and else would wait in the kernel.
                Stage::Stranded if tools.seats.ready().is_empty() && !tools.probes.is_empty() => {
                    proxy.stranded.add(link.id);
                    Outcome::Goes
                }
                Stage::Stranded => Outcome::Failed,
                _ => Outcome::Goes,
            });
        }
        self.close_silent(tools, now);
        while let Some(id) = self.probing.due(now) {
            self.with_link(tools, id, Self::answer_late);
        }
        while let Some(id) = self.lingering.due(now) {
            self.with_link(tools, id, |_, _, link| link.still_lingers());
        }
    }
}

fn leave(tools: &Tools, link: &Link) {
    if let Some(seat) = link.seat {
        tools.board.took_back(seat);
    }
}

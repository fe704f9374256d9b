//! Connections of a worker that is about to end, and that reads its requests where nobody else sees them: each is closed
//! once it has been silent for a while after an answer.
//!
//! What the worker has still to answer stays, for as long as whoever ends it waits.

use super::Proxy;
use super::link::Outcome;
use crate::balance::front::Tools;
use std::time::{Duration, Instant};

/// For how long a connection is silent that is between two requests.
const SILENCE: Duration = Duration::from_millis(500);
/// How often it is looked which ones are.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Default)]
pub(super) struct Parting {
    seats: Vec<usize>,
    next: Option<Instant>,
}

impl Parting {
    pub(super) fn begin(&mut self, seat: usize) {
        if !self.seats.contains(&seat) {
            self.seats.push(seat);
        }
        self.next = Some(Instant::now());
    }

    pub(super) fn end(&mut self, seat: usize) {
        self.seats.retain(|parting| *parting != seat);
        if self.seats.is_empty() {
            self.next = None;
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.next
    }
}

impl Proxy {
    pub(super) fn close_silent(&mut self, tools: &mut Tools, now: Instant) {
        if self.parting.next.is_none_or(|next| next > now) {
            return;
        }
        self.parting.next = Some(now + LOOK);
        let Parting { seats, .. } = &self.parting;
        let silent = self.links.which(|link| {
            let parts = link.seat.is_some_and(|seat| seats.contains(&seat));
            parts && link.is_silent(now, SILENCE)
        });
        for id in silent {
            self.with_link(tools, id, |_, _, _| Outcome::Over);
        }
    }
}

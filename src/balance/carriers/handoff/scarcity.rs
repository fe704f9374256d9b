//! What the thread does while the process has no descriptor left: what it cannot take stays where it is.
//!
//! A worker that gives a connection back has none of it any more: a packet that is received without its descriptor would
//! lose it for good. So it is not received, nobody listens for more of them, and it is looked again in a while; the same goes
//! for what lies in the queue of a dead worker.

use super::escrow::Said;
use super::{Handoff, SEAT};
use crate::balance::front::Tools;
use std::time::{Duration, Instant};

/// How soon it is looked again.
const AGAIN: Duration = Duration::from_millis(20);

impl Handoff {
    /// Does not listen to a seat for a while.
    pub(super) fn mute(&mut self, tools: &Tools, seat: usize) {
        let Some(giver) = self.queues.giver(seat) else {
            return;
        };
        if tools.poll.remove(giver).is_ok() {
            self.muted.push(seat);
        }
        self.hears_at = Some(Instant::now() + AGAIN);
    }

    pub(super) fn listen_again(&mut self, tools: &mut Tools) {
        self.hears_at = None;
        for seat in std::mem::take(&mut self.muted) {
            let Some(giver) = self.queues.giver(seat) else {
                continue;
            };
            let added = tools.poll.add_source(giver, SEAT + seat as u64);
            // Where a new process sits there meanwhile, its giver is listened to already.
            if added.is_err_and(|error| error.kind() != std::io::ErrorKind::AlreadyExists) {
                self.muted.push(seat);
                self.hears_at = Some(Instant::now() + AGAIN);
            }
        }
        self.inherit(tools);
    }

    /// A worker gives back what is held: nothing more is needed to have it go on. Says whether that was so.
    pub(super) fn hear_without(&mut self, tools: &mut Tools, seat: usize) -> bool {
        let Some(giver) = self.queues.giver(seat) else {
            return false;
        };
        let Ok(note) = giver.next_note() else {
            return false;
        };
        let said = Said::new(note[0]);
        let is_held = matches!(said, Said::Back(Some(place)) if self.escrow.has(seat, place));
        if is_held && giver.skip().is_ok() {
            self.hear(tools, seat, note, None);
        }
        is_held
    }

    /// Nobody sits there any more; what cannot be taken yet from there is taken later.
    pub(super) fn clear(&mut self, tools: &mut Tools, seat: usize) {
        self.muted.retain(|muted| *muted != seat);
        if let Some(giver) = self.queues.giver(seat) {
            // One that is muted is not listened to already.
            let _ = tools.poll.remove(giver);
        }
        tools.seats.remove(seat);
        if let Some(estate) = self.queues.leave(seat) {
            self.estates.push(estate);
            self.hears_at = Some(Instant::now() + AGAIN);
        }
    }

    fn inherit(&mut self, tools: &mut Tools) {
        for estate in std::mem::take(&mut self.estates) {
            while let Some(parcel) = estate.next() {
                self.put(tools, parcel);
            }
            if let Some(rest) = estate.rest() {
                self.estates.push(rest);
                self.hears_at = Some(Instant::now() + AGAIN);
            }
        }
    }
}

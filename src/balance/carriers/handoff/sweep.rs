//! Looks at what lies in the queues, and at how much the workers have to do: at times, not at each connection.

use super::queues::{PATIENCE_US, Parcel, Queues};
use super::{COMPARE, Handoff, LOOK};
use crate::balance::front::probes::{self, Seen};
use crate::balance::front::{Count, Tools, now_us};
use crate::sys::trace::{Thread, trace};
use std::time::{Duration, Instant};

/// How often connections are looked at for probes at most.
const SWEEP: Duration = Duration::from_millis(20);
/// How often workers are compared while there are only connections.
const COMPARE_IDLE: Duration = Duration::from_millis(100);

impl Handoff {
    /// Takes back what has waited too long for its worker, if another one has time; if none has, those are answered
    /// that ask for a probe.
    pub(super) fn look_at_queues(&mut self, tools: &mut Tools, now: Instant) {
        self.looks_at = None;
        let before = now_us().saturating_sub(PATIENCE_US);
        let mut waiting = 0;
        let mut blocked = Vec::new();
        self.look_at_permits(tools, before);
        for seat in tools.seats.ready().to_vec() {
            let Some(since) = self.queues.oldest(seat, &tools.board) else {
                continue;
            };
            waiting += 1;
            if since > before {
                continue;
            }
            if !Queues::another_has_time(seat, tools) {
                blocked.push(seat);
                continue;
            }
            for mut parcel in self.queues.take_back(seat, before, false, &tools.board) {
                trace(Thread::Handoff, "takes a connection back from seat", seat);
                tools.board.add(Count::TakenBack);
                parcel.from = Some(seat);
                // A process that is stopped looks as if it had time.
                let is_late = std::mem::replace(&mut parcel.is_late, true);
                if is_late {
                    self.probe(tools, parcel);
                } else {
                    self.put(tools, parcel);
                }
            }
            let oldest = self.queues.oldest(seat, &tools.board);
            // What is left are those whose worker was chosen by the user's own strategy.
            if oldest.is_some_and(|since| since <= before) {
                blocked.push(seat);
            }
        }
        let is_held = !tools.probes.is_empty() && !self.homeless.is_empty();
        if is_held || !blocked.is_empty() {
            let is_all = blocked.len() == waiting;
            self.answer_probes(tools, &blocked, is_all, now);
        }
        if waiting > 0 || is_held {
            self.looks_at = Some(now + LOOK);
        }
    }

    /// Looks at what waits for workers that are blocked, which may be all that waits, and at what has found no room.
    /// Each connection that has said something is looked at once.
    fn answer_probes(&mut self, tools: &mut Tools, blocked: &[usize], is_all: bool, now: Instant) {
        let was_just_done = self.swept.is_some_and(|swept| now < swept + SWEEP);
        if tools.probes.is_empty() || !self.is_fresh || was_just_done {
            return;
        }
        self.swept = Some(now);
        self.is_fresh = !is_all;
        let mut waiting = std::mem::take(&mut self.homeless);
        for seat in blocked {
            waiting.extend(self.queues.take_back(*seat, u64::MAX, true, &tools.board));
        }
        for parcel in waiting {
            self.probe(tools, parcel);
        }
    }

    #[inline(never)]
    pub(super) fn probe(&mut self, tools: &mut Tools, mut parcel: Parcel) {
        if !parcel.is_seen {
            match probes::look(&parcel.client, &tools.probes) {
                Seen::Probe(index, wants_body) => {
                    trace(
                        Thread::Handoff,
                        "answers a probe itself with status",
                        tools.probes[index].status.into(),
                    );
                    return probes::answer(&parcel.client, &tools.probes[index], wants_body);
                }
                Seen::Another => parcel.is_seen = true,
                Seen::Nothing => {}
            }
        }
        self.put(tools, parcel);
    }

    /// Asks the worker with the most to do to give some of its connections back, if another has less.
    pub(super) fn compare(&mut self, tools: &Tools, now: Instant) {
        let board = &tools.board;
        let seats = tools.seats.ready();
        let weight = |seat: &usize| (board.in_flight(*seat), board.connections(*seat));
        let most = seats.iter().copied().max_by_key(weight);
        let least = seats.iter().copied().min_by_key(weight);
        let (Some(most), Some(least)) = (most, least) else {
            self.compares_at = None;
            return;
        };
        let (many, few) = (weight(&most), weight(&least));
        let by_requests = many.0.saturating_sub(few.0) / 2;
        let is_idle = few.0 == 0 && board.lag_ms(least) == 0.0;
        let by_connections = if is_idle && many.0 > 0 {
            many.1.saturating_sub(few.1) / 2
        } else {
            0
        };
        for seat in seats {
            let shed = if *seat == most {
                by_requests.max(by_connections)
            } else {
                0
            };
            if let Some(row) = board.row(*seat) {
                row.shed.put_f64(shed as f64);
            }
        }
        let busy = many.0 > 0;
        self.compares_at = Some(now + if busy { COMPARE } else { COMPARE_IDLE });
    }
}

//! What is to happen to links when nothing else does: since all of a kind wait equally long, they stand in a row.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(super) struct Deadlines {
    time: Duration,
    row: VecDeque<(Instant, u64)>,
}

impl Deadlines {
    pub(super) fn after(time: Duration) -> Self {
        Self {
            time,
            row: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, id: u64) {
        self.row.push_back((Instant::now() + self.time, id));
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.row.front().map(|(at, _)| *at)
    }

    /// One whose time has come.
    pub(super) fn due(&mut self, now: Instant) -> Option<u64> {
        let (at, id) = *self.row.front()?;
        if at > now {
            return None;
        }
        self.row.pop_front();
        Some(id)
    }

    /// All that wait, who wait no more.
    pub(super) fn take(&mut self) -> Vec<u64> {
        self.row.drain(..).map(|(_, id)| id).collect()
    }
}

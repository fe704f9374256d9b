//! What is to happen to connections when nothing else does. All of one kind wait equally long, so they stand in a row.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

#[derive(Debug)]
pub(in crate::balance) struct Deadlines {
    time: Duration,
    row: VecDeque<(Instant, u64)>,
}

impl Deadlines {
    pub(in crate::balance) fn after(time: Duration) -> Self {
        Self {
            time,
            row: VecDeque::new(),
        }
    }

    pub(in crate::balance) fn add(&mut self, id: u64) {
        self.row.push_back((Instant::now() + self.time, id));
    }

    pub(in crate::balance) fn next(&self) -> Option<Instant> {
        self.row.front().map(|(at, _)| *at)
    }

    /// One whose time has come.
    pub(in crate::balance) fn due(&mut self, now: Instant) -> Option<u64> {
        let (at, id) = *self.row.front()?;
        if at > now {
            return None;
        }
        self.row.pop_front();
        Some(id)
    }

    /// All that wait, who wait no more.
    pub(in crate::balance) fn take(&mut self) -> Vec<u64> {
        self.row.drain(..).map(|(_, id)| id).collect()
    }
}

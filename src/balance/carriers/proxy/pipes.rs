//! Pipes that wait to be used again: making one costs two descriptors and as many calls.

use crate::sys::pipe::Pipe;

/// How many empty ones are kept.
const SPARE: usize = 32;
/// How many may be in use at once: a pipe pins memory of the kernel's, and each user has a common limit for it.
const MOST: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Pipes {
    spare: Vec<Pipe>,
    lent: usize,
}

impl Pipes {
    /// An empty pipe, or none where there are enough: bytes are copied then.
    pub(super) fn take(&mut self) -> Option<Pipe> {
        if self.lent >= MOST {
            return None;
        }
        let pipe = self.spare.pop().or_else(|| Pipe::new().ok())?;
        self.lent += 1;
        Some(pipe)
    }

    /// Takes back an empty pipe.
    pub(super) fn put(&mut self, pipe: Pipe) {
        self.lent -= 1;
        if self.spare.len() < SPARE {
            self.spare.push(pipe);
        }
    }

    /// Takes note that a pipe was closed with what it carried.
    pub(super) fn lost(&mut self) {
        self.lent -= 1;
    }
}

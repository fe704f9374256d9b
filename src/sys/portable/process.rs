//! Who a process is, where no other process needs to be told apart.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::io;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub pid: u32,
    pub started: u64,
}

impl Identity {
    pub fn of_self() -> Self {
        Self {
            pid: std::process::id(),
            started: 1,
        }
    }

    pub fn is_alive(self) -> bool {
        self == Self::of_self()
    }
}

/// All threads that can hold a lock here are this process's.
pub fn of_thread(_thread: u32) -> u32 {
    std::process::id()
}

/// A process outlives its parent here.
pub fn die_with(_parent: u32) -> bool {
    false
}

/// What a process has used.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    pub cpu_ms: f64,
    pub resident_bytes: u64,
}

/// Nobody tells that here.
pub fn used(_pid: u32) -> Option<Used> {
    None
}

/// Nobody tells that here.
pub fn machine_memory() -> u64 {
    0
}

/// No process can be watched here.
#[derive(Debug)]
pub struct Ending(std::convert::Infallible);

impl Ending {
    pub fn of(_pid: u32) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn is_over(&self) -> bool {
        match self.0 {}
    }
}

pub fn has_room() -> bool {
    true
}

pub fn most_descriptors() -> usize {
    0
}

pub fn parent() -> u32 {
    0
}

pub fn random() -> io::Result<[u8; 16]> {
    let word = || RandomState::new().build_hasher().finish();
    let mut bytes = [0u8; 16];
    bytes[..8].copy_from_slice(&word().to_le_bytes());
    bytes[8..].copy_from_slice(&word().to_le_bytes());
    Ok(bytes)
}

#[cfg(any(test, feature = "failpoint"))]
pub fn die() -> ! {
    std::process::abort()
}

//! Waiting for many descriptors at once is not had here: the balancer's portable half does without.

use std::io;
use std::time::Duration;

#[derive(Debug)]
pub struct Poll(());

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub token: u64,
    pub readable: bool,
    pub writable: bool,
    pub hung_up: bool,
}

#[derive(Debug)]
pub struct Events(());

impl Events {
    pub fn with_room_for(_count: usize) -> Self {
        Self(())
    }

    pub fn len(&self) -> usize {
        0
    }

    pub fn is_empty(&self) -> bool {
        true
    }

    pub fn get(&self, _index: usize) -> Event {
        Event {
            token: 0,
            readable: false,
            writable: false,
            hung_up: false,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        std::iter::empty()
    }
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn add_stream<T>(&self, _socket: &T, _token: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn add_source<T>(&self, _socket: &T, _token: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn add_arrivals<T>(&self, _socket: &T, _token: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn remove<T>(&self, _socket: &T) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn wait(&self, _events: &mut Events, _time: Option<Duration>) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[derive(Debug)]
pub struct Waker(());

impl Waker {
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub fn wake(&self) {}

    pub fn heard(&self) {}
}

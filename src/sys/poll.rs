//! Waiting for many descriptors at once (epoll), and being woken by another thread (eventfd).
//!
//! Everything is edge-triggered unless said otherwise: an event tells of a change and is not repeated, so whoever
//! gets one goes on until the kernel has no more. A descriptor leaves the poll when it is closed.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// A set of descriptors to wait for.
#[derive(Debug)]
pub struct Poll(OwnedFd);

/// What has changed for one descriptor.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// What it was added with.
    pub token: u64,
    pub readable: bool,
    pub writable: bool,
    /// The peer has ended its side, or the connection has failed: reading goes on until it says so.
    pub hung_up: bool,
}

/// Room for what one wait brings.
pub struct Events {
    raw: Vec<libc::epoll_event>,
    count: usize,
}

impl std::fmt::Debug for Events {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_list().entries(self.iter()).finish()
    }
}

impl Events {
    pub fn with_room_for(count: usize) -> Self {
        Self {
            raw: vec![libc::epoll_event { events: 0, u64: 0 }; count],
            count: 0,
        }
    }

    pub fn len(&self) -> usize {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub fn get(&self, index: usize) -> Event {
        let raw = self.raw[index];
        let has = |flags: i32| raw.events & flags as u32 != 0;
        Event {
            token: raw.u64,
            readable: has(libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR),
            writable: has(libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR),
            hung_up: has(libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        (0..self.count).map(|index| self.get(index))
    }
}

impl Poll {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        owned(fd).map(Self)
    }

    /// Adds a connection: told of every change, to and fro.
    pub fn add_stream(&self, fd: &impl AsFd, token: u64) -> io::Result<()> {
        let flags = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
        self.control(libc::EPOLL_CTL_ADD, fd, flags, token)
    }

    /// Adds what is only read, such as a listening socket: told of it in every wait as long as there is something.
    pub fn add_source(&self, fd: &impl AsFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, token)
    }

    /// Adds a listening socket: told of each arrival once, and at once if somebody waits already.
    pub fn add_arrivals(&self, fd: &impl AsFd, token: u64) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN | libc::EPOLLET, token)
    }

    pub fn remove(&self, fd: &impl AsFd) -> io::Result<()> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    fn control(&self, operation: i32, fd: &impl AsFd, flags: i32, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event {
            events: flags as u32,
            u64: token,
        };
        let (poll, fd) = (self.0.as_raw_fd(), fd.as_fd().as_raw_fd());
        // SAFETY: `event` is live for the call; both descriptors are borrowed for it.
        let done = unsafe { libc::epoll_ctl(poll, operation, fd, &mut event) };
        if done < 0 {
            Err(io::Error::last_os_error())
        } else {
            Ok(())
        }
    }

    /// Waits until something has changed or the time is over; without a time, for ever.
    pub fn wait(&self, events: &mut Events, time: Option<Duration>) -> io::Result<()> {
        let milliseconds = time.map_or(-1, |time| {
            // Rounded up: a wait that ends too early would be repeated at once, and again.
            i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        events.count = 0;
        let (room, most) = (events.raw.as_mut_ptr(), events.raw.len() as i32);
        // SAFETY: `room` has place for `most` events.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), room, most, milliseconds) };
        if count >= 0 {
            events.count = count.unsigned_abs() as usize;
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() == io::ErrorKind::Interrupted {
            Ok(())
        } else {
            Err(error)
        }
    }
}

impl AsFd for Poll {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Wakes whoever polls it, from any thread.
#[derive(Debug)]
pub struct Waker(File);

impl Waker {
    pub fn new() -> io::Result<Self> {
        // SAFETY: takes no pointer.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        owned(fd).map(|fd| Self(fd.into()))
    }

    pub fn wake(&self) {
        // Fails only where a wake-up is on its way already.
        let _ = (&self.0).write(&1u64.to_ne_bytes());
    }

    /// Takes note of all wake-ups so far.
    pub fn heard(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A descriptor that the kernel has just made for us, or its error.
pub(super) fn owned(fd: i32) -> io::Result<OwnedFd> {
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel made this descriptor in the call before; nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_wait_ends_with_its_time() {
        let mut events = Events::with_room_for(4);
        Poll::new()
            .unwrap()
            .wait(&mut events, Some(Duration::from_millis(1)))
            .unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn another_thread_wakes() {
        let (poll, waker) = (Poll::new().unwrap(), Waker::new().unwrap());
        poll.add_source(&waker, 7).unwrap();
        let mut events = Events::with_room_for(4);
        std::thread::scope(|scope| {
            scope.spawn(|| waker.wake());
            poll.wait(&mut events, None).unwrap();
        });
        assert_eq!(events.iter().map(|event| event.token).collect::<Vec<_>>(), [7]);
        waker.heard();
        poll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
    }

    #[test]
    fn a_stream_tells_of_each_change_once() {
        let poll = Poll::new().unwrap();
        let (mut one, other) = UnixStream::pair().unwrap();
        poll.add_stream(&other, 3).unwrap();
        let mut events = Events::with_room_for(4);
        poll.wait(&mut events, None).unwrap();
        assert!(events.get(0).writable && !events.get(0).readable);
        one.write_all(b"x").unwrap();
        poll.wait(&mut events, None).unwrap();
        assert!(events.get(0).readable && !events.get(0).hung_up);
        poll.wait(&mut events, Some(Duration::ZERO)).unwrap();
        assert!(events.is_empty());
        drop(one);
        poll.wait(&mut events, None).unwrap();
        assert!(events.get(0).hung_up);
    }
}

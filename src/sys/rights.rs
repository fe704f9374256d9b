//! Packets that carry descriptors from one process to another (SCM_RIGHTS).
//!
//! A packet is received whole by exactly one of those who hold the receiving end, also where two processes do: so
//! receiving is claiming. What a packet carries belongs to the kernel while it is on its way, and to whoever
//! receives it after that; if a process dies in between, nothing is lost that another one can still receive.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use super::poll::owned;

/// As many as one packet can carry.
pub(super) const MOST: usize = 3;

const ROOM: u32 = (MOST * size_of::<RawFd>()) as u32;

/// Room for one control message with `MOST` descriptors, aligned as the kernel wants it.
#[repr(C, align(8))]
struct Control([u8; 64]);

/// What was received.
#[derive(Debug, Default)]
pub(super) struct Packet {
    /// Bytes of the payload.
    pub(super) length: usize,
    pub(super) carried: [Option<OwnedFd>; MOST],
    /// Whether it carries more than came: what is too much for one packet, or for this process.
    pub(super) is_cut: bool,
}

impl Packet {
    /// Whether it carries something, and nothing of that came.
    pub(super) fn lacks_all(&self) -> bool {
        self.is_cut && self.carried.iter().all(Option::is_none)
    }
}

/// Two ends that packets travel between, both ways. Neither blocks.
pub(super) fn pair() -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    let kind = libc::SOCK_SEQPACKET | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: `ends` has room for two descriptors.
    let made = unsafe { libc::socketpair(libc::AF_UNIX, kind, 0, ends.as_mut_ptr()) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((owned(ends[0])?, owned(ends[1])?))
}

/// Takes the descriptor of that number, if it is an end such as those of `pair`: anything else is somebody's.
pub(super) fn adopt(number: RawFd) -> io::Result<OwnedFd> {
    let mut kind: i32 = 0;
    let (at, mut length) = ((&raw mut kind).cast(), size_of::<i32>() as libc::socklen_t);
    // SAFETY: `at` points to `length` writable bytes.
    let asked = unsafe { libc::getsockopt(number, libc::SOL_SOCKET, libc::SO_TYPE, at, &mut length) };
    if asked < 0 {
        return Err(io::Error::last_os_error());
    }
    if kind != libc::SOCK_SEQPACKET {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // What this process starts has no business there. SAFETY: the call takes no pointer.
    unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
    owned(number)
}

fn header(payload: &mut libc::iovec, control: &mut Control, room: usize) -> libc::msghdr {
    // SAFETY: all zero is a valid value of this plain struct.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = payload;
    header.msg_iovlen = 1;
    if room > 0 {
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = room as _;
    }
    header
}

/// Calls again where a signal came in between: a profiler sends many. What it answers is a number of bytes.
fn uninterrupted(mut call: impl FnMut() -> isize) -> io::Result<usize> {
    loop {
        let count = call();
        if count >= 0 {
            return Ok(count.unsigned_abs());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends one packet; at most `MOST` descriptors travel with it, and stay open here as well.
pub(super) fn send(to: BorrowedFd<'_>, payload: &[u8], carried: &[BorrowedFd<'_>]) -> io::Result<()> {
    let carried = &carried[..carried.len().min(MOST)];
    let mut bytes = libc::iovec {
        iov_base: payload.as_ptr().cast_mut().cast(),
        iov_len: payload.len(),
    };
    let length = size_of_val(carried) as u32;
    // SAFETY: arithmetic.
    let room = unsafe { libc::CMSG_SPACE(length) };
    let mut control = Control([0; 64]);
    if carried.is_empty() {
        return dispatch(to, &header(&mut bytes, &mut control, 0));
    }
    let header = header(&mut bytes, &mut control, room as usize);
    // SAFETY: the header names a control buffer with room for one message, so there is a first one.
    let first = unsafe { libc::CMSG_FIRSTHDR(&header) };
    // SAFETY: all zero is a valid value of this plain struct.
    let mut filled: libc::cmsghdr = unsafe { std::mem::zeroed() };
    filled.cmsg_level = libc::SOL_SOCKET;
    filled.cmsg_type = libc::SCM_RIGHTS;
    // SAFETY: arithmetic.
    filled.cmsg_len = unsafe { libc::CMSG_LEN(length) } as _;
    // SAFETY: `first` points into `control`, which is aligned for it and has room.
    unsafe { first.write(filled) };
    // SAFETY: the data of a message that was just given its header lies inside `control`.
    let data = unsafe { libc::CMSG_DATA(first) }.cast::<RawFd>();
    for (index, fd) in carried.iter().enumerate() {
        // SAFETY: `index` is below `MOST`, and `control` has room for that many.
        let at = unsafe { data.add(index) };
        // SAFETY: as above.
        unsafe { at.write_unaligned(fd.as_raw_fd()) };
    }
    dispatch(to, &header)
}

fn dispatch(to: BorrowedFd<'_>, header: &libc::msghdr) -> io::Result<()> {
    uninterrupted(|| {
        // SAFETY: what the header names is live for the call, which writes to none of it.
        unsafe { libc::sendmsg(to.as_raw_fd(), header, libc::MSG_NOSIGNAL) }
    })
    .map(drop)
}

/// Receives one packet. Descriptors beyond `MOST` are closed by the kernel.
pub(super) fn receive(from: BorrowedFd<'_>, payload: &mut [u8]) -> io::Result<Packet> {
    receive_by(from, payload, libc::MSG_CMSG_CLOEXEC)
}

/// Receives the next packet, and leaves it there too: what it carries is open twice then. Only for who receives alone.
pub(super) fn copy(from: BorrowedFd<'_>, payload: &mut [u8]) -> io::Result<Packet> {
    receive_by(from, payload, libc::MSG_CMSG_CLOEXEC | libc::MSG_PEEK)
}

/// Drops the next packet with what it carries.
pub(super) fn skip(from: BorrowedFd<'_>) -> io::Result<()> {
    uninterrupted(|| {
        // SAFETY: no byte is written to a buffer of length zero; a descriptor that there is no room for is closed.
        unsafe { libc::recv(from.as_raw_fd(), std::ptr::null_mut(), 0, libc::MSG_DONTWAIT) }
    })
    .map(drop)
}

fn receive_by(from: BorrowedFd<'_>, payload: &mut [u8], flags: i32) -> io::Result<Packet> {
    let mut bytes = libc::iovec {
        iov_base: payload.as_mut_ptr().cast(),
        iov_len: payload.len(),
    };
    let mut control = Control([0; 64]);
    // SAFETY: arithmetic on a constant.
    let room = unsafe { libc::CMSG_SPACE(ROOM) };
    let mut header = header(&mut bytes, &mut control, room as usize);
    let length = uninterrupted(|| {
        // SAFETY: header, payload and control are live and writable for the call.
        unsafe { libc::recvmsg(from.as_raw_fd(), &mut header, flags) }
    })?;
    let mut packet = Packet {
        length,
        is_cut: header.msg_flags & libc::MSG_CTRUNC != 0,
        ..Packet::default()
    };
    // SAFETY: the kernel filled the header; a null result means that no control message came.
    let first = unsafe { libc::CMSG_FIRSTHDR(&header) };
    // SAFETY: either null, or a control message inside `control`.
    let Some(arrived) = (unsafe { first.as_ref() }) else {
        return Ok(packet);
    };
    if arrived.cmsg_level != libc::SOL_SOCKET || arrived.cmsg_type != libc::SCM_RIGHTS {
        return Ok(packet);
    }
    // SAFETY: arithmetic on a constant.
    let bare = u64::from(unsafe { libc::CMSG_LEN(0) });
    // The C libraries disagree about the type of this length.
    let whole = u64::try_from(arrived.cmsg_len).unwrap_or(bare);
    let count = whole.saturating_sub(bare) as usize / size_of::<RawFd>();
    // SAFETY: `first` is a control message inside `control`.
    let data = unsafe { libc::CMSG_DATA(first) }.cast::<RawFd>();
    for (index, place) in packet.carried.iter_mut().enumerate().take(count) {
        // SAFETY: the message says that it holds `count` descriptors.
        let at = unsafe { data.add(index) };
        // SAFETY: as above.
        let raw = unsafe { at.read_unaligned() };
        // SAFETY: the kernel just made this descriptor for us; nobody else owns it.
        *place = Some(unsafe { OwnedFd::from_raw_fd(raw) });
    }
    Ok(packet)
}

/// Reads the payload of the next packet and leaves it where it is.
pub(super) fn look(from: BorrowedFd<'_>, payload: &mut [u8]) -> io::Result<usize> {
    let flags = libc::MSG_PEEK | libc::MSG_DONTWAIT;
    let (at, length) = (payload.as_mut_ptr().cast(), payload.len());
    uninterrupted(|| {
        // SAFETY: `at` points to `length` writable bytes, live for the call.
        unsafe { libc::recv(from.as_raw_fd(), at, length, flags) }
    })
}

/// Sends a descriptor of this process by its number, which whoever calls has from Node.
pub(super) fn send_number(to: BorrowedFd<'_>, payload: &[u8], number: RawFd) -> io::Result<()> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: not negative; a number that is not open makes the call fail with EBADF and does no harm.
    let fd = unsafe { BorrowedFd::borrow_raw(number) };
    send(to, payload, &[fd.as_fd()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;
    use std::time::{Duration, Instant};

    #[test]
    fn a_descriptor_is_received_once_by_either_holder() {
        let (inlet, outlet) = pair().unwrap();
        let second = outlet.try_clone().unwrap();
        let (one, mut other) = UnixStream::pair().unwrap();
        send(inlet.as_fd(), b"note", &[one.as_fd()]).unwrap();
        drop(one);
        let mut note = [0; 8];
        assert_eq!(look(outlet.as_fd(), &mut note).unwrap(), 4);
        let packet = receive(second.as_fd(), &mut note).unwrap();
        assert_eq!((packet.length, &note[..4]), (4, &b"note"[..]));
        let late = receive(outlet.as_fd(), &mut note).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::WouldBlock);
        let [carried, none, _] = packet.carried;
        assert!(none.is_none());
        UnixStream::from(carried.unwrap()).write_all(b"x").unwrap();
        let mut heard = String::new();
        other.read_to_string(&mut heard).unwrap();
        assert_eq!(heard, "x");
    }

    #[test]
    fn a_signal_in_between_is_no_failure() {
        let (mut calls, failed) = (0, -1);
        let count = uninterrupted(|| {
            calls += 1;
            if calls == 3 {
                return 7;
            }
            // SAFETY: the C library's own place for the error of this thread, which is always there.
            let place = unsafe { libc::__errno_location() };
            // SAFETY: as above.
            unsafe { place.write(libc::EINTR) };
            failed
        });
        assert_eq!((count.unwrap(), calls), (7, 3));
    }

    #[test]
    fn descriptors_travel_together_or_none_does_and_the_end_is_seen() {
        let (inlet, outlet) = pair().unwrap();
        send(inlet.as_fd(), b"n", &[]).unwrap();
        let packet = receive(outlet.as_fd(), &mut [0; 1]).unwrap();
        assert_eq!((packet.length, packet.carried.iter().flatten().count()), (1, 0));
        send(inlet.as_fd(), b"n", &[inlet.as_fd(), outlet.as_fd()]).unwrap();
        let packet = receive(outlet.as_fd(), &mut [0; 1]).unwrap();
        assert_eq!(packet.carried.iter().flatten().count(), 2);
        drop((packet, inlet));
        // The children that other tests fork hold a copy of the end until they are gone.
        let deadline = Instant::now() + Duration::from_secs(30);
        let mut seen = receive(outlet.as_fd(), &mut [0; 1]);
        while seen.is_err() && Instant::now() < deadline {
            std::thread::yield_now();
            seen = receive(outlet.as_fd(), &mut [0; 1]);
        }
        assert_eq!(seen.unwrap().length, 0);
    }
}

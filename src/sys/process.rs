//! Who a process is: its id together with the moment it started, so that a reused id is never taken for its old owner.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::poll::owned;
use super::socket::Socket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    pub pid: u32,
    /// In the kernel's clock ticks since boot.
    pub started: u64,
}

impl Identity {
    pub fn of_self() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            started: started(pid).unwrap_or(0),
        }
    }

    /// Whether this very process, not a later one of the same id, still runs.
    pub fn is_alive(self) -> bool {
        started(self.pid).is_ok_and(|at| at == self.started)
    }
}

/// When a process started. A zombie no longer counts as running.
pub fn started(pid: u32) -> io::Result<u64> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    // The name, in parentheses, may itself hold spaces and parentheses: count from its end.
    let (_, rest) = line.rsplit_once(')').ok_or_else(broken)?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return Err(io::ErrorKind::NotFound.into());
    }
    fields
        .nth(18)
        .and_then(|field| field.parse().ok())
        .ok_or_else(broken)
}

/// The process that a thread belongs to; the thread's own number where the system does not tell.
pub fn of_thread(thread: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|id| id.trim().parse().ok()).unwrap_or(thread)
}

/// Whether a thread of that number exists in some process.
pub fn thread_exists(thread: u32) -> bool {
    // SAFETY: takes no pointer; signal 0 is none.
    let found = unsafe { libc::syscall(libc::SYS_tkill, thread, 0) };
    found == 0 || io::Error::last_os_error().raw_os_error() != Some(libc::ESRCH)
}

/// The end of a process, to wait for beside other things: readable from then on.
#[derive(Debug)]
pub struct Ending(OwnedFd);

impl Ending {
    /// Of a process that runs, or has not been waited for by its parent.
    pub fn of(pid: u32) -> io::Result<Self> {
        // SAFETY: takes no pointer. The descriptor is close-on-exec.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
        owned(fd as i32).map(Self)
    }

    /// Whether it has come: then everything that the process held is closed.
    pub fn is_over(&self) -> bool {
        let mut looked = libc::pollfd {
            fd: self.0.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: `looked` is one live record.
        let count = unsafe { libc::poll(&mut looked, 1, 0) };
        count == 1 && looked.revents & libc::POLLIN != 0
    }
}

impl AsFd for Ending {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether this process can have one more descriptor now: one that comes in a packet for which there is no room is
/// lost, and what it stands for with it.
pub fn has_room() -> bool {
    // SAFETY: takes no pointer. Where there is no such stream, the call fails otherwise than for want of room.
    let fd = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, 0) };
    owned(fd).map_or_else(|error| !Socket::is_exhaustion(&error), |_| true)
}

/// How many descriptors this process may have.
pub fn most_descriptors() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is one live record. Where it cannot be told, there is none.
    unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) };
    usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX)
}

pub fn parent() -> u32 {
    std::os::unix::process::parent_id()
}

/// Random bytes from the kernel.
pub fn random() -> io::Result<[u8; 16]> {
    let mut bytes = [0u8; 16];
    // SAFETY: the kernel writes at most 16 bytes into a buffer of 16.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    if got == bytes.len() as isize {
        Ok(bytes)
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Ends this process as `kill -9` does: nothing is unwound, flushed or released.
#[cfg(any(test, feature = "failpoint"))]
pub fn die() -> ! {
    // SAFETY: a signal to ourselves; it touches no memory.
    unsafe { libc::raise(libc::SIGKILL) };
    std::process::abort()
}

/// Runs `body` in a forked child that never returns into the caller's code. Gives the child's wait status.
#[cfg(any(test, feature = "failpoint"))]
pub fn in_forked_child(body: impl FnOnce()) -> io::Result<i32> {
    // SAFETY: the child runs `body` alone and ends without returning; callers keep `body` to plain memory work.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    if pid == 0 {
        body();
        // SAFETY: ends the child at once, without running the parent's exit handlers.
        unsafe { libc::_exit(0) };
    }
    let mut status = 0;
    // SAFETY: waits for our own child; `status` is live and writable.
    let done = unsafe { libc::waitpid(pid, &mut status, 0) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_process_is_seen() {
        let mut child = std::process::Command::new("cat")
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let ending = Ending::of(child.id()).unwrap();
        assert!(!ending.is_over());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(ending.is_over());
        assert!(Ending::of(u32::MAX).is_err());
    }

    #[test]
    fn a_process_is_told_from_a_later_one_with_its_id() {
        let me = Identity::of_self();
        assert!(me.is_alive());
        assert!(
            !Identity {
                started: me.started + 1,
                ..me
            }
            .is_alive()
        );
    }

    #[test]
    fn a_child_that_was_killed_reports_it() {
        let status = in_forked_child(|| die()).unwrap();
        assert_eq!(status & 0x7f, libc::SIGKILL);
        assert_eq!(in_forked_child(|| ()).unwrap(), 0);
    }
}

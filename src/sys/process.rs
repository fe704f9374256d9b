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

    /// Whether this very process, not a later one of the same id, still runs. Where the system hides when processes began, a
    /// later one cannot be told from it.
    pub fn is_alive(self) -> bool {
        match started(self.pid) {
            Ok(at) => at == self.started || self.started == 0,
            Err(_) => started(std::process::id()).is_err() && thread_exists(self.pid),
        }
    }
}

/// When a process started. A zombie no longer counts as running.
pub fn started(pid: u32) -> io::Result<u64> {
    stat(pid, [18]).map(|[started]| started)
}

/// Numbers that the kernel tells of a process, by their places after its state.
fn stat<const N: usize>(pid: u32, places: [usize; N]) -> io::Result<[u64; N]> {
    let line = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let broken = || io::Error::from(io::ErrorKind::InvalidData);
    // The name, in parentheses, may itself hold spaces and parentheses: count from its end.
    let (_, rest) = line.rsplit_once(')').ok_or_else(broken)?;
    let mut fields = rest.split_ascii_whitespace();
    if matches!(fields.next(), Some("Z" | "X")) {
        return Err(io::ErrorKind::NotFound.into());
    }
    let fields: Vec<_> = fields.collect();
    let mut numbers = [0; N];
    for (number, place) in numbers.iter_mut().zip(places) {
        let field = fields.get(place).ok_or_else(broken)?;
        *number = field.parse().map_err(|_| broken())?;
    }
    Ok(numbers)
}

/// What a process has used, as the kernel counts it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Used {
    pub cpu_ms: f64,
    pub resident_bytes: u64,
}

/// What a process has used, whatever it is doing; nothing for one that has ended.
pub fn used(pid: u32) -> Option<Used> {
    let [user, system, resident] = stat(pid, [10, 11, 20]).ok()?;
    // SAFETY: takes no pointer.
    let ticks = unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1);
    // SAFETY: takes no pointer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1);
    Some(Used {
        cpu_ms: (user + system) as f64 * 1e3 / ticks as f64,
        resident_bytes: resident.saturating_mul(page.cast_unsigned()),
    })
}

/// The bytes of memory that this machine has; 0 where nobody tells that.
pub fn machine_memory() -> u64 {
    // SAFETY: takes no pointer.
    let pages = unsafe { libc::sysconf(libc::_SC_PHYS_PAGES) }.max(0);
    // SAFETY: takes no pointer.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(0);
    pages.cast_unsigned().saturating_mul(page.cast_unsigned())
}

/// The process that a thread belongs to; the thread's own number where the system does not tell.
pub fn of_thread(thread: u32) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{thread}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("Tgid:"));
    line.and_then(|id| id.trim().parse().ok()).unwrap_or(thread)
}

/// Has the kernel kill this process when its parent dies, whatever it is doing then. Answers whether `parent` is its
/// parent still; if it is not, nothing has changed.
///
/// The kernel goes by the thread that started this process: where that ends before the process it is of, it is the end too.
pub fn die_with(parent: u32) -> bool {
    let set = |signal: libc::c_int| {
        // SAFETY: takes no pointer.
        unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong, 0, 0, 0) }
    };
    let is_set = set(libc::SIGKILL) == 0;
    // One that had died before was not noticed.
    let is_parent = std::os::unix::process::parent_id() == parent;
    if !is_parent {
        set(0);
    }
    is_set && is_parent
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

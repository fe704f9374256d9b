//! One piece of memory that several processes map: an anonymous file that lives only as long as someone holds it. Where the
//! system gives no such file, it is one process's, and the others have to ask that one.
//!
//! Invariants: the file is sealed against shrinking and growing before anyone else can see it, so no access inside
//! the mapping can ever meet the end of the file; and a mapping is never undone, so a reference into it is good for
//! the life of the process. If the process dies, its mapping and descriptor go with it; the file goes with the last.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;

const NAME: &CStr = c"flotilla";

/// A mapped memfd, or a mapping without a file. Dropping it closes the descriptor and leaves the mapping, on purpose.
#[derive(Debug)]
pub struct SharedMemory {
    /// Or why there is none.
    fd: Result<OwnedFd, i32>,
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; all access to it goes through types that
// synchronise themselves.
unsafe impl Send for SharedMemory {}
// SAFETY: as above; no method changes the struct.
unsafe impl Sync for SharedMemory {}

impl SharedMemory {
    /// A new one of `len` bytes, all zero, none of them paid for until `commit`.
    pub fn create(len: usize) -> io::Result<Self> {
        Self::map(Ok(Self::make_file(len)?), len)
    }

    /// The same, or this process's alone where a sandbox refuses what others could get it by.
    pub fn create_or_alone(len: usize) -> io::Result<Self> {
        match Self::make_file(len) {
            Ok(fd) => Self::map(Ok(fd), len),
            Err(error) => Self::map(Err(error.raw_os_error().unwrap_or(libc::ENOSYS)), len),
        }
    }

    /// Whether there can be one that others get.
    pub fn is_to_be_had() -> bool {
        Self::make_file(1).is_ok()
    }

    fn make_file(len: usize) -> io::Result<OwnedFd> {
        // SAFETY: the name is a valid C string; the call touches no memory of ours.
        let raw = unsafe { libc::memfd_create(NAME.as_ptr(), libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING) };
        check(raw)?;
        // SAFETY: `raw` is a descriptor that was just made and that nobody else owns.
        let fd = unsafe { OwnedFd::from_raw_fd(raw) };
        File::from(fd.try_clone()?).set_len(len as u64)?;
        let seals = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;
        // SAFETY: F_ADD_SEALS takes an int and touches no memory of ours.
        check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
        Ok(fd)
    }

    /// Maps one that another process made. Refuses a file that could shrink under the mapping.
    pub fn open(fd: OwnedFd) -> io::Result<Self> {
        // SAFETY: F_GET_SEALS takes no argument and touches no memory of ours.
        let seals = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GET_SEALS) };
        check(seals)?;
        if seals & libc::F_SEAL_SHRINK == 0 {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the file is not sealed against shrinking",
            ));
        }
        let len = File::from(fd.try_clone()?).metadata()?.len();
        let len = usize::try_from(len).map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Self::map(Ok(fd), len)
    }

    fn map(fd: Result<OwnedFd, i32>, len: usize) -> io::Result<Self> {
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        let (number, kind) = match &fd {
            Ok(fd) => (fd.as_raw_fd(), 0),
            Err(_) => (-1, libc::MAP_ANONYMOUS),
        };
        let flags = libc::MAP_SHARED | libc::MAP_NORESERVE | kind;
        // SAFETY: a new mapping at an address of the kernel's choice overlaps nothing of ours.
        let at = unsafe { libc::mmap(std::ptr::null_mut(), len, protection, flags, number, 0) };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A core dump reads every page of what it holds, and reading a hole of the file fills it for good. A kernel that
        // refuses dumps the mapping, no more.
        // SAFETY: the range is the mapping that was just made; the advice changes nothing that can be read.
        unsafe { libc::madvise(at, len, libc::MADV_DONTDUMP) };
        let base = NonNull::new(at.cast()).ok_or_else(|| io::Error::from(io::ErrorKind::OutOfMemory))?;
        Ok(Self { fd, base, len })
    }

    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// What others get it by; the system's reason where it is this process's alone.
    pub fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match &self.fd {
            Ok(fd) => Ok(fd.as_fd()),
            Err(number) => Err(io::Error::from_raw_os_error(*number)),
        }
    }

    /// Makes the kernel set pages aside for a range, so that touching it later cannot fail. Without a file nothing can be set
    /// aside: pages come as they are touched, as those of the heap do.
    pub fn commit(&self, offset: usize, len: usize) -> io::Result<()> {
        #[cfg(test)]
        if refusal::REFUSED.get() {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        let Ok(fd) = &self.fd else { return Ok(()) };
        loop {
            // SAFETY: fallocate touches no memory of ours; a range outside the file is refused by the kernel.
            let done =
                unsafe { libc::fallocate(fd.as_raw_fd(), 0, offset as libc::off_t, len as libc::off_t) };
            match check(done) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other.map(drop),
            }
        }
    }

    /// Gives the pages of a range back to the system: they are zero, and not paid for. Whole pages only.
    pub fn release(&self, offset: usize, len: usize) -> io::Result<()> {
        if offset.checked_add(len).is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let at = self.base.as_ptr().wrapping_add(offset).cast();
        // SAFETY: the range lies in the mapping; whoever looks there still sees zeros.
        check(unsafe { libc::madvise(at, len, libc::MADV_REMOVE) }).map(drop)
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// Lets a test play a system that has no memory to give, for the calling thread.
#[cfg(test)]
pub mod refusal {
    use std::cell::Cell;

    thread_local! {
        pub(super) static REFUSED: Cell<bool> = const { Cell::new(false) };
    }

    pub fn while_refused<T>(body: impl FnOnce() -> T) -> T {
        REFUSED.set(true);
        let answer = body();
        REFUSED.set(false);
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_of_one_memory_see_each_other() {
        let first = SharedMemory::create(8192).unwrap();
        first.commit(0, 8192).unwrap();
        let second = SharedMemory::open(first.fd().unwrap().try_clone_to_owned().unwrap()).unwrap();
        assert_eq!(second.len(), 8192);
        // SAFETY: inside a live mapping that only this test touches.
        unsafe { first.base().as_ptr().wrapping_add(5000).write_volatile(7) };
        // SAFETY: as above.
        let seen = unsafe { second.base().as_ptr().wrapping_add(5000).read_volatile() };
        assert_eq!(seen, 7);
    }

    #[test]
    fn a_core_dump_leaves_the_mapping_out() {
        let memory = SharedMemory::create(8192).unwrap();
        let start = format!("{:x}-", memory.base().as_ptr() as usize);
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let from_it = maps.lines().skip_while(|line| !line.starts_with(&start));
        let flags = from_it
            .into_iter()
            .find(|line| line.starts_with("VmFlags:"))
            .unwrap();
        assert!(flags.split(' ').any(|flag| flag == "dd"), "{flags}");
    }

    #[test]
    fn a_file_that_could_shrink_is_refused() {
        let plain = File::open("/proc/self/exe").unwrap();
        assert!(SharedMemory::open(plain.into()).is_err());
    }

    #[test]
    fn the_file_cannot_be_truncated_by_anyone() {
        let memory = SharedMemory::create(8192).unwrap();
        let file = File::from(memory.fd().unwrap().try_clone_to_owned().unwrap());
        assert!(file.set_len(100).is_err());
        assert!(file.set_len(100_000).is_err());
    }
}

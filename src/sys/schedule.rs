//! When a thread gets its turn on a processor.
//!
//! Nothing depends on it but how fast things go. It holds for the one thread, and ends with it.

/// From now on the calling thread, when it wakes up, does not interrupt one that runs (`SCHED_BATCH`): it takes a free
/// processor at once, and waits for its turn, a few milliseconds at most, where there is none. Says whether the kernel
/// agrees; where it does not, the thread goes on as before.
pub fn wait_for_turns() -> bool {
    // SAFETY: all zero is a valid value of this plain struct, and the only priority that this policy has.
    let priority: libc::sched_param = unsafe { std::mem::zeroed() };
    let this_thread = 0;
    // Not every C library has this call for threads; the kernel has.
    // SAFETY: `priority` is live for the call, which only reads it.
    let done = unsafe {
        libc::syscall(
            libc::SYS_sched_setscheduler,
            this_thread,
            libc::SCHED_BATCH,
            &priority,
        )
    };
    done == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_waits_for_its_turns_alone() {
        let policy = || {
            // SAFETY: takes no pointer; 0 is the calling thread.
            unsafe { libc::syscall(libc::SYS_sched_getscheduler, 0) }
        };
        let before = policy();
        let inside = std::thread::spawn(move || wait_for_turns().then(policy)).join();
        assert_eq!(inside.unwrap(), Some(libc::SCHED_BATCH.into()));
        assert_eq!(policy(), before);
    }
}

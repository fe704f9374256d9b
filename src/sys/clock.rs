//! The monotonic clock, in milliseconds, the same for every process of the machine.

/// Milliseconds since an arbitrary point that all processes share; never zero, never going back.
#[cfg(unix)]
pub fn monotonic_ms() -> f64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a live, writable timespec; the call writes nothing else. CLOCK_MONOTONIC always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// A time that a caller gave, or that of the clock where it left that to us by NaN.
#[inline(always)]
pub fn given_or_now(time: f64) -> f64 {
    if time.is_nan() { monotonic_ms() } else { time }
}

/// Milliseconds since the first call in this process: all there is to share where memory is not shared.
#[cfg(not(unix))]
pub fn monotonic_ms() -> f64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_secs_f64() * 1e3 + 1.0
}

#[cfg(test)]
mod tests {
    use super::monotonic_ms;

    #[test]
    fn the_clock_does_not_go_back_and_is_not_zero() {
        let first = monotonic_ms();
        assert!(first > 0.0);
        assert!(monotonic_ms() >= first);
    }
}

//! A timer of the kernel as a file descriptor: precise where `epoll_wait` rounds
//! up to whole milliseconds.

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
    time::Duration,
};

/// A one-shot timer on the monotonic clock; readable once it has run out.
#[derive(Debug)]
pub(super) struct TimerFd(OwnedFd);

impl TimerFd {
    pub(super) fn new() -> io::Result<Self> {
        let flags = libc::TFD_CLOEXEC | libc::TFD_NONBLOCK;
        // SAFETY: no pointers; the flags are those of the manual.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, flags) };
        if fd == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made `fd`, and nobody else knows it.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Runs out after `after`, whatever it was set to before.
    pub(super) fn arm(&self, after: Duration) -> io::Result<()> {
        // Zero would disarm it.
        let after = after.clamp(Duration::from_nanos(1), Duration::from_secs(3600));
        let never = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        let it_value = libc::timespec {
            // At most an hour: fits in any `time_t`.
            tv_sec: after.as_secs() as libc::time_t,
            tv_nsec: after.subsec_nanos() as libc::c_long,
        };
        let spec = libc::itimerspec { it_interval: never, it_value };
        // SAFETY: the descriptor is open while `self` is; `spec` outlives the
        // call, which only reads it; the manual allows null for the old value.
        let result = unsafe {
            libc::timerfd_settime(self.0.as_raw_fd(), 0, &raw const spec, ptr::null_mut())
        };
        match result {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl AsRawFd for TimerFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

//! A process as a file descriptor, and signals to processes.

use libc::c_int;
use std::{
    io,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

/// A process that cannot become another: a descriptor is not used again while it is
/// open, as a number is. Readable once the process has ended.
#[derive(Debug)]
pub(super) struct PidFd(OwnedFd);

impl PidFd {
    /// Of a child that has not been waited for. `None`: this system has no such thing,
    /// or does not let us.
    ///
    /// # Errors
    ///
    /// That no descriptor is left.
    pub(super) fn open(pid: u32) -> io::Result<Option<Self>> {
        match open(pid) {
            Ok(fd) => Ok(Some(Self(fd))),
            Err(error) => match error.raw_os_error() {
                Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM) => Err(error),
                _ => Ok(None),
            },
        }
    }

    /// Sends a signal to this process, and no other.
    pub(super) fn signal(&self, number: c_int) -> io::Result<()> {
        send(self.0.as_fd(), number)
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Sends a signal to whatever process has this number: ours, as long as it has not
/// been waited for.
pub(super) fn kill(pid: u32, number: c_int) -> io::Result<()> {
    // A number that the system gave out: fits.
    // SAFETY: numbers only.
    match unsafe { libc::kill(pid as libc::pid_t, number) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(all(test, not(any(loom, shuttle))))]
sync::thread_local! {
    /// Lets this thread do as on a system without.
    pub(super) static IS_MISSING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn open(pid: u32) -> io::Result<OwnedFd> {
    use std::os::fd::{FromRawFd, RawFd};
    #[cfg(all(test, not(any(loom, shuttle))))]
    if IS_MISSING.get() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    // SAFETY: numbers only; there are no flags.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, libc::c_long::from(pid), 0) };
    match fd {
        -1 => Err(io::Error::last_os_error()),
        // A descriptor: fits.
        // SAFETY: the call has just made it, and nobody else knows it.
        fd => Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) }),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn send(fd: BorrowedFd<'_>, number: c_int) -> io::Result<()> {
    use std::{os::fd::AsRawFd, ptr};
    let (call, fd) = (libc::SYS_pidfd_send_signal, fd.as_raw_fd());
    let nothing = ptr::null::<libc::siginfo_t>();
    // SAFETY: the descriptor is open for as long as it is borrowed; the manual allows
    // null for the information; there are no flags.
    match unsafe { libc::syscall(call, fd, number, nothing, 0) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn open(_: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn send(_: BorrowedFd<'_>, _: c_int) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

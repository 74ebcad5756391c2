//! What the process does when a signal comes: replaced, and put back.

use super::kind::SignalKind;
use libc::c_int;
use std::{fmt, io, mem, ptr};

/// A function that the system calls, on any thread and in the middle of anything. It
/// may only do what is safe there: no allocation, no lock, no panic.
pub(super) type Handler = extern "C" fn(c_int);

/// What was done before somebody listened.
pub(super) struct Disposition {
    before: libc::sigaction,
    /// The address of what was put in its place.
    handler: usize,
}

impl Disposition {
    /// Has `handler` called for the signal.
    pub(super) fn replace(kind: SignalKind, handler: Handler) -> io::Result<Self> {
        let handler = handler as *const () as usize;
        // SAFETY: numbers and an optional function: all zeros is a value of it.
        let mut ours: libc::sigaction = unsafe { mem::zeroed() };
        ours.sa_sigaction = handler;
        // Interrupted calls go on by themselves, where they can; and runtimes with
        // small stacks (Go's) want handlers on the alternate one, if there is one.
        ours.sa_flags = libc::SA_RESTART | libc::SA_ONSTACK;
        // SAFETY: the mask is ours to write.
        unsafe { libc::sigemptyset(&raw mut ours.sa_mask) };
        Ok(Self { before: exchange(kind, Some(&ours))?, handler })
    }

    /// Does again what was done before, unless somebody else has replaced the handler
    /// meanwhile: then it stays as they want it.
    pub(super) fn put_back(self, kind: SignalKind) {
        // Neither fails for a signal that `replace` succeeded with.
        if exchange(kind, None).is_ok_and(|now| now.sa_sigaction == self.handler) {
            let _ = exchange(kind, Some(&self.before));
        }
    }
}

impl fmt::Debug for Disposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Disposition").field("before", &self.before.sa_sigaction).finish()
    }
}

/// Sets what is done, if anything is given, and returns what was done before.
fn exchange(kind: SignalKind, with: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let with = with.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: as in `replace`.
    let mut before: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: `with` is null or a value that lives on; `before` is ours to write. A
    // handler in it is a `Handler`, or came from this same call.
    match unsafe { libc::sigaction(kind.as_raw(), with, &raw mut before) } {
        0 => Ok(before),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs `f` so that the interrupted thread finds its `errno` as it was.
pub(super) fn keeping_errno(f: impl FnOnce()) {
    let place = errno();
    // SAFETY: this thread's own, for as long as it lives.
    let before = unsafe { place.read() };
    f();
    // SAFETY: as above.
    unsafe { place.write(before) };
}

fn errno() -> *mut c_int {
    #[cfg(any(target_os = "illumos", target_os = "solaris"))]
    use libc::___errno as location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    use libc::__errno as location;
    #[cfg(any(target_os = "linux", target_os = "emscripten", target_os = "hurd"))]
    use libc::__errno_location as location;
    #[cfg(any(target_vendor = "apple", target_os = "freebsd", target_os = "dragonfly"))]
    use libc::__error as location;
    // SAFETY: has no conditions.
    unsafe { location() }
}

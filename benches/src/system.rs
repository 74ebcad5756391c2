//! System calls that std has no name for.

use crate::column::Failure;
#[cfg(target_os = "linux")]
use std::fs;
use std::{io, time::Duration};

/// Kills a process group. One that is gone already is left in peace.
pub fn kill_group(leader: u32) {
    let Ok(leader) = libc::pid_t::try_from(leader) else { return };
    // SAFETY: the call takes two numbers and touches no memory of ours.
    let _ = unsafe { libc::kill(-leader, libc::SIGKILL) };
}

/// Ends this process when the thread that started it ends, however it does: Ctrl-C reaches
/// nobody in a process group of its own. What this process has started itself hears of
/// its end by a closed pipe. Does nothing elsewhere than on Linux.
pub fn end_with_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes numbers and touches no memory of ours.
    let _ = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
}

/// Files that a program has open without having asked for any, with room to spare.
const FILES_OF_ITS_OWN: u64 = 200;

/// Sees to it that this process may open so many files beside those of its own.
///
/// # Errors
///
/// If it may not, with what to do about that.
pub fn allow_files(files: u64) -> Result<(), Failure> {
    let needed = files + FILES_OF_ITS_OWN;
    let error = |error| Failure::Failed(format!("the limit of open files is not told: {error}"));
    let limit = raise_descriptor_limit().map_err(error)?;
    if limit >= needed {
        return Ok(());
    }
    Err(Failure::Missing(format!(
        "needs {needed} open files, and the limit is {limit}: raise it with `ulimit -n`, or have \
         the hard one raised"
    )))
}

/// Memory of the machine that this process has.
#[cfg(target_os = "linux")]
#[must_use]
pub fn resident_bytes() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").expect("the kernel tells this");
    let resident = pages.split(' ').nth(1).and_then(|it| it.parse::<u64>().ok());
    // SAFETY: the call takes a number and touches no memory of ours.
    let page_size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page_size = u64::try_from(page_size).expect("pages have a size");
    resident.expect("the second of several numbers") * page_size
}

/// The processor time that a process has used.
///
/// # Errors
///
/// If there is no such process.
#[cfg(target_os = "linux")]
pub fn cpu_time_of(pid: u32) -> io::Result<Duration> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| io::Error::from_raw_os_error(libc::ESRCH))?;
    let mut clock = 0;
    // SAFETY: the call writes one clock id, and `clock` is one.
    let status = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    if status != 0 {
        return Err(io::Error::from_raw_os_error(status));
    }
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, and `time` is one.
    let status = unsafe { libc::clock_gettime(clock, &raw mut time) };
    if status != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Duration::new(time.tv_sec.cast_unsigned(), time.tv_nsec as u32))
}

/// The processor time that a process has used: not told here.
///
/// # Errors
///
/// Always.
#[cfg(not(target_os = "linux"))]
pub fn cpu_time_of(_pid: u32) -> io::Result<Duration> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Allows this process, and those that it starts, as many file descriptors as it may
/// allow itself, and tells how many that are.
///
/// # Errors
///
/// If the system refuses.
pub fn raise_descriptor_limit() -> io::Result<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the call writes one `rlimit`, and `limit` is one.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: the call reads one `rlimit`, and `limit` is one.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(limit.rlim_cur)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_files_than_the_system_has_are_refused_with_advice() {
        let Err(Failure::Missing(what)) = allow_files(1 << 40) else { panic!("so many are not") };
        assert!(what.contains("ulimit -n"), "{what}");
        assert_eq!(allow_files(10), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn memory_that_is_used_is_resident() {
        const SIZE: usize = 64 << 20;
        let before = resident_bytes();
        let used = vec![1_u8; SIZE];
        let grown = resident_bytes() - before;
        assert!(grown > SIZE as u64 / 2, "{grown} of {}", used.len());
    }
}

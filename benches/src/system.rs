//! System calls that std has no name for.

/// Kills a process group. One that is gone already is left in peace.
pub fn kill_group(leader: u32) {
    let Ok(leader) = libc::pid_t::try_from(leader) else { return };
    // SAFETY: the call takes two numbers and touches no memory of ours.
    let _ = unsafe { libc::kill(-leader, libc::SIGKILL) };
}

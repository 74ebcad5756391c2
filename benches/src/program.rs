//! Programs that are run for their output, this one among them.

use crate::system;
use std::{
    env,
    io::Read,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// A command that runs this program.
///
/// # Panics
///
/// If this program cannot find itself.
#[must_use]
pub fn this_program() -> Command {
    Command::new(env::current_exe().expect("a program can tell where it is"))
}

/// Runs a program to its end. The result is what it printed on its standard output.
///
/// # Errors
///
/// If it cannot be started, fails, or goes on for longer than `limit`: then it is
/// killed, with its process group if it leads one.
pub fn output_within(command: &mut Command, limit: Duration) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child =
        command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
    let stdout = read_all(child.stdout.take());
    let stderr = read_all(child.stderr.take());
    let Ok(output) = stdout.recv_timeout(limit) else {
        kill(&mut child);
        return Err(format!("still running after {} s, and killed", limit.as_secs()));
    };
    // A process may close its output before it ends.
    let status = child.wait().map_err(|error| format!("{name} cannot be waited for: {error}"))?;
    if status.success() {
        return Ok(output);
    }
    let complaint = stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    Err(format!("{status}: {}", complaint.trim()))
}

/// What comes through the pipe, when it has been closed.
pub(crate) fn read_all(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    thread::spawn(move || {
        let mut text = vec![];
        if let Some(mut pipe) = pipe {
            // What was read until an error is what there is to tell.
            let _ = pipe.read_to_end(&mut text);
        }
        // Nobody listens any more when the limit is over.
        let _ = send.send(String::from_utf8_lossy(&text).into_owned());
    });
    receive
}

fn kill(child: &mut Child) {
    system::kill_group(child.id());
    // Both fail only if it is gone already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt;

    #[test]
    fn a_process_that_goes_on_for_ever_is_killed() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & sleep 1000"]).process_group(0);
        let error = output_within(&mut command, Duration::from_millis(50));
        assert_eq!(error.unwrap_err(), "still running after 0 s, and killed");
    }
}

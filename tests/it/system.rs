//! Signals and processes in whole programs: what needs a process of its own runs in
//! one, which is this binary once more.

use bowerbird::{
    fs::File,
    gather,
    net::lookup_host,
    process::{Child, Command, Stdio},
    runtime::Builder,
    signal::{SignalKind, ctrl_c, signal},
    spawn,
    task::{JoinHandle, WaitKind},
    yield_now,
};
use futures::{AsyncBufReadExt, StreamExt, io::BufReader};
use std::{
    env,
    future::{Future, pending, poll_fn},
    io::{self, ErrorKind},
    os::unix::process::ExitStatusExt,
    pin::pin,
    task::Poll,
};

/// Set for the process that plays a part.
const PART: &str = "BOWERBIRD_TEST_PART";

/// Starts this binary to run the test of this name as its part.
fn play(part: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    let name = format!("system::{part}");
    command.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env(PART, part);
    command.kill_on_drop(true);
    command
}

/// Whether this process was started to play this part.
fn is_playing(part: &str) -> bool {
    env::var(PART).is_ok_and(|it| it == part)
}

/// Polls it once; says something if it waits.
async fn begun<F: Future>(future: F, say: &str) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    println!("\n{say}");
    future.await
}

#[test]
fn part_of_one_who_waits_for_ctrl_c() {
    if is_playing("part_of_one_who_waits_for_ctrl_c") {
        bowerbird::run(async {
            begun(ctrl_c(), "waiting").await.unwrap();
            let mut interrupt = signal(SignalKind::interrupt()).unwrap();
            for _ in 0..2 {
                assert_eq!(begun(interrupt.recv(), "listening").await, Some(()));
            }
            drop(interrupt);
            println!("\nnobody listens");
            pending::<()>().await;
        });
    }
}

#[bowerbird::test]
async fn ctrl_c_is_heard_and_ends_the_program_when_nobody_listens() {
    let mut command = play("part_of_one_who_waits_for_ctrl_c");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for expected in ["waiting", "listening", "listening", "nobody listens"] {
        while lines.next().await.unwrap().unwrap() != expected {}
        child.signal(SignalKind::interrupt()).unwrap();
    }
    assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGINT));
}

/// Lets this process open so many descriptors more, or one more than that.
fn leave_descriptors(count: usize) {
    limit_descriptors(4096);
    let names = std::fs::read_dir("/proc/self/fd").unwrap().map(|it| it.unwrap().file_name());
    let open: Vec<u64> = names.map(|name| name.to_str().unwrap().parse().unwrap()).collect();
    // The lowest numbers are given out first.
    let mut free = (0..).filter(|number| !open.contains(number));
    limit_descriptors(free.nth(count).unwrap());
}

#[expect(unsafe_code, reason = "setrlimit(2): std has no door to it")]
fn limit_descriptors(numbers: u64) {
    let limit = libc::rlimit { rlim_cur: numbers, rlim_max: 4096 };
    // SAFETY: reads one value, which is there.
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) }, 0);
}

fn children() -> String {
    std::fs::read_to_string("/proc/thread-self/children").unwrap()
}

#[test]
fn part_of_one_without_descriptors() {
    if !is_playing("part_of_one_without_descriptors") {
        return;
    }
    Builder::new_current_thread()
        .run(async {
            // Descriptors that stay, and a thread of the pool.
            drop(signal(SignalKind::user_defined1()).unwrap());
            File::open("/dev/null").await.unwrap();
            let mut is_enough = [false; 3];
            for count in (0..20).chain([100]) {
                leave_descriptors(count);
                let listener = signal(SignalKind::user_defined2()).map(drop);
                let output = Command::new("echo").arg("hi").output().await;
                let file = File::open("/dev/null").await.map(drop);
                leave_descriptors(100);
                is_enough = [
                    is_told(listener, "cannot listen for SIGUSR2: "),
                    is_told(output.map(|it| assert_eq!(it.stdout, b"hi\n")), "cannot start echo: "),
                    is_told(file, "cannot open /dev/null: "),
                ];
                until_no_child_is_left().await;
            }
            assert_eq!(is_enough, [true; 3]);
        })
        .unwrap();
    println!("\nplayed");
}

fn is_told(result: io::Result<()>, beginning: &str) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            assert!(error.to_string().starts_with(beginning), "{error}");
            assert!(error.to_string().contains("os error 24"), "{error}");
            false
        }
    }
}

async fn until_no_child_is_left() {
    while !children().is_empty() {
        yield_now().await;
    }
}

#[bowerbird::test]
async fn whichever_descriptor_is_missing_there_is_an_error_and_no_child() {
    let output = play("part_of_one_without_descriptors").output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("\nplayed\n"), "{text}\n{complaint}");
}

#[bowerbird::test(worker_threads = 2)]
async fn many_tasks_start_and_drop_children() {
    let tasks: Vec<JoinHandle<()>> = (0..40)
        .map(|number| {
            spawn(async move {
                let mut echo = Command::new("echo");
                let output = echo.arg(number.to_string()).output().await.unwrap();
                assert_eq!(output.stdout, format!("{number}\n").into_bytes());
                drop(Command::new("true").spawn().unwrap());
                let sleep = Command::new("sleep").arg("60").kill_on_drop(true).spawn().unwrap();
                let (one, two) = gather((sleep.wait(), sleep.kill())).await;
                assert_eq!(one.unwrap().signal(), Some(libc::SIGKILL));
                two.unwrap();
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
}

async fn wait_of<T>(task: &JoinHandle<T>) -> WaitKind {
    loop {
        yield_now().await;
        if let Some(site) = task.info().and_then(|it| it.waits_for) {
            assert!(site.location.unwrap().file().ends_with("tests/it/system.rs"), "{site:?}");
            return site.kind;
        }
    }
}

fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

#[bowerbird::test]
async fn what_a_task_waits_for_is_known() {
    let kind = SignalKind::from_raw(libc::SIGRTMIN() + 21);
    let mut listener = signal(kind).unwrap();
    let listening = spawn(async move { listener.recv().await });
    assert_eq!(wait_of(&listening).await, WaitKind::Signal);

    let mut child = cat();
    let input = child.stdin.take();
    let waiting = spawn(async move { child.wait().await });
    assert_eq!(wait_of(&waiting).await, WaitKind::Process);
    drop(input);
    assert!(waiting.await.unwrap().unwrap().success());

    let mut child = cat();
    let input = child.stdin.take();
    let gathering = spawn(async move {
        // It is taken, so it is not closed.
        child.wait_with_output().await
    });
    assert_eq!(wait_of(&gathering).await, WaitKind::Process);
    drop(input);
    assert!(gathering.await.unwrap().unwrap().status.success());
}

#[bowerbird::test]
async fn names_are_looked_up() {
    let found = lookup_host("localhost:80").await.unwrap();
    assert!(found.iter().all(|it| it.ip().is_loopback() && it.port() == 80), "{found:?}");
    assert_eq!(lookup_host("[::1]:7").await.unwrap(), ["[::1]:7".parse().unwrap()]);
    let error = lookup_host("no.such.host.invalid:80").await.unwrap_err();
    assert!(error.to_string().contains("no.such.host.invalid"), "{error}");
    let error = lookup_host("no port").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
}

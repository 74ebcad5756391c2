use super::{Child, Command, OutputTooLong, SpawnError, Stdio, pidfd::IS_MISSING};
use crate::{reactor::Reactor, registry::ShuttingDown, signal::SignalKind};
use futures::{
    AsyncReadExt, AsyncWriteExt, FutureExt,
    future::{join, join_all, poll_fn},
};
use std::{
    future::Future,
    io::{self, ErrorKind, IoSlice, IoSliceMut},
    os::unix::process::ExitStatusExt,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    task::Poll,
};
use sync::{
    driver::{Driver, Seat},
    shim::thread,
};

fn run<F: Future>(future: F) -> F::Output {
    let reactor = Reactor::builder().build().unwrap();
    let output = reactor.block_on(future);
    assert_eq!(reactor.metrics().sources, 0, "descriptors left behind");
    output
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// A child that ends when its input does.
fn cat() -> Child {
    Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
}

/// Where the system tells of a process, be it a zombie.
fn place(child: &Child) -> PathBuf {
    let path = PathBuf::from(format!("/proc/{}", child.id().unwrap()));
    assert!(path.exists());
    path
}

/// Lets the reactor run until the process is in no table any more.
async fn is_reaped(place: PathBuf) {
    until(|| !place.exists()).await;
}

async fn until(mut is_so: impl FnMut() -> bool) {
    poll_fn(|cx| match is_so() {
        true => Poll::Ready(()),
        false => {
            // A thread that is woken all the time never looks by itself.
            Reactor::current().poll(Seat(0), 64);
            cx.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

#[test]
fn much_flows_through_a_child_in_both_directions() {
    run(async {
        let mut child = cat();
        let bytes: Vec<u8> = (0..1 << 20).map(|at| (at % 251) as u8).collect();
        let (mut stdin, mut stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut read = vec![];
        let feed = async {
            stdin.write_all(&bytes).await.unwrap();
            stdin.close().await.unwrap();
            assert_eq!(stdin.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        };
        join(feed, async { stdout.read_to_end(&mut read).await.unwrap() }).await;
        assert!(read == bytes);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn both_outputs_are_gathered_at_the_same_time() {
    run(async {
        let script = "head -c 300000 /dev/zero; head -c 200000 /dev/zero >&2; printf x; exit 3";
        let output = sh(script).output().await.unwrap();
        assert_eq!((output.stdout.len(), output.stderr.len()), (300_001, 200_000));
        assert_eq!(output.status.code(), Some(3));
    });
}

#[test]
fn output_chooses_only_what_nobody_chose() {
    run(async {
        let mut command = sh("cat; echo out; echo err >&2");
        command.stderr(Stdio::null());
        for _ in 0..2 {
            let output = command.output().await.unwrap();
            assert_eq!((&*output.stdout, &*output.stderr), (&b"out\n"[..], &b""[..]));
        }
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        assert!(child.stdin.is_none() && child.stdout.is_none() && child.stderr.is_none());
        let output = child.wait_with_output().await.unwrap();
        assert!(output.status.success() && output.stdout.is_empty());
    });
}

#[test]
fn more_than_the_limit_is_an_error_and_ends_the_child() {
    run(async {
        let error = Command::new("yes").output().limit(100_000).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::QuotaExceeded);
        let inside: &OutputTooLong = error.get_ref().unwrap().downcast_ref().unwrap();
        assert_eq!(inside.limit, 100_000);

        let child = sh("printf 123; printf 45 >&2; exec sleep 60")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let place = place(&child);
        assert!(child.wait_with_output().limit(4).await.is_err(), "both count");
        is_reaped(place).await;

        let output = sh("printf 123; printf 45 >&2").output().limit(5).await.unwrap();
        assert_eq!((&*output.stdout, &*output.stderr), (&b"123"[..], &b"45"[..]));
    });
}

#[test]
fn waiting_closes_the_input() {
    run(async {
        assert!(cat().wait().await.unwrap().success());
        let output = cat().wait_with_output().await.unwrap();
        assert!(output.status.success());
        let status = Command::new("cat").stdin(Stdio::piped()).status().await.unwrap();
        assert!(status.success());
        let mut child = cat();
        child.wait().await.unwrap();
        let error = child.stdin.as_mut().unwrap().write(b"x").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn everybody_who_waits_is_told() {
    run(async {
        let mut child = cat();
        let stdin = child.stdin.take().unwrap();
        assert!(child.wait().now_or_never().is_none());
        let all = join_all((0..5).map(|_| child.wait()));
        let (all, ()) = join(all, async { drop(stdin) }).await;
        assert!(all.into_iter().all(|status| status.unwrap().success()));
        assert_eq!(child.try_wait().unwrap(), child.wait().now_or_never().unwrap().ok());
        assert_eq!(child.id(), None);
    });
}

#[test]
fn a_child_is_waited_for_in_another_runtime() {
    let first = Reactor::builder().build().unwrap();
    let [one, two, three] = first.block_on(async {
        [(); 3].map(|()| sh("read line; exit 7").stdin(Stdio::piped()).spawn().unwrap())
    });
    // The first runtime is there, but does not run.
    run(async move { assert_eq!(one.wait().await.unwrap().code(), Some(7)) });
    drop(first);
    run(async move { assert_eq!(two.wait().await.unwrap().code(), Some(7)) });
    // Who comes late needs none.
    drop(three.stdin);
    let reactor = Reactor::builder().build().unwrap();
    let child = reactor.block_on(async { Command::new("true").spawn().unwrap() });
    reactor.block_on(child.wait()).unwrap();
    drop(reactor);
    assert!(child.wait().now_or_never().unwrap().unwrap().success());
}

#[test]
fn signals_reach_the_child_until_it_has_ended() {
    run(async {
        let child = Command::new("sleep").arg("60").spawn().unwrap();
        child.signal(SignalKind::terminate()).unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGTERM));
        child.signal(SignalKind::terminate()).unwrap();
        child.start_kill().unwrap();
        child.kill().await.unwrap();
        assert_eq!(child.wait().await.unwrap().signal(), Some(libc::SIGTERM));

        let child = Command::new("sleep").arg("60").spawn().unwrap();
        child.kill().await.unwrap();
        assert_eq!(child.try_wait().unwrap().unwrap().signal(), Some(libc::SIGKILL));

        let child = Command::new("true").spawn().unwrap();
        let error = child.signal(SignalKind::from_raw(1000)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        child.wait().await.unwrap();
    });
}

#[test]
fn a_dropped_child_leaves_no_zombie() {
    run(async {
        let mut child = cat();
        let (place, stdin) = (place(&child), child.stdin.take());
        drop(child);
        assert!(place.exists(), "it runs on");
        drop(stdin);
        is_reaped(place).await;

        let places: Vec<_> =
            (0..100).map(|_| place_of_dropped(Command::new("true").spawn().unwrap())).collect();
        for place in places {
            is_reaped(place).await;
        }
    });
}

fn place_of_dropped(child: Child) -> PathBuf {
    place(&child)
}

#[test]
fn a_child_is_killed_on_drop_if_asked_to() {
    run(async {
        let mut command = Command::new("sleep");
        command.arg("60").kill_on_drop(true);
        let place = place_of_dropped(command.spawn().unwrap());
        is_reaped(place).await;
        assert!(command.status().now_or_never().is_none());
        assert!(command.output().now_or_never().is_none());
        let child = command.spawn().unwrap();
        let place = self::place(&child);
        assert!(child.wait_with_output().now_or_never().is_none());
        is_reaped(place).await;
        // The two of which we do not know the numbers.
        until(|| Reactor::current().metrics().sources == 0).await;
    });
}

#[test]
fn a_child_that_outlives_its_runtime_is_reaped() {
    for is_closed in [true, false] {
        let reactor = Reactor::builder().build().unwrap();
        let mut child = reactor.block_on(async { cat() });
        let (place, stdin) = (place(&child), child.stdin.take());
        reactor.block_on(async { drop(child) });
        if is_closed {
            reactor.close();
        }
        drop((stdin, reactor));
        while place.exists() {
            thread::yield_now();
        }
        // Outside any runtime.
        let reactor = Reactor::builder().build().unwrap();
        let child = reactor.block_on(async { Command::new("true").spawn().unwrap() });
        let place = self::place(&child);
        drop((reactor, child));
        while place.exists() {
            thread::yield_now();
        }
    }
}

#[test]
fn many_that_end_at_once_starve_nobody() {
    run(async {
        let children: Vec<_> = (0..50).map(|_| cat()).collect();
        let all = join_all(children.iter().map(Child::wait)).await;
        assert!(all.into_iter().all(|status| status.unwrap().success()));
    });
}

#[test]
fn without_pidfds_children_are_waited_for_all_the_same() {
    IS_MISSING.set(true);
    run(async {
        let mut child = cat();
        let stdin = child.stdin.take().unwrap();
        let others: Vec<_> = (0..5).map(|_| cat()).collect();
        let all = join_all(others.iter().map(Child::wait)).await;
        assert!(all.into_iter().all(|status| status.unwrap().success()));
        let ((one, two), ()) = join(join(child.wait(), child.wait()), async { drop(stdin) }).await;
        assert!(one.unwrap().success() && two.unwrap().success());

        let child = Command::new("sleep").arg("60").spawn().unwrap();
        child.kill().await.unwrap();
        child.kill().await.unwrap();
        drop(others);

        let place = place_of_dropped(Command::new("true").spawn().unwrap());
        is_reaped(place).await;
        assert_eq!(Command::new("echo").arg("hi").output().await.unwrap().stdout, b"hi\n");
    });
}

#[test]
fn a_writer_sees_that_nobody_reads() {
    run(async {
        let mut child = Command::new("true").stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let bytes = vec![0; 1 << 20];
        let error = stdin.write_all(&bytes).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        child.wait().await.unwrap();
    });
}

#[test]
fn several_buffers_are_written_and_read_at_once() {
    run(async {
        let mut child = cat();
        let mut stdin = child.stdin.take().unwrap();
        let count = stdin.write_vectored(&[IoSlice::new(b"ab"), IoSlice::new(b"cde")]).await;
        assert_eq!(count.unwrap(), 5);
        drop(stdin);
        let (mut one, mut two) = ([0; 1], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        let stdout = child.stdout.as_mut().unwrap();
        assert_eq!(stdout.read_vectored(&mut buffers).await.unwrap(), 5);
        assert_eq!((&one, &two[..4]), (b"a", &b"bcde"[..]));
        child.wait().await.unwrap();
    });
}

#[test]
fn one_child_feeds_another() {
    run(async {
        let mut echo = Command::new("echo").arg("meow").stdout(Stdio::piped()).spawn().unwrap();
        let pipe: Stdio = echo.stdout.take().unwrap().try_into().unwrap();
        let output = Command::new("tr").args(["a-z", "A-Z"]).stdin(pipe).output().await.unwrap();
        assert_eq!(output.stdout, b"MEOW\n");
        assert!(echo.wait().await.unwrap().success());

        // The other way round: a child writes to the input of one that runs.
        let mut cat = cat();
        let pipe: Stdio = cat.stdin.take().unwrap().try_into().unwrap();
        assert!(Command::new("echo").arg("hi").stdout(pipe).status().await.unwrap().success());
        assert_eq!(cat.wait_with_output().await.unwrap().stdout, b"hi\n");
    });
}

#[test]
fn what_is_said_of_a_child_holds() {
    run(async {
        let mut command =
            sh("echo $0 $A $B $C $#; pwd; test $$ = $(ps -o pgid= -p $$) && echo first");
        command.arg0("me").args(["zero", "one"]).current_dir("/").process_group(0);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("A", "a")
            .envs([("B", "b"), ("C", "c")]);
        command.env_remove("C");
        let output = String::from_utf8(command.output().await.unwrap().stdout).unwrap();
        assert_eq!(output.lines().take(2).collect::<Vec<_>>(), ["zero a b 1", "/"]);

        let output =
            Command::new("cat").arg0("kitten").arg("/no/such/file").output().await.unwrap();
        assert!(String::from_utf8(output.stderr).unwrap().starts_with("kitten: "));
        assert_eq!(
            Command::from(std::process::Command::new("true")).as_std().get_program(),
            "true"
        );

        let mut command = sh("exit 0");
        // SAFETY: it makes an error of a number.
        unsafe { command.pre_exec(|| Err(io::Error::from_raw_os_error(libc::EPERM))) };
        let error = command.spawn().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    });
}

#[test]
fn a_failure_to_start_names_the_program() {
    run(async {
        let error = Command::new("/no/such/program").output().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.to_string().starts_with("cannot start /no/such/program: "), "{error}");
        let inside: &SpawnError = error.get_ref().unwrap().downcast_ref().unwrap();
        assert_eq!(inside.program(), "/no/such/program");
        assert_eq!(inside.cause().raw_os_error(), Some(libc::ENOENT));
        assert!(Command::new("/dev/null").status().await.is_err());
    });
}

#[test]
fn outside_a_runtime_the_panic_says_where() {
    let panic = catch_unwind(AssertUnwindSafe(|| Command::new("true").spawn())).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("process/tests.rs"), "{message}");
    let mut command = Command::new("true");
    let mut status = command.status();
    let panic = catch_unwind(AssertUnwindSafe(|| (&mut status).now_or_never())).unwrap_err();
    assert!(panic.downcast_ref::<String>().unwrap().contains("process/tests.rs"));
}

#[test]
fn after_the_end_of_the_runtime_there_is_an_error() {
    let reactor = Reactor::builder().build().unwrap();
    let _here = reactor.enter();
    let mut command = Command::new("sleep");
    let child = command.arg("60").kill_on_drop(true).spawn().unwrap();
    assert!(child.wait().now_or_never().is_none());
    reactor.close();
    let error = child.wait().now_or_never().unwrap().unwrap_err();
    assert!(ShuttingDown::is_cause_of(&error));
    let error = command.spawn().unwrap_err();
    assert!(ShuttingDown::is_cause_of(&error));
    let place = place_of_dropped(child);
    while place.exists() {
        thread::yield_now();
    }
}

#[test]
fn a_child_that_somebody_else_has_waited_for_is_an_error() {
    run(async {
        let child = Command::new("true").spawn().unwrap();
        let pid = child.id().unwrap() as libc::pid_t;
        // SAFETY: null: the status is not wanted.
        assert_eq!(unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) }, pid);
        child.start_kill().unwrap();
        let error = child.wait().await.unwrap_err();
        assert!(error.to_string().ends_with("somebody else has"), "{error}");
        assert!(child.try_wait().is_err());
        assert_eq!(child.id(), None);
        child.start_kill().unwrap();
    });
}

//! Signals, child processes, names. Children end when a step closes their input; at
//! the end none is left, not even a zombie.

use super::{
    Case, Subject,
    sockets::{NAME, resolved},
    timers::Stage,
};
use bowerbird::{
    net::lookup_host,
    process::{Child, Command, Stdio},
    signal::{SignalKind, ctrl_c, signal},
};
use std::{
    cell::{Cell, RefCell},
    future::Future,
    io::PipeWriter,
    pin::Pin,
    rc::Rc,
    task::{Context, Waker},
};

pub(super) const ALL: &[Case] = &[
    Case {
        future: "reactor::net::lookup_host::LookupHost",
        make: || {
            resolved(|port, _| async move {
                assert_eq!(lookup_host((NAME, port)).await.unwrap().len(), 1);
            })
        },
    },
    Case { future: "reactor::signal::CtrlC", make: pressed },
    Case { future: "reactor::signal::Recv", make: received },
    Case {
        future: "reactor::process::child::Wait",
        make: || {
            with_child(|child| {
                Box::pin(async move { assert!(child.wait().await.unwrap().success()) })
            })
        },
    },
    Case {
        future: "reactor::process::child::Kill",
        make: || with_child(|child| Box::pin(async move { child.kill().await.unwrap() })),
    },
    Case {
        future: "reactor::process::capture::WaitWithOutput",
        make: || {
            with_command(|mut command| async move {
                let child = command.stdout(Stdio::piped()).spawn().unwrap();
                drop(command);
                assert!(child.wait_with_output().await.unwrap().status.success());
            })
        },
    },
    Case {
        future: "reactor::process::run::CommandStatus",
        make: || {
            with_command(|mut command| async move {
                assert!(command.status().await.unwrap().success());
            })
        },
    },
    Case {
        future: "reactor::process::run::CommandOutput",
        make: || {
            with_command(|mut command| async move {
                assert!(command.output().await.unwrap().status.success());
            })
        },
    },
];

/// To this thread.
#[expect(unsafe_code, reason = "raise(3): std has no door to it")]
fn raise(kind: SignalKind) {
    // SAFETY: a number; somebody listens, so the disposition is a handler that returns.
    assert_eq!(unsafe { libc::raise(kind.as_raw()) }, 0);
}

/// A step presses Ctrl-C. Somebody else listens all the time, or the tests would end.
fn pressed() -> Subject {
    let stage = Stage::enter();
    let other = signal(SignalKind::interrupt()).unwrap();
    let future = Box::pin(async { ctrl_c().await.unwrap() });
    let theirs = stage.clone();
    let step = Rc::new(move || {
        raise(SignalKind::interrupt());
        theirs.poll();
    });
    let check = Box::new(move || {
        drop(other);
        stage.check();
    });
    Subject { future, step, check }
}

/// A step raises a signal; what nobody heard is there to be heard.
fn received() -> Subject {
    let kind = SignalKind::from_raw(libc::SIGRTMIN() + 20);
    let stage = Stage::enter();
    let listener = Rc::new(RefCell::new(signal(kind).unwrap()));
    let (mine, is_due) = (listener.clone(), Rc::new(Cell::new(false)));
    let due = is_due.clone();
    let future = Box::pin(async move {
        mine.borrow_mut().recv().await.unwrap();
        due.set(false);
    });
    let (theirs, due) = (stage.clone(), is_due.clone());
    let step = Rc::new(move || {
        raise(kind);
        due.set(true);
        theirs.poll();
    });
    let check = Box::new(move || {
        stage.poll();
        if is_due.get() {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(listener.borrow_mut().poll_recv(&mut cx).is_ready(), "a signal is lost");
        }
        drop(listener);
        stage.check();
    });
    Subject { future, step, check }
}

/// `cat`, and the end of a pipe that it reads to its end.
fn cat() -> (Command, PipeWriter) {
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = Command::new("cat");
    command.stdin(reader);
    (command, writer)
}

/// The children of this thread.
fn children() -> Vec<libc::pid_t> {
    let children = std::fs::read_to_string("/proc/thread-self/children").unwrap();
    children.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// Waits until all children of this thread have ended, and leaves them as they are.
#[expect(unsafe_code, reason = "waitid(2) that does not reap: std has no door to it")]
fn children_end() {
    for pid in children() {
        // SAFETY: all zeros is a value of it.
        let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
        let flags = libc::WEXITED | libc::WNOWAIT;
        // SAFETY: `info` is ours to write.
        unsafe { libc::waitid(libc::P_PID, pid.unsigned_abs(), &raw mut info, flags) };
    }
}

/// A step closes the child's input, and waits until it has ended.
fn on<F: Future<Output = ()> + 'static>(
    stage: Rc<Stage>,
    input: PipeWriter,
    future: F,
    check: impl FnOnce() + 'static,
) -> Subject {
    let (input, theirs) = (RefCell::new(Some(input)), stage.clone());
    let step = Rc::new(move || {
        drop(input.take());
        children_end();
        theirs.poll();
    });
    let close = step.clone();
    let check = Box::new(move || {
        close();
        check();
        stage.poll();
        assert_eq!(children(), Vec::<libc::pid_t>::new(), "zombies");
        stage.check();
    });
    Subject { future: Box::pin(future), step, check }
}

type Unnamed = Pin<Box<dyn Future<Output = ()>>>;

fn with_child(make: fn(Rc<Child>) -> Unnamed) -> Subject {
    let (stage, (mut command, input)) = (Stage::enter(), cat());
    let child = Rc::new(command.spawn().unwrap());
    on(stage, input, make(child.clone()), move || {
        assert!(child.try_wait().unwrap().is_some(), "how it ended is lost");
    })
}

fn with_command<F: Future<Output = ()> + 'static>(make: fn(Command) -> F) -> Subject {
    let (stage, (command, input)) = (Stage::enter(), cat());
    on(stage, input, make(command), || ())
}

//! Files, on a pool with one thread. A step waits until that has done all it was
//! given. What was begun is complete.

use super::{Case, Subject};
use bowerbird::{
    fs::{self, File, ReadDir},
    runtime::{Builder, Runtime},
};
use futures::AsyncReadExt;
use std::{
    cell::Cell,
    future::{Future, poll_fn},
    io::Seek,
    path::{Path, PathBuf},
    pin::Pin,
    process,
    rc::Rc,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Wake, Waker},
};

pub(super) const ALL: &[Case] = &[
    Case { future: "bowerbird::fs::operation::Operation", make: write },
    Case { future: "bowerbird::fs::file::FileOperation", make: set_len },
    Case { future: "bowerbird::fs::file::IntoStd", make: into_std },
    Case {
        future: "bowerbird::fs::read_dir::Next",
        make: || {
            entries(|entries| {
                Box::pin(async move { entries.next().await.unwrap().unwrap().file_name().len() })
            })
        },
    },
    Case {
        future: "bowerbird::fs::read_dir::NextEntry",
        make: || {
            entries(|entries| {
                Box::pin(
                    async move { entries.next_entry().await.unwrap().unwrap().file_name().len() },
                )
            })
        },
    },
];

/// A runtime for its pool, and a directory.
struct Stage {
    runtime: Runtime,
    folder: PathBuf,
}

impl Stage {
    fn new() -> Rc<Self> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bowerbird-kit-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir(&folder).unwrap();
        let runtime = Builder::new_current_thread().max_blocking_threads(1).build().unwrap();
        Rc::new(Self { runtime, folder })
    }

    /// Waits until the pool has done what it was given.
    fn settle(&self) {
        let last = self.runtime.spawn_blocking(|| ());
        last.join_blocking(None).unwrap().unwrap();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// The wakes of the pool's thread, passed on by a step: the kits live on one thread.
#[derive(Default)]
struct Wakes {
    is_woken: Arc<IsWoken>,
    waker: Cell<Option<Waker>>,
}

#[derive(Default)]
struct IsWoken(AtomicBool);

impl Wake for IsWoken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}

impl Wakes {
    fn poll<F: Future>(&self, cx: &Context<'_>, future: Pin<&mut F>) -> Poll<F::Output> {
        let waker = cx.waker().clone();
        let old = self.waker.replace(Some(waker));
        drop(old);
        let inner = Waker::from(self.is_woken.clone());
        future.poll(&mut Context::from_waker(&inner))
    }

    fn pass_on(&self) {
        if self.is_woken.0.swap(false, Relaxed)
            && let Some(waker) = self.waker.take()
        {
            waker.wake();
        }
    }
}

/// Takes the last waker along.
struct Quiet(Rc<Wakes>);

impl Drop for Quiet {
    fn drop(&mut self) {
        let waker = self.0.waker.take();
        drop(waker);
    }
}

/// A future on `stage`, and what holds at its end.
fn on<F: Future<Output = ()> + 'static>(
    stage: &Rc<Stage>,
    future: F,
    check: impl FnOnce(&Stage) + 'static,
) -> Subject {
    let (stage, wakes) = (stage.clone(), Rc::new(Wakes::default()));
    let (mine, quiet, mut future) = (stage.clone(), Quiet(wakes.clone()), Box::pin(future));
    let polled = poll_fn(move |cx| {
        let _inside = mine.runtime.enter();
        quiet.0.poll(cx, future.as_mut())
    });
    let theirs = stage.clone();
    let step = Rc::new(move || {
        theirs.settle();
        wakes.pass_on();
    });
    let check = Box::new(move || {
        stage.settle();
        check(&stage);
    });
    Subject { future: Box::pin(polled), step, check }
}

fn write() -> Subject {
    let (stage, is_begun) = (Stage::new(), Rc::new(Cell::new(false)));
    let (path, begun) = (stage.folder.join("a"), is_begun.clone());
    let theirs = path.clone();
    let future = async move {
        begun.set(true);
        fs::write(&theirs, "text").await.unwrap();
    };
    on(&stage, future, move |_| assert_eq!(path.exists(), is_begun.get(), "half done"))
}

fn open(path: &Path) -> File {
    File::from_std(std::fs::File::open(path).unwrap())
}

fn set_len() -> Subject {
    let (stage, is_begun) = (Stage::new(), Rc::new(Cell::new(false)));
    let (path, begun) = (stage.folder.join("a"), is_begun.clone());
    let file = File::from_std(std::fs::File::create(&path).unwrap());
    let future = async move {
        begun.set(true);
        file.set_len(7).await.unwrap();
    };
    on(&stage, future, move |_| {
        let expected = if is_begun.get() { 7 } else { 0 };
        assert_eq!(std::fs::metadata(&path).unwrap().len(), expected);
    })
}

/// After a read that nobody took: there is something to wait for, and to put back.
fn into_std() -> Subject {
    let stage = Stage::new();
    let path = stage.folder.join("a");
    std::fs::write(&path, "0123456789").unwrap();
    let mut file = open(&path);
    let future = async move {
        poll_fn(|cx| {
            let mut buffer = [0; 4];
            let _ = Pin::new(&mut file.read(&mut buffer)).poll(cx);
            Poll::Ready(())
        })
        .await;
        let mut file = file.into_std().await.unwrap();
        assert!([0, 4].contains(&file.stream_position().unwrap()));
    };
    on(&stage, future, |_| ())
}

/// A directory with more entries than a batch, which nobody changes.
const FULL: &str = "/usr/bin";

type Named<'a> = Pin<Box<dyn Future<Output = usize> + 'a>>;

static ALL_OF_IT: OnceLock<usize> = OnceLock::new();

/// Some entries, of more than one batch. Those that were read for nobody come next.
fn entries(next: fn(&mut ReadDir) -> Named<'_>) -> Subject {
    let stage = Stage::new();
    let opening = fs::read_dir(FULL);
    let entries = Rc::new(Cell::new(None));
    let (mine, seen) = (entries.clone(), Rc::new(Cell::new(0)));
    let count = seen.clone();
    let future = async move {
        let mut lent = Lent { entries: Some(opening.await.unwrap()), home: mine };
        // Into the second batch.
        while count.get() < 65 {
            assert!(next(lent.entries.as_mut().unwrap()).await > 0);
            count.set(count.get() + 1);
        }
    };
    on(&stage, future, move |stage| {
        let Some(mut rest) = entries.take() else { return };
        let rest = stage.runtime.block_on(async {
            let mut count = 0;
            while rest.next().await.is_some() {
                count += 1;
            }
            count
        });
        let all = *ALL_OF_IT.get_or_init(|| std::fs::read_dir(FULL).unwrap().count());
        assert_eq!(seen.get() + rest, all, "entries are lost");
    })
}

/// Comes home when its borrower ends.
struct Lent {
    entries: Option<ReadDir>,
    home: Rc<Cell<Option<ReadDir>>>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.home.set(self.entries.take());
    }
}

//! Files: nothing is lost, done twice or left undone, and errors say of what.

use bowerbird::{
    fs::{self, File, OpenOptions, PathError},
    gather,
    runtime::{Builder, Handle},
    spawn, spawn_blocking,
    task::WaitKind,
};
use futures::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, StreamExt};
use std::{
    collections::BTreeSet,
    env,
    future::{Future, poll_fn},
    io::{self, ErrorKind, SeekFrom},
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    pin::{Pin, pin},
    process,
    sync::{
        atomic::{AtomicUsize, Ordering::Relaxed},
        mpsc,
    },
    task::{Context, Poll, Waker},
};

/// A directory of a test's own.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let name = format!("bowerbird-fs-{}-{}", process::id(), NUMBER.fetch_add(1, Relaxed));
        let path = env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, contents).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Keeps the only thread of the pool busy until it is dropped.
struct Jam(#[expect(dead_code, reason = "its drop lets the thread go")] mpsc::Sender<()>);

impl Jam {
    fn new() -> Self {
        let (sender, receiver) = mpsc::channel();
        drop(spawn_blocking(move || receiver.recv().unwrap_err()));
        Self(sender)
    }
}

/// On a runtime whose pool has one thread: jobs are done in order.
fn in_order<T>(main: impl Future<Output = T>) -> T {
    Builder::new_current_thread().max_blocking_threads(1).run(main).unwrap()
}

/// Begins it and drops it, on a pool with one thread, which does it afterwards.
async fn abandon<F: Future>(future: F) {
    let _jam = Jam::new();
    assert!(begin(future).await.is_pending());
}

/// Polls it once and drops it.
async fn begin<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

async fn until_the_pool_is_idle() {
    spawn_blocking(|| ()).await.unwrap();
}

#[bowerbird::test]
async fn what_was_written_can_be_read() {
    let folder = Folder::new();
    let path = folder.path("a");
    fs::write(&path, b"bytes").await.unwrap();
    assert_eq!(fs::read(&path).await.unwrap(), b"bytes");
    assert_eq!(fs::read_to_string(&path).await.unwrap(), "bytes");
    assert_eq!(fs::metadata(&path).await.unwrap().len(), 5);
    fs::write(&path, "").await.unwrap();
    assert!(fs::read(&path).await.unwrap().is_empty());
}

#[bowerbird::test]
async fn files_are_copied_renamed_linked_and_removed() {
    let folder = Folder::new();
    let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| folder.path(name));
    fs::write(&a, "text").await.unwrap();
    assert_eq!(fs::copy(&a, &b).await.unwrap(), 4);
    fs::rename(&b, &c).await.unwrap();
    assert!(!fs::try_exists(&b).await.unwrap());
    fs::hard_link(&c, &d).await.unwrap();
    fs::symlink(&d, &e).await.unwrap();
    assert_eq!(fs::read_link(&e).await.unwrap(), d);
    assert!(fs::symlink_metadata(&e).await.unwrap().is_symlink());
    assert!(fs::metadata(&e).await.unwrap().is_file());
    assert_eq!(fs::canonicalize(&e).await.unwrap(), fs::canonicalize(&d).await.unwrap());
    let mut permissions = fs::metadata(&c).await.unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&c, permissions).await.unwrap();
    assert!(fs::metadata(&d).await.unwrap().permissions().readonly());
    fs::remove_file(&e).await.unwrap();
    assert_eq!(fs::read(&d).await.unwrap(), b"text");
}

#[bowerbird::test]
async fn directories_are_made_and_removed() {
    let folder = Folder::new();
    let deep = folder.path("a/b/c");
    assert_eq!(fs::create_dir(&deep).await.unwrap_err().kind(), ErrorKind::NotFound);
    fs::create_dir_all(&deep).await.unwrap();
    fs::create_dir(deep.join("d")).await.unwrap();
    let error = fs::remove_dir(&deep).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
    fs::remove_dir(deep.join("d")).await.unwrap();
    fs::remove_dir_all(folder.path("a")).await.unwrap();
    assert!(!fs::try_exists(folder.path("a")).await.unwrap());
}

#[bowerbird::test]
async fn errors_name_the_path_and_keep_the_kind() {
    let folder = Folder::new();
    let missing = folder.path("missing");
    let error = fs::read(&missing).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().starts_with(&format!("cannot read {}: ", missing.display())));
    let inside: &PathError = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(inside.path(), missing);
    assert_eq!(inside.cause().raw_os_error(), Some(libc::ENOENT));

    let error = fs::rename(&missing, folder.path("b")).await.unwrap_err();
    let inside: &PathError = error.get_ref().unwrap().downcast_ref().unwrap();
    assert_eq!(inside.other_path(), Some(&*folder.path("b")));

    let file = File::open(folder.file("a", "text")).await.unwrap();
    let error = { file }.write(b"x").await.unwrap_err();
    assert!(error.to_string().contains("cannot write "), "{error}");
    let error = fs::read_dir(&missing).await.unwrap_err();
    assert!(error.to_string().contains("cannot read the directory "), "{error}");
    let error = fs::read_to_string(folder.file("b", [0xff])).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
}

#[bowerbird::test]
async fn every_entry_of_a_directory_comes_once() {
    let folder = Folder::new();
    let names: BTreeSet<_> = (0..300).map(|number| format!("file {number}")).collect();
    for name in &names {
        folder.file(name, name);
    }
    let mut entries = fs::read_dir(&folder.0).await.unwrap();
    let mut seen = BTreeSet::new();
    while let Some(entry) = entries.next_entry().await.unwrap() {
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(entry.path(), folder.path(&name));
        assert!(entry.file_type().await.unwrap().is_file());
        assert_eq!(entry.metadata().await.unwrap().len(), name.len() as u64);
        assert!(entry.ino() > 0);
        assert!(seen.insert(name));
    }
    assert_eq!(seen, names);
    assert!(entries.next().await.is_none(), "it ends once");

    let streamed = fs::read_dir(&folder.0).await.unwrap().map(Result::unwrap);
    assert_eq!(streamed.count().await, 300);
}

#[test]
fn entries_read_for_a_future_that_was_dropped_come_next() {
    let folder = Folder::new();
    for number in 0..200 {
        folder.file(&number.to_string(), "");
    }
    in_order(async {
        let mut entries = fs::read_dir(&folder.0).await.unwrap();
        let mut count = 0;
        loop {
            let is_pending = {
                let mut next = pin!(entries.next());
                poll_fn(|cx| match next.as_mut().poll(cx) {
                    Poll::Ready(Some(entry)) => Poll::Ready(entry.map(|_| false)),
                    Poll::Ready(None) => Poll::Ready(Err(ErrorKind::UnexpectedEof.into())),
                    Poll::Pending => Poll::Ready(Ok(true)),
                })
                .await
            };
            match is_pending {
                Ok(true) => until_the_pool_is_idle().await,
                Ok(false) => count += 1,
                Err(_) => break,
            }
        }
        assert_eq!(count, 200);
    });
}

#[bowerbird::test]
async fn a_file_is_read_written_and_sought() {
    let folder = Folder::new();
    let path = folder.path("a");
    let mut file = File::create_new(&path).await.unwrap();
    file.write_all(b"0123456789").await.unwrap();
    assert_eq!(fs::read(&path).await.unwrap(), b"0123456789", "no flush is needed");
    assert_eq!(file.seek(SeekFrom::Start(2)).await.unwrap(), 2);
    let mut three = [0; 3];
    file.read_exact(&mut three).await.unwrap();
    assert_eq!(&three, b"234");
    assert_eq!(file.seek(SeekFrom::Current(1)).await.unwrap(), 6);
    file.write_all(b"x").await.unwrap();
    assert_eq!(file.seek(SeekFrom::End(-1)).await.unwrap(), 9);
    assert_eq!(file.read(&mut three).await.unwrap(), 1);
    assert_eq!(file.read(&mut three).await.unwrap(), 0, "the end");
    assert_eq!(fs::read(&path).await.unwrap(), b"012345x789");
    assert_eq!(file.seek(SeekFrom::End(-11)).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    file.close().await.unwrap();
}

#[bowerbird::test]
async fn more_than_one_chunk_is_read_and_written() {
    let folder = Folder::new();
    let path = folder.path("a");
    let bytes: Vec<u8> = (0..5 * 1024 * 1024 + 7).map(|at| (at % 251) as u8).collect();
    File::create(&path).await.unwrap().write_all(&bytes).await.unwrap();
    let mut read = vec![];
    File::open(&path).await.unwrap().read_to_end(&mut read).await.unwrap();
    assert!(read == bytes);
    let mut all = vec![0; bytes.len()];
    let count = File::open(&path).await.unwrap().read(&mut all).await.unwrap();
    assert_eq!(count, 2 * 1024 * 1024, "what one call moves is bounded");
}

#[bowerbird::test]
async fn a_write_that_fails_says_so_itself() {
    let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
    let error = full.write_all(b"x").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::StorageFull);
    assert!(full.flush().await.is_ok(), "it was told already");
}

#[test]
fn the_error_of_an_abandoned_write_is_told_later() {
    in_order(async {
        let mut full = OpenOptions::new().write(true).open("/dev/full").await.unwrap();
        abandon(full.write(b"x")).await;
        assert_eq!(full.flush().await.unwrap_err().kind(), ErrorKind::StorageFull);
        abandon(full.write(b"x")).await;
        let error = full.into_std().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::StorageFull);
    });
}

#[test]
fn an_abandoned_read_loses_no_bytes() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    in_order(async {
        let mut file = OpenOptions::new().read(true).write(true).open(&path).await.unwrap();
        abandon(file.read(&mut [0; 4])).await;
        let mut two = [0; 2];
        file.read_exact(&mut two).await.unwrap();
        assert_eq!(&two, b"01");
        assert_eq!(file.stream_position().await.unwrap(), 2, "where the caller is");
        abandon(file.read(&mut [0; 4])).await;
        file.write_all(b"xy").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"01xy456789", "written where the caller is");
        abandon(file.read(&mut [0; 4])).await;
        let mut file = file.into_std().await.unwrap();
        assert_eq!(io::Seek::stream_position(&mut file).unwrap(), 4);
    });
}

#[test]
fn a_write_that_fails_leaves_the_position_where_the_caller_is() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    in_order(async {
        let mut file = File::open(&path).await.unwrap();
        abandon(file.read(&mut [0; 4])).await;
        file.write_all(b"it is open for reading").await.unwrap_err();
        assert_eq!(file.stream_position().await.unwrap(), 0);
        let mut text = String::new();
        abandon(file.read(&mut [0; 4])).await;
        file.write_all(b"still").await.unwrap_err();
        file.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "0123456789", "each byte once");
    });
}

#[test]
fn an_abandoned_write_is_made_once() {
    let folder = Folder::new();
    let path = folder.path("a");
    in_order(async {
        let mut file = File::create(&path).await.unwrap();
        abandon(file.write(b"ab")).await;
        file.write_all(b"abc").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abc");
        abandon(file.write(b"de")).await;
        file.write_all(b"xyz").await.unwrap();
        assert_eq!(fs::read(&path).await.unwrap(), b"abcdexyz", "it was another one");
        abandon(file.seek(SeekFrom::Start(1))).await;
        assert_eq!(file.seek(SeekFrom::Start(1)).await.unwrap(), 1);
        abandon(file.seek(SeekFrom::Current(3))).await;
        assert_eq!(file.seek(SeekFrom::Current(3)).await.unwrap(), 4);
    });
}

#[test]
fn sync_waits_for_writes_that_nobody_waits_for() {
    let folder = Folder::new();
    let path = folder.path("a");
    Builder::new_current_thread()
        .max_blocking_threads(2)
        .run(async {
            let mut file = File::create(&path).await.unwrap();
            for number in 0..50_u8 {
                let _ = begin(file.write(&[number])).await;
                file.sync_all().await.unwrap();
                let length = std::fs::metadata(&path).unwrap().len();
                assert_eq!(length, u64::from(number) + 1);
            }
        })
        .unwrap();
}

#[bowerbird::test]
async fn handles_of_one_file_share_its_position() {
    let folder = Folder::new();
    let mut file = File::open(folder.file("a", "0123456789")).await.unwrap();
    let mut other = file.try_clone().await.unwrap();
    let mut two = [0; 2];
    file.read_exact(&mut two).await.unwrap();
    other.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"23");
    let std = file.into_std().await.unwrap();
    let mut again = File::from_std(std);
    again.read_exact(&mut two).await.unwrap();
    assert_eq!(&two, b"45");
}

#[test]
fn operations_on_one_file_wait_beside_each_other() {
    let folder = Folder::new();
    let path = folder.path("a");
    in_order(async {
        let file = File::create(&path).await.unwrap();
        file.set_len(7).await.unwrap();
        let all = (file.metadata(), file.sync_data(), file.metadata());
        let (one, synced, two) = gather(all).await;
        synced.unwrap();
        assert_eq!((one.unwrap().len(), two.unwrap().len()), (7, 7));
    });
}

#[test]
fn what_was_handed_to_the_pool_completes() {
    let folder = Folder::new();
    let [polled, unpolled] = ["polled", "unpolled"].map(|name| folder.path(name));
    in_order(async {
        abandon(fs::write(&polled, "text")).await;
        drop(fs::write(&unpolled, "text"));
        until_the_pool_is_idle().await;
        assert_eq!(fs::read(&polled).await.unwrap(), b"text");
        assert!(!fs::try_exists(&unpolled).await.unwrap());
    });
}

#[test]
fn tasks_run_while_the_disk_is_waited_for() {
    let folder = Folder::new();
    let path = folder.file("a", "text");
    in_order(async {
        let jam = Jam::new();
        let reading = spawn(async move { fs::read(path).await });
        let site = loop {
            bowerbird::yield_now().await;
            if let Some(site) = reading.info().and_then(|it| it.waits_for) {
                break site;
            }
        };
        assert_eq!(site.kind, WaitKind::File);
        assert!(site.location.unwrap().file().ends_with("tests/it/fs.rs"));
        drop(jam);
        assert_eq!(reading.await.unwrap().unwrap(), b"text");
    });
}

#[test]
fn after_the_end_of_the_runtime_there_is_an_error() {
    let folder = Folder::new();
    let path = folder.file("a", "text");
    let runtime = Builder::new_current_thread().build().unwrap();
    let handle = runtime.handle().clone();
    let mut file = runtime.block_on(File::open(&path)).unwrap();
    let mut entries = runtime.block_on(fs::read_dir(&folder.0)).unwrap();
    drop(runtime);
    let _inside = handle.enter();
    let error = poll_once(&mut fs::read(&path)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Other);
    assert!(error.to_string().contains("shut down"), "{error}");
    assert!(poll_once(&mut file.read(&mut [0; 1])).is_err());
    assert!(poll_once(&mut entries.next()).unwrap().is_ok(), "it was read before");
    assert!(poll_once(&mut Box::pin(file.metadata())).is_err());
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> F::Output {
    match Pin::new(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn outside_a_runtime_the_panic_says_where() {
    assert!(Handle::try_current().is_none());
    let mut read = fs::read(Path::new("/dev/null"));
    let panic = catch_unwind(AssertUnwindSafe(|| poll_once(&mut read))).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.contains("tests/it/fs.rs"), "{message}");
}

#[test]
fn a_file_outlives_a_job_that_was_lost() {
    let folder = Folder::new();
    let path = folder.file("a", "0123456789");
    let first = Builder::new_current_thread().build().unwrap();
    let handle = first.handle().clone();
    let mut file = first.block_on(File::open(&path)).unwrap();
    drop(first);
    {
        let _inside = handle.enter();
        assert!(poll_once(&mut file.read(&mut [0; 4])).is_err());
    }
    in_order(async {
        let mut four = [0; 4];
        file.read_exact(&mut four).await.unwrap();
        assert_eq!(&four, b"0123");
        assert_eq!(file.metadata().await.unwrap().len(), 10);
    });
}

#[bowerbird::test]
async fn pipes_have_no_position_and_read_and_write_all_the_same() {
    let (reader, writer) = io::pipe().unwrap();
    let mut reader = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(reader)));
    let mut writer = File::from_std(std::fs::File::from(std::os::fd::OwnedFd::from(writer)));
    let mut buffer = [0; 8];
    let (read, written) = gather((reader.read(&mut buffer), writer.write(b"abc"))).await;
    assert_eq!((read.unwrap(), written.unwrap()), (3, 3));
    assert_eq!(reader.seek(SeekFrom::Start(0)).await.unwrap_err().kind(), ErrorKind::NotSeekable);
    drop(writer);
    assert_eq!(reader.read(&mut buffer).await.unwrap(), 0);
}

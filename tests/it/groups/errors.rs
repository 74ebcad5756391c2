//! How the error of a group looks, word for word.

use super::{Failed, Group, ms};
use bowerbird::{
    task::{GroupError, TaskGroup},
    task_group,
    time::sleep,
};
use std::{error::Error, fmt, future::pending, io};

type BoxError = Box<dyn Error + Send + Sync>;

/// An error with a cause.
#[derive(Debug)]
struct Unreachable {
    source: io::Error,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no route to host")
    }
}

impl Error for Unreachable {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

fn unreachable_host() -> Unreachable {
    Unreachable { source: io::Error::other(io::Error::other("the cable is gone")) }
}

/// Ids and lines differ from run to run and from edit to edit.
fn normalized(tree: &str) -> String {
    let mut text = String::new();
    let mut rest = tree.replace(file!(), "main.rs");
    for mark in ["#", "main.rs:"] {
        text.clear();
        while let Some(at) = rest.find(mark) {
            let after = rest.split_off(at + mark.len());
            text.push_str(&rest);
            let is_number = |c: char| c.is_ascii_digit() || (mark != "#" && c == ':');
            let number = after.find(|c| !is_number(c)).unwrap_or(after.len());
            // A colon after the column belongs to the text.
            let number = after[..number].trim_end_matches(':').len();
            if number > 0 {
                text.push('N');
            }
            rest = after[number..].to_owned();
        }
        text.push_str(&rest);
        rest = text.clone();
    }
    text
}

#[bowerbird::test(clock = "virtual")]
async fn a_tree_in_a_tree() {
    let error = task_group(async |g: TaskGroup<BoxError>| {
        let _last = super::OnDrop::new(|| panic!("interrupted"));
        g.spawn_named("crawl", async {
            task_group(async |h: TaskGroup<BoxError>| {
                h.spawn_named("fetch", async {
                    sleep(ms(1)).await;
                    Err::<(), _>(unreachable_host().into())
                });
                h.spawn(async {
                    let _last = super::OnDrop::new(|| panic!("out of berries\nand of leaves"));
                    pending::<Result<(), _>>().await
                });
                Ok(())
            })
            .await?;
            Ok(())
        });
        pending::<Result<(), _>>().await
    });
    let error = error.await.unwrap_err();
    let expected = "\
2 failures in the task group at main.rs:N
├─ task `crawl` #N (main.rs:N): 2 failures in the task group at main.rs:N
│  ├─ task `fetch` #N (main.rs:N): no route to host
│  │  caused by: the cable is gone
│  └─ task #N (main.rs:N) panicked: out of berries
│     and of leaves
└─ the body panicked: interrupted";
    assert_eq!(normalized(&error.to_string()), expected);
    assert_eq!(normalized(&format!("{error:?}")), expected, "what `unwrap` and `main` show");
    let source = error.source().unwrap().downcast_ref::<GroupError<BoxError>>().unwrap();
    assert_eq!(source.first().error().unwrap().to_string(), "no route to host");
    assert_eq!(source.source().unwrap().to_string(), "no route to host");
}

#[bowerbird::test]
async fn in_a_function_that_fails_with_an_io_error() {
    async fn serve(first: io::ErrorKind) -> io::Result<()> {
        task_group(async |g: TaskGroup<io::Error>| {
            let (_address, _server) = g
                .start(async move |started| {
                    let _started: bowerbird::task::Started<()> = started;
                    Err::<(), _>(first.into())
                })
                .await?;
            Ok(())
        })
        .await?;
        Ok(())
    }
    let error = serve(io::ErrorKind::AddrInUse).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    let group = error.get_ref().unwrap().downcast_ref::<GroupError<io::Error>>().unwrap();
    assert_eq!(group.first().error().unwrap().kind(), io::ErrorKind::AddrInUse);

    let error = task_group(async |_: Group| Err::<(), _>("no")).await.unwrap_err();
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::Other);
}

#[bowerbird::test]
async fn one_failure_and_one_line() {
    let error = task_group(async |_: Group| Err::<(), _>("no")).await.unwrap_err();
    let expected = "1 failure in the task group at main.rs:N\n└─ the body: no";
    assert_eq!(normalized(&error.to_string()), expected);
    assert_eq!(normalized(&format!("{error:?}")), expected);
    assert_eq!(error.first().to_string(), "the body: no");
    assert!(error.source().is_none());
    assert_eq!(error.location().file(), file!());
}

#[bowerbird::test]
async fn a_body_that_panicked() {
    let error: Failed = task_group(async |_: Group| {
        if ms(1) > ms(0) {
            panic!("at the disco");
        }
        Ok(())
    })
    .await
    .unwrap_err();
    let expected = "1 failure in the task group at main.rs:N\n└─ the body panicked: at the disco";
    assert_eq!(normalized(&error.to_string()), expected);
    let error: Failed = task_group(async |_: Group| {
        if ms(1) > ms(0) {
            std::panic::panic_any(7);
        }
        Ok(())
    })
    .await
    .unwrap_err();
    assert_eq!(error.first().to_string(), "the body panicked with a payload that is not text");
    let failure = error.into_failures().remove(0);
    let bowerbird::task::FailureKind::Panicked(panic) = failure.kind else { unreachable!() };
    assert_eq!(*panic.into_payload().downcast::<i32>().unwrap(), 7);
}

#[bowerbird::test]
async fn debug_needs_no_display_and_a_report_shows_causes() {
    #[derive(Debug)]
    struct Plain(#[expect(dead_code, reason = "shown by Debug")] u8);
    let error = task_group(async |_: TaskGroup<Plain>| Err::<(), _>(Plain(3))).await.unwrap_err();
    assert!(format!("{error:?}").ends_with("\n└─ the body: Plain(3)"));

    let error = task_group(async |_: TaskGroup<Unreachable>| Err::<(), _>(unreachable_host()));
    let error = error.await.unwrap_err();
    let lines = "\n└─ the body: no route to host\n   caused by: the cable is gone";
    assert!(error.report().to_string().ends_with(lines), "{}", error.report());
    assert!(error.to_string().ends_with("\n└─ the body: no route to host"));

    let error: GroupError<io::Error> =
        task_group(async |_| Err::<(), _>(io::Error::other(unreachable_host()))).await.unwrap_err();
    assert!(error.to_string().ends_with(lines), "{error}");
}

#[bowerbird::test]
async fn it_becomes_a_box_with_a_question_mark() {
    async fn inner() -> Result<(), BoxError> {
        task_group(async |g: TaskGroup<BoxError>| {
            g.spawn(async { Ok("x".parse::<u32>()?) });
            Ok(())
        })
        .await?;
        Ok(())
    }
    let error = inner().await.unwrap_err();
    assert!(error.to_string().ends_with(": invalid digit found in string"), "{error}");
    assert!(error.downcast_ref::<GroupError<BoxError>>().is_some());
}

#[bowerbird::test(clock = "virtual")]
async fn it_can_be_split_and_mapped() {
    let error = task_group(async |g: Group| {
        g.spawn(async {
            let _last = super::OnDrop::new(|| panic!("at the end"));
            pending::<Result<(), _>>().await
        });
        sleep(ms(1)).await;
        Err::<(), _>("no")
    });
    let (panics, errors) = error.await.unwrap_err().split(|it| it.panic().is_some());
    let (panics, errors) = (panics.unwrap(), errors.unwrap());
    assert_eq!((panics.failures().len(), errors.failures().len()), (1, 1));
    let (none, all) = errors.split(|_| false);
    assert!(none.is_none());
    let lengths = all.unwrap().map(str::len);
    assert_eq!(lengths.first().error(), Some(&2));
    assert_eq!(lengths.into_iter().count(), 1);
}

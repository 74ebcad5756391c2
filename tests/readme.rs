//! What the README shows is what there is.

use bowerbird::{
    sync::{Event, wait_blocking::WaitBlocking},
    task::{GroupError, TaskGroup},
    task_group,
};
use std::{error::Error, fs, path::Path, sync::Arc};

type Failed = Box<dyn Error + Send + Sync>;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// What stands between `opening` and the end of the block of code.
fn block(text: &str, opening: &str) -> String {
    let (_, rest) = text.split_once(opening).unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

#[test]
fn the_scraper_is_the_example() {
    let example = read("examples/scraper.rs");
    let (_, code) = example.split_once("\n\n").unwrap();
    assert_eq!(block(&read("README.md"), "```rust,no_run\n"), code);
}

/// Two children fail, and one of them is a group.
async fn fails() -> Result<(), GroupError<Failed>> {
    let is_reading = Arc::new(Event::new());
    task_group(async |group: TaskGroup<Failed>| {
        let reading = is_reading.clone();
        group.spawn_named("shop", async move {
            reading.wait().await;
            task_group(async |shop: TaskGroup<Failed>| {
                shop.spawn_named("prices", async { "3.x".parse::<f64>().map_err(Into::into) });
                Ok(())
            })
            .await?;
            Ok(())
        });
        let siblings = group.clone();
        group.spawn_blocking(move || {
            is_reading.set();
            siblings.cancelled().wait_blocking();
            match siblings.is_cancelled() {
                true => panic!("the shelf is empty"),
                false => Ok(()),
            }
        });
        Ok(())
    })
    .await
}

/// Numbers of tasks and places in files, which differ from program to program,
/// become `_`.
fn without_places(tree: &str) -> String {
    let mut words: Vec<_> = vec![];
    for word in tree.split_inclusive([' ', '\n']) {
        let is_place = word.contains(".rs:") || word.starts_with('#');
        words.push(if is_place { "_ " } else { word });
    }
    words.concat()
}

#[test]
fn the_tree_of_errors_looks_like_this() {
    let tree = bowerbird::run(fails()).unwrap_err().to_string();
    let shown = block(&read("README.md"), "```text\n");
    println!("{tree}");
    assert_eq!(without_places(tree.trim()), without_places(shown.trim()));
}

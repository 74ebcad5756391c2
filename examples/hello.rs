//! Three tasks, one of them slow, and their answers in order.
//!
//! ```text
//! cargo run --release --example hello
//! ```

use bowerbird::{
    gather, spawn,
    time::{Duration, Instant, sleep},
};

async fn greet(name: &'static str, delay: Duration) -> String {
    sleep(delay).await;
    format!("hello, {name}")
}

fn main() {
    let start = Instant::now();
    bowerbird::run(async {
        let slow = Duration::from_millis(50);
        let handles = ["gatherer", "thief", "builder"].map(|name| spawn(greet(name, slow)));
        for greeting in gather(handles).await {
            println!("{}", greeting.expect("no task panics here"));
        }
    });
    println!("after {} ms, not 150", start.elapsed().as_millis());
}

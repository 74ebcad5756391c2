//! The work: one function per workload, each asserting its result.

use crate::Runtime;

/// A task spawns `tasks` others, then awaits them all.
pub async fn spawn_then_join<R: Runtime>(tasks: u64) {
    let handles: Vec<_> = (0..tasks).map(|number| R::spawn(async move { number })).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    assert_eq!(sum, tasks * (tasks - 1) / 2);
}

/// A task spawns one other and awaits it, `tasks` times.
pub async fn spawn_and_await<R: Runtime>(tasks: u64) {
    let mut sum = 0;
    for number in 0..tasks {
        sum += R::spawn(async move { number }).await;
    }
    assert_eq!(sum, tasks * (tasks - 1) / 2);
}

/// `tasks` tasks yield `rounds` times each.
pub async fn yield_among<R: Runtime>(tasks: u64, rounds: u64) {
    let yields = move || async move {
        let mut done = 0;
        for _ in 0..rounds {
            R::yield_now().await;
            done += 1;
        }
        done
    };
    let handles: Vec<_> = (0..tasks).map(|_| R::spawn(yields())).collect();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await;
    }
    assert_eq!(sum, tasks * rounds);
}

/// `rounds` times: a new task gets a ping and answers with a pong.
pub async fn ping_pong<R: Runtime>(rounds: u64) {
    for number in 0..rounds {
        let (ping, pinged) = R::oneshot();
        let (pong, ponged) = R::oneshot();
        let other = R::spawn(async move { R::send(pong, pinged.await + 1) });
        R::send(ping, number);
        assert_eq!(ponged.await, number + 1);
        other.await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::Tokio;

    fn does_all<R: Runtime>() {
        let runtime = R::new(2);
        runtime.run(spawn_then_join::<R>(100));
        runtime.run(spawn_and_await::<R>(100));
        runtime.run(yield_among::<R>(10, 10));
        runtime.run(ping_pong::<R>(100));
    }

    #[test]
    fn tokio_does_all_the_work() {
        does_all::<Tokio>();
    }
}

//! What does a message cost?

mod operation;

use bowerbird::sync::mpsc as ours;
use bowerbird_bench::{
    Runtime,
    runtimes::{Bowerbird, Smol, Tokio},
};
use criterion::{Criterion, criterion_group, criterion_main};
use tokio::sync::mpsc as theirs;

/// How many messages there may be, or how many a sender sends in a row.
const AHEAD: u64 = 64;

/// One task sends numbers, another one sums them up.
macro_rules! messages {
    ($runtime:ty, $channel:expr, $got:path, |$sender:ident, $number:ident| $send:expr) => {
        |times| async move {
            let ($sender, mut receiver) = $channel;
            let producer = <$runtime>::spawn(async move {
                for $number in 0..times {
                    $send.expect("somebody receives");
                    if $number % AHEAD == AHEAD - 1 {
                        <$runtime>::yield_now().await;
                    }
                }
            });
            let (receiver, mut sum) = (&mut receiver, 0);
            while let $got(number) = receiver.recv().await {
                sum += number;
            }
            <$runtime>::join(producer).await;
            assert_eq!(sum, times * (times - 1) / 2);
        }
    };
}

fn channel(criterion: &mut Criterion) {
    const CAPACITY: usize = AHEAD as usize;
    let mut group = criterion.benchmark_group("message/bounded");
    let work = messages!(Bowerbird, ours::channel(CAPACITY), Some, |to, it| to.send(it).await);
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", work);
    let work = messages!(Tokio, theirs::channel(CAPACITY), Some, |to, it| to.send(it).await);
    operation::line::<Tokio, _>(&mut group, "tokio", work);
    let work = messages!(Smol, async_channel::bounded(CAPACITY), Ok, |to, it| to.send(it).await);
    operation::line::<Smol, _>(&mut group, "async-channel", work);
    group.finish();

    let mut group = criterion.benchmark_group("message/unbounded");
    let work = messages!(Bowerbird, ours::unbounded_channel(), Some, |to, it| to.send(it));
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", work);
    let work = messages!(Tokio, theirs::unbounded_channel(), Some, |to, it| to.send(it));
    operation::line::<Tokio, _>(&mut group, "tokio", work);
    let work = messages!(Smol, async_channel::unbounded(), Ok, |to, it| to.try_send(it));
    operation::line::<Smol, _>(&mut group, "async-channel", work);
    group.finish();
}

criterion_group!(benches, channel);
criterion_main!(benches);

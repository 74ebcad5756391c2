//! What does it cost to wait for the first of two?

mod operation;

use bowerbird_bench::runtimes::{Bowerbird, Tokio};
use criterion::{Criterion, criterion_group, criterion_main};
use std::{
    future::{pending, ready},
    hint::black_box,
    pin::pin,
};

/// One of two is ready, as in a loop that keeps the other.
macro_rules! one_is_ready {
    ($($select:ident)::+ $(, $biased:ident)?) => {
        |times| async move {
            let mut never = pin!(pending::<u64>());
            for turn in 0..times {
                let got = $($select)::+! {
                    $($biased;)?
                    got = ready(black_box(turn)) => got,
                    got = &mut never => got,
                };
                assert_eq!(got, turn);
            }
        }
    };
}

fn select(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("select");
    operation::line::<Bowerbird, _>(&mut group, "bowerbird", one_is_ready!(bowerbird::select));
    operation::line::<Tokio, _>(&mut group, "tokio", one_is_ready!(tokio::select));
    operation::line::<Bowerbird, _>(
        &mut group,
        "bowerbird, biased",
        one_is_ready!(bowerbird::select, biased),
    );
    operation::line::<Tokio, _>(&mut group, "tokio, biased", one_is_ready!(tokio::select, biased));
    group.finish();
}

criterion_group!(benches, select);
criterion_main!(benches);

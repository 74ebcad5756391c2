//! All outputs, in order, or the first error.

use crate::stage::{Witness, flavors, limited, panic_of};
use bowerbird::{gather, spawn, sync::Event, time::Duration, try_gather, yield_now};
use std::{
    future::{pending, ready},
    sync::Arc,
};

#[test]
fn ten_thousand_spawned_children_come_back_in_order() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let outputs = runtime.block_on(async {
                let children = (0..10_000_u32).map(|n| {
                    spawn(async move {
                        for _ in 0..n % 3 {
                            yield_now().await;
                        }
                        n
                    })
                });
                gather(children.collect::<Vec<_>>()).await
            });
            let outputs: Vec<_> = outputs.into_iter().map(Result::unwrap).collect();
            assert_eq!(outputs, (0..10_000).collect::<Vec<_>>());
        }
    });
}

#[test]
fn ten_thousand_plain_children_share_a_task() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let event = Arc::new(Event::new());
            let outputs = runtime.block_on(async {
                let children = (0..10_000_u32).map(|n| {
                    let event = event.clone();
                    async move {
                        event.wait().await;
                        yield_now().await;
                        n
                    }
                });
                let all = gather(children.collect::<Vec<_>>());
                let opener = async {
                    yield_now().await;
                    event.set();
                };
                gather((all, opener)).await.0
            });
            assert_eq!(outputs, (0..10_000).collect::<Vec<_>>());
        }
    });
}

/// Without that a gather over many that are always ready starves its worker.
#[test]
fn a_gather_of_many_that_are_ready_lets_others_run() {
    limited(|| {
        let runtime = crate::stage::single();
        let others = runtime.block_on(async {
            let event = Event::new();
            event.set();
            let other = spawn(async {});
            let waits = || async {
                event.wait().await;
                other.is_finished()
            };
            gather((0..10_000).map(|_| waits()).collect::<Vec<_>>()).await
        });
        assert!(!others[0] && others[9_999], "the other task had its turn in between");
    });
}

#[test]
fn a_childs_panic_comes_out_and_drops_the_rest() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let message = panic_of(|| {
                runtime.block_on(async {
                    let child = |n: u32| {
                        let token = witness.token();
                        async move {
                            let _token = token;
                            yield_now().await;
                            assert!(n != 3, "child {n} fell");
                            pending::<()>().await;
                        }
                    };
                    gather((0..10).map(child).collect::<Vec<_>>()).await
                })
            });
            assert_eq!((message.as_str(), witness.count()), ("child 3 fell", 10));
            crate::stage::assert_serves(&runtime);
        }
    });
}

#[test]
fn a_spawned_childs_panic_is_an_output_like_others() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let outputs = runtime.block_on(async {
                let child = |n: u32| {
                    spawn(async move {
                        assert!(n != 3, "child {n} fell");
                        n
                    })
                };
                gather([child(1), child(2), child(3), child(4)]).await
            });
            let texts: Vec<_> =
                outputs.into_iter().map(|it| it.map_err(|e| e.is_panic())).collect();
            let Ok(texts) = <[_; 4]>::try_from(texts) else { panic!("four outputs") };
            assert!(matches!(texts, [Ok(1), Ok(2), Err(true), Ok(4)]), "{texts:?}");
        }
    });
}

#[test]
fn the_first_error_drops_the_rest_and_returns_at_once() {
    limited(|| {
        for builder in flavors() {
            let runtime = builder.build().unwrap();
            let witness = Witness::default();
            let out = runtime.block_on(async {
                let child = |n: u32| {
                    let token = witness.token();
                    async move {
                        let _token = token;
                        yield_now().await;
                        match n {
                            7 => Err(n),
                            _ => pending::<Result<u32, u32>>().await,
                        }
                    }
                };
                let out = try_gather((0..100).map(child).collect::<Vec<_>>()).await;
                assert_eq!(witness.count(), 100, "gone when the error is known");
                out
            });
            assert_eq!(out, Err(7));
        }
    });
}

#[test]
fn nothing_and_one_can_be_gathered() {
    limited(|| {
        let runtime = crate::stage::single();
        runtime.block_on(async {
            assert_eq!(gather(Vec::<std::future::Ready<u8>>::new()).await, []);
            assert_eq!(gather((ready(1),)).await, (1,));
            assert_eq!(gather([ready(1); 1]).await, [1]);
            let none = Vec::<std::future::Ready<Result<u8, u8>>>::new();
            assert_eq!(try_gather(none).await, Ok(vec![]));
        });
    });
}

#[test]
fn a_gather_waits_as_long_as_its_slowest() {
    limited(|| {
        let runtime =
            bowerbird::runtime::Builder::new_current_thread().paused_clock().build().unwrap();
        runtime.block_on(async {
            let start = bowerbird::time::Instant::now();
            let sleeps = (1..=100).map(|n| bowerbird::time::sleep(Duration::from_secs(n)));
            gather(sleeps.collect::<Vec<_>>()).await;
            assert_eq!(start.elapsed(), Duration::from_secs(100));
        });
    });
}

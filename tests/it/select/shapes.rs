//! How it is written.

use super::one;
use bowerbird::{
    select, spawn,
    time::{sleep, timeout},
    yield_now,
};
use std::{
    future::{Future, IntoFuture, Ready, pending, ready},
    pin::pin,
    time::Duration,
};

#[bowerbird::test]
async fn one_branch_in_every_shape() {
    assert_eq!(select! { foo = async { 1 } => foo }, 1);
    assert_eq!(select! { foo = async { 1 } => foo, }, 1);
    assert_eq!(select! { foo = async { 1 } => { foo } }, 1);
    assert_eq!(select! { foo = async { 1 } => { foo }, }, 1);
    assert_eq!(select!(foo = one() => foo), 1);
    let one = one();
    assert_eq!(select![foo = one => foo,], 1);
    let unit: () = select! { _ = async {} => () };
    select! { () = async { unit } => {} }
}

#[bowerbird::test]
async fn else_may_stand_alone() {
    assert_eq!(select! { else => 1 }, 1);
    assert_eq!(select! { biased; else => { 1 }, }, 1);
}

#[bowerbird::test]
async fn the_words_of_the_macro_are_names_elsewhere() {
    let (enabled, output, f0) = (1, 2, 3);
    let sum = select! { biased = async { enabled + output } => biased + f0 };
    assert_eq!(sum, 6);
    let _0 = 1;
    assert_eq!(select! { it = async { _0 } => it + _0, else => 0 }, 2);
}

#[bowerbird::test]
async fn blocks_need_no_comma() {
    for _ in 0..8 {
        let two = select! {
            Some(a) = async { None::<u32> } => { a }
            b = async { 2 }, if one().await == 1 => { b }
            ..=1 = async { 7 } => { 1 }
            else => { unreachable!() }
        };
        assert_eq!(two, 2);
    }
}

#[bowerbird::test]
async fn commas_inside_of_expressions_end_no_branch() {
    fn pair<A, B>(a: A, b: B) -> impl Future<Output = (A, B)> {
        ready((a, b))
    }
    let less = (1, 2);
    let product = select! {
        (a, b) = pair::<u32, u32>(1, 2), if less.0 < less.1 => [a, b].iter().fold(1, |a, b| 2 * a * b),
        _ = <Ready<u8> as IntoFuture>::into_future(ready(1)), if less.0 > 3 && less.1 > 3 => 0,
    };
    assert_eq!(product, 8);
    let call =
        select! { it = one() => move |a: usize, b: usize| a + b + it, else => unreachable!() };
    assert_eq!(call(1, 2), 4);
    let map = select! {
        it = one() => std::collections::BTreeMap::<usize, usize>::from([(it, it)]),
        else => Default::default(),
    };
    assert_eq!(map[&1], 1);
    let cast = select! { it = one() => it as u8 as u32, _ = ready(()) => 1 << 0 };
    assert_eq!(cast, 1);
}

#[bowerbird::test]
async fn a_select_in_a_handler_and_in_a_future() {
    let three = select! {
        x = async { select! { y = async { 1 } => y } } => {
            select! { y = async { 2 } => x + y }
        }
    };
    assert_eq!(three, 3);
    let one = select! { foo = async { 1 } => select! { bar = async { foo } => bar, }, };
    assert_eq!(one, 1);
}

#[bowerbird::test]
async fn a_branch_that_never_ends_warns_of_nothing() {
    #![deny(warnings)]
    async fn never() -> ! {
        pending().await
    }
    let one = select! {
        _ = never() => 0,
        it = one() => it,
    };
    assert_eq!(one, 1);
}

#[bowerbird::test]
async fn things_that_become_futures_and_temporaries() {
    struct NotYet;
    impl IntoFuture for NotYet {
        type Output = ();
        type IntoFuture = Ready<()>;

        fn into_future(self) -> Ready<()> {
            ready(())
        }
    }
    select! { () = NotYet => {} }
    select! { () = &mut ready(()) => {} }
    select! { () = &mut pin!(async {}) => {} }
}

#[bowerbird::test]
async fn the_macro_follows_a_crate_that_is_renamed() {
    mod within {
        pub(super) use ::bowerbird::select as choose;
        pub(super) mod bowerbird {}
    }
    #[expect(unused_imports, reason = "stands in the way of the name")]
    use within::bowerbird;
    use within::choose;
    assert_eq!(choose! { it = ready(1) => it }, 1);
}

#[bowerbird::test]
async fn a_select_may_come_from_a_macro() {
    macro_rules! first {
        ($($pattern:pat = $future:expr, $condition:expr => $handler:block)*) => {
            select! { biased; $($pattern = $future, if $condition => $handler)* else => 0 }
        };
    }
    let it_is_so = true;
    let it = first! {
        None = ready(Some(1)), true => { 2 }
        Some(ref it) = ready(Some(1)), it_is_so => { *it }
    };
    assert_eq!(it, 1);
}

#[bowerbird::test]
async fn handlers_are_part_of_the_function_around() {
    async fn with_question_mark() -> Result<u32, std::num::ParseIntError> {
        let n: u32 = select! { text = ready("x") => text.parse()? };
        Ok(n)
    }
    assert!(with_question_mark().await.is_err());

    async fn with_return() -> u32 {
        let mut is_second = false;
        loop {
            select! { it = ready(3), if is_second => return it, else => is_second = true }
        }
    }
    assert_eq!(with_return().await, 3);

    let mut rounds = 0;
    let broken = 'outer: loop {
        for _ in 0..10 {
            rounds += 1;
            select! {
                _ = ready(()), if rounds == 1 => continue 'outer,
                _ = ready(()), if rounds < 4 => { continue; }
                it = ready(5) => break 'outer it,
            }
        }
    };
    assert_eq!((broken, rounds), (5, 4));

    let awaited = select! { it = ready(1) => { yield_now().await; it + ready(1).await } };
    assert_eq!(awaited, 2);
}

/// The futures lie side by side, and 24 bytes besides.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_select_is_as_large_as_its_futures() {
    let size = |future: &dyn Fn() -> usize| future();
    let one = size(&|| {
        let future = async {
            let a = ready(0_i32);
            select! { _ = a => {} }
        };
        size_of_val(&future)
    });
    let three = size(&|| {
        let future = async {
            let (a, b, c) = (ready(0_i32), ready(0_i32), ready(0_i32));
            select! { _ = a => {}, _ = b => {}, _ = c => {} }
        };
        size_of_val(&future)
    });
    assert!(one <= 32, "{one}");
    assert!(three <= 48, "{three}");
}

#[bowerbird::test(worker_threads = 2)]
async fn a_task_with_a_select_may_be_spawned() {
    let task = spawn(async {
        let mut slow = pin!(sleep(Duration::from_secs(60)));
        select! {
            () = &mut slow => 0,
            it = timeout(Duration::from_secs(60), async { yield_now().await; 5 }) => it.unwrap(),
        }
    });
    assert_eq!(task.await.unwrap(), 5);
}

//! `join!` and `try_join!`: `gather` of a tuple under the names of other crates.

use bowerbird::{join, spawn, sync::Event, try_join, yield_now};
use std::{
    future::{IntoFuture, Ready, pending, ready},
    pin::pin,
};

#[bowerbird::test]
async fn outputs_come_in_order_with_a_comma_at_the_end_and_without() {
    assert_eq!(join!(ready(1)), (1,));
    assert_eq!(join!(ready(1),), (1,));
    assert_eq!(join!(ready(1), ready("two")), (1, "two"));
    assert_eq!(join!(ready(1), ready("two"),), (1, "two"));
    let r = ready::<u8>;
    let twelve = join!(r(0), r(1), r(2), r(3), r(4), r(5), r(6), r(7), r(8), r(9), r(10), r(11));
    assert_eq!(twelve, (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11));
}

#[bowerbird::test]
async fn values_come_in_order_with_a_comma_at_the_end_and_without() {
    let ok = |n: u8| ready(Ok::<u8, &str>(n));
    assert_eq!(try_join!(ok(1)), Ok((1,)));
    assert_eq!(try_join!(ok(1),), Ok((1,)));
    assert_eq!(try_join!(ok(1), ready(Ok('2'))), Ok((1, '2')));
    let twelve = try_join!(
        ok(0),
        ok(1),
        ok(2),
        ok(3),
        ok(4),
        ok(5),
        ok(6),
        ok(7),
        ok(8),
        ok(9),
        ok(10),
        ok(11),
    );
    assert_eq!(twelve, Ok((0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)));
}

#[bowerbird::test]
async fn nothing_can_be_joined() {
    let () = join!();
    assert_eq!(try_join!() as Result<(), u8>, Ok(()));
}

#[bowerbird::test]
async fn futures_may_borrow_from_here_and_from_temporaries() {
    async fn length(text: &str) -> usize {
        yield_now().await;
        text.len()
    }
    let text = String::from("bower");
    assert_eq!(join!(length(&text), length(&format!("{text}bird"))), (5, 9));
    let mut pinned = pin!(length(&text));
    assert_eq!(join!(pinned.as_mut(), ready(())).0, 5);
}

#[bowerbird::test]
async fn whatever_becomes_a_future_can_be_joined() {
    struct Request(u8);

    impl IntoFuture for Request {
        type Output = Result<u8, ()>;
        type IntoFuture = Ready<Self::Output>;

        fn into_future(self) -> Self::IntoFuture {
            ready(Ok(self.0))
        }
    }

    assert_eq!(join!(Request(1), ready(2)), (Ok(1), 2));
    assert_eq!(try_join!(Request(1), Request(2)), Ok((1, 2)));
}

#[bowerbird::test]
async fn two_that_wait_for_each_other_both_end() {
    let (first, second) = (Event::new(), Event::new());
    let one = async {
        first.wait().await;
        second.set();
        1
    };
    let two = async {
        first.set();
        second.wait().await;
        2
    };
    assert_eq!(join!(one, two), (1, 2));
}

#[bowerbird::test]
async fn the_first_error_ends_the_wait_for_those_that_never_end() {
    let never = pending::<Result<(), &str>>;
    assert_eq!(try_join!(never(), async { Err::<(), _>("no") }, never()), Err("no"));
}

#[bowerbird::test]
async fn an_error_goes_on_with_a_question_mark_inside_and_outside() {
    async fn sum() -> Result<u8, std::num::ParseIntError> {
        let (one, two) = try_join!(ready("1".parse::<u8>()), ready(Ok("2".parse::<u8>()?)))?;
        try_join!(ready("x".parse::<u8>()), ready(Ok(one + two))).map(|(x, sum)| x + sum)
    }
    assert!(sum().await.is_err());
}

#[bowerbird::test]
async fn names_in_the_expressions_are_those_of_the_caller() {
    let (a, b, future, more) = (1, 2, 3, 4);
    assert_eq!(join!(ready(a), ready(b), ready(future), ready(more)), (1, 2, 3, 4));
}

#[bowerbird::test]
async fn a_joined_future_that_yields_without_end_starves_neither_its_sibling_nor_a_task() {
    let event = Event::new();
    let busy = async {
        while !event.is_set() {
            yield_now().await;
        }
    };
    let task = spawn(async { 7 });
    let other = async {
        let seven = task.await;
        event.set();
        seven.unwrap()
    };
    assert_eq!(join!(busy, other), ((), 7));
}

#[test]
fn a_join_is_larger_than_its_futures_by_a_little() {
    let big = || async {
        let bytes = [0_u8; 1_000];
        yield_now().await;
        bytes.len()
    };
    let one = size_of_val(&big());
    let joined = async { join!(big(), big()) };
    let size = size_of_val(&joined);
    assert!(size <= 2 * one + 120, "{size} bytes for two of {one}");
    drop(joined);
}

//! Nothing of what a `select!` becomes may make the compiler or clippy say anything to
//! whoever wrote it, however strict they are, and none of its names is seen.

#![deny(warnings, clippy::all, clippy::pedantic, clippy::nursery)]
#![deny(unused_qualifications, unused_results, unreachable_pub, single_use_lifetimes)]
#![deny(let_underscore_drop, trivial_casts, unused_lifetimes, variant_size_differences)]
#![deny(clippy::shadow_reuse, clippy::shadow_same, clippy::pattern_type_mismatch)]
#![deny(clippy::wildcard_enum_match_arm, clippy::unreachable, clippy::panic)]
#![deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::allow_attributes)]
#![deny(clippy::min_ident_chars, clippy::missing_docs_in_private_items)]

use bowerbird::{select, sync::mpsc, yield_now};
use std::future::{Future, pending, ready};

async fn small() -> u8 {
    yield_now().await;
    1
}

fn sum_of(bytes: &[u8]) -> u8 {
    bytes.iter().sum()
}

async fn endless() {
    loop {
        yield_now().await;
    }
}

#[bowerbird::test]
async fn patterns_of_every_kind_warn_of_nothing() {
    let large = [0_u8; 2_000];
    let number = select! {
        Some(_) = ready(None::<u8>) => 0,
        (first, 0) | (_, first) = ready((2, 3)), if sum_of(&large) > 1 => first,
        () = endless() => 4,
        mut it = small() => {
            it = it.wrapping_add(1);
            it
        }
        _ = ready(large) , if false => 5,
    };
    assert_eq!(number, 2);
    let text = select! {
        Ok(ref it) | Err(ref it) = ready(Err::<String, _>("text".to_owned())) => it.clone(),
        else => String::new(),
    };
    assert_eq!(text, "text");
}

#[bowerbird::test]
async fn handlers_that_all_leave_warn_of_nothing() {
    #[expect(clippy::needless_return, reason = "it is about that")]
    async fn leaves(is_late: bool) -> u8 {
        select! {
            it = small(), if !is_late => return it,
            () = ready(()), if is_late => return 2,
            else => return 3,
        }
    }
    async fn fails() -> Result<u8, String> {
        'outer: loop {
            select! {
                biased;
                it = ready(Err(String::from("none"))) => break 'outer it,
                () = pending() => {}
            }
        }
    }
    async fn asks() -> Result<u8, String> {
        let it: u8 = select! { it = fails() => it? };
        Ok(it)
    }
    assert_eq!((leaves(false).await, leaves(true).await), (1, 2));
    assert_eq!(asks().await, Err("none".to_owned()));
    let value = 'block: {
        select! { it = small() => break 'block it }
    };
    assert_eq!(value, 1);
}

#[bowerbird::test]
async fn a_loop_over_channels_warns_of_nothing() {
    let (sender, mut receiver) = mpsc::channel::<u8>(2);
    let mut sum = 0_u8;
    assert!(sender.send(3).await.is_ok());
    drop(sender);
    loop {
        select! {
            Some(it) = receiver.recv() => sum = sum.wrapping_add(it),
            else => break,
        }
    }
    select! {
        () = ready(()) => {}
        else => (),
    }
    assert_eq!(sum, 3);
}

/// Generic over all that a function can be generic over, borrowed, and still `Send`.
#[expect(clippy::manual_async_fn, reason = "it says what is `Send`")]
fn generic<'a, const COUNT: usize, Value: Clone + Send + Sync>(
    values: &'a [Value; COUNT],
    other: &'a mut Vec<Value>,
) -> impl Future<Output = usize> + Send + use<'a, COUNT, Value> {
    async move {
        select! {
            None = ready(values.first()) => other.clear(),
            () = ready(()) , if values.len() > COUNT => other.extend_from_slice(values),
            () = async { other.extend(values.iter().cloned()) } => other.truncate(COUNT),
        }
        other.len()
    }
}

#[bowerbird::test]
async fn generic_functions_keep_their_bounds() {
    let mut other = vec![1, 2, 3];
    assert_eq!(generic(&[1, 2], &mut other).await, 2);
}

/// Names that stand for something else where a `select!` is written.
mod shadows {
    #![expect(non_upper_case_globals, reason = "it looks like ours")]

    use ::bowerbird::select;

    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Perhaps {
        Some(u8),
        None,
    }
    use self::Perhaps::{None, Some};
    type Option = Perhaps;

    mod core {}
    mod std {}
    mod bowerbird {}

    const output: u8 = 7;
    const enabled: u8 = 8;
    const f0: u8 = 9;

    #[expect(dead_code, reason = "it stands in the way")]
    struct Ok;
    #[expect(dead_code, reason = "it stands in the way")]
    struct Poll;
    #[expect(dead_code, reason = "it stands in the way")]
    struct Pin;
    #[expect(dead_code, reason = "it stands in the way")]
    struct Context;

    #[expect(unused_macros, reason = "ours is meant where we write it")]
    macro_rules! unreachable {
        ($($anything:tt)*) => {
            ::core::compile_error!("somebody else's")
        };
    }

    pub(super) async fn choose() -> (Option, u8) {
        let it = async { Some(output) };
        let some = select! {
            None = async { Some(1) } => Some(1),
            Some(9) = async { if enabled == f0 { Some(f0) } else { None } } => Some(f0),
            Some(it) = it => Some(it),
        };
        let number = select! {
            output = ::core::future::ready(output) => f0,
            else => enabled,
        };
        (some, number)
    }

    #[::bowerbird::test]
    async fn names_of_users_and_of_ours_do_not_meet() {
        assert_eq!(choose().await, (Some(7), 9));
    }
}

/// What comes as one from a macro stays one, whatever stands beside it.
macro_rules! double {
    ($sum:expr, $condition:expr, $kind:ty, $path:path) => {
        select! {
            biased;
            _ = pending::<()>(), if !$condition => 0,
            it = ready($sum * 2), if $condition && true => it + $sum * 2,
            it = ready(2) => 2 * $sum + it + <$kind>::default().unwrap_or(0),
            else => $path { it: $sum }.it,
        }
    };
}

mod inner {
    pub(super) struct Wrapped {
        pub(super) it: u32,
    }
}

#[bowerbird::test]
async fn an_expression_from_a_macro_is_not_taken_apart() {
    let (one, two) = (1, 2);
    assert_eq!(double!(one + two, one == two || two > one, Option<u32>, inner::Wrapped), 12);
    assert_eq!(double!(one + two, one == two, Option<u32>, inner::Wrapped), 8);
}

/// Every fragment of a macro, in every place where it may stand.
macro_rules! choose {
    ($name:ident, $value:expr, $pattern:pat, $block:block, $condition:expr, $other:literal) => {
        select! {
            biased;
            $pattern = $value, if $condition => $block
            $other = ready($other), if !$condition => { $other }
            $name = ready(1) => $name + $other,
        }
    };
    (tokens $($token:tt)*) => {
        choose!(@ [] $($token)*)
    };
    (@ [$($done:tt)*] $next:tt $($rest:tt)*) => {
        choose!(@ [$($done)* $next] $($rest)*)
    };
    (@ [$($done:tt)*]) => {
        select! { $($done)* }
    };
}

#[bowerbird::test]
async fn macros_hand_on_what_they_were_given() {
    let two = choose!(it, ready(Some(2)), Some(1) | None, { 9 }, true, 1);
    assert_eq!(two, 2);
    let one = choose!(it, ready(Some(2)), Some(3..) | None, { 9 }, 1 > 2, 1);
    assert_eq!(one, 1);
    let nine = choose!(it, ready(Some(2)), Some(..=3) | None, { 9 }, 2 > 1, 1);
    assert_eq!(nine, 9);
    let seven = choose!(tokens Some(it) = ready(Some(7)) => it, else => { 8 });
    assert_eq!(seven, 7);
    let inside_of_a_closure = || async {
        select! { it = small() => it }
    };
    assert_eq!(inside_of_a_closure().await, 1);
}

//! `join!` and `try_join!`: the names that users of other crates look for.

/// Waits for all of several futures and gives a tuple of their outputs, in order.
///
/// It is [`gather`](crate::gather()) of a tuple, awaited: `join!(a, b)` is
/// `gather((a, b)).await`, and all that is said there holds here. The futures may
/// be anything that is `IntoFuture`, twelve at most; more of them, or a number not
/// known before, go into a `Vec` for `gather`.
///
/// Of what is woken together, what was woken first is polled first; at the start
/// all are polled in the order in which they stand. There is no `biased;`.
///
/// # Cancel safety
///
/// **Lossy**, as [`gather`](crate::gather()).
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let (name, size) = bowerbird::join!(async { "bower" }, async { 7 });
/// assert_eq!((name, size), ("bower", 7));
/// # });
/// ```
///
/// ```compile_fail
/// # async fn thirteen() {
/// // Twelve at most.
/// let r = std::future::ready::<u8>;
/// bowerbird::join!(
///     r(0), r(1), r(2), r(3), r(4), r(5), r(6), r(7), r(8), r(9), r(10), r(11), r(12)
/// );
/// # }
/// ```
#[macro_export]
macro_rules! join {
    (biased; $($rest:tt)*) => {
        ::core::compile_error!(
            "`join!` knows no `biased;`: its futures start in the order in which they stand, and \
             are polled in the order in which they are woken"
        )
    };
    (
        $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr, $i:expr, $j:expr,
        $k:expr, $l:expr, $m:expr $(, $more:expr)* $(,)?
    ) => {
        ::core::compile_error!(
            "`join!` takes twelve futures at most: put more into a `Vec` for `gather`, or join \
             joins"
        )
    };
    ($($future:expr),* $(,)?) => {
        $crate::gather(($(::core::future::IntoFuture::into_future($future),)*)).await
    };
}

/// Waits for all of several futures to succeed and gives a tuple of their values,
/// in order; the first error ends the wait.
///
/// It is [`try_gather`](crate::try_gather()) of a tuple, awaited: what is said
/// there, and of [`join!`], holds here. The futures have one error type.
///
/// # Cancel safety
///
/// **Lossy**, as [`gather`](crate::gather()).
///
/// # Examples
///
/// ```
/// # futures::executor::block_on(async {
/// let parse = |text: &'static str| async move { text.parse::<u32>() };
/// let (one, two) = bowerbird::try_join!(parse("1"), parse("2"))?;
/// assert_eq!(one + two, 3);
/// assert!(bowerbird::try_join!(parse("1"), parse("two")).is_err());
/// # Ok::<(), std::num::ParseIntError>(())
/// # }).unwrap();
/// ```
///
/// ```compile_fail
/// # async fn biased() {
/// let good = || std::future::ready(Ok::<u8, ()>(1));
/// bowerbird::try_join!(biased; good(), good());
/// # }
/// ```
#[macro_export]
macro_rules! try_join {
    (biased; $($rest:tt)*) => {
        ::core::compile_error!(
            "`try_join!` knows no `biased;`: its futures start in the order in which they stand, \
             and are polled in the order in which they are woken"
        )
    };
    (
        $a:expr, $b:expr, $c:expr, $d:expr, $e:expr, $f:expr, $g:expr, $h:expr, $i:expr, $j:expr,
        $k:expr, $l:expr, $m:expr $(, $more:expr)* $(,)?
    ) => {
        ::core::compile_error!(
            "`try_join!` takes twelve futures at most: put more into a `Vec` for `try_gather`, or \
             join joins"
        )
    };
    () => {
        ::core::result::Result::Ok(())
    };
    ($($future:expr),+ $(,)?) => {
        $crate::try_gather(($(::core::future::IntoFuture::into_future($future),)+)).await
    };
}

//! What can race: tuples, arrays, `Vec`s.

use super::{Race, RaceErrors, RaceOk, Racing, RacingOk, errors::Errors};
use crate::many::{
    child::{First, FirstOk},
    children::{Array, ArrayOf, List},
    tuples::{self, each_tuple},
};
use std::{future::Future, panic::Location};

impl<F: Future, const N: usize> Race for [F; N] {
    type Output = F::Output;
    type Future = Racing<ArrayOf<First, F, N>>;

    fn into_racing(self, location: &'static Location<'static>) -> Self::Future {
        const { assert!(N > 0, "a race of no futures would never end") };
        Racing::new(first(N), Array::new(self), location)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>, const N: usize> RaceOk for [F; N] {
    type Output = T;
    type Error = E;
    type Future = RacingOk<ArrayOf<FirstOk, F, N>>;

    fn into_racing_ok(self, location: &'static Location<'static>) -> Self::Future {
        RacingOk::new(first(N), Array::new(self), location)
    }
}

impl<F: Future> Race for Vec<F> {
    type Output = F::Output;
    type Future = Racing<List<First, F>>;

    #[track_caller]
    fn into_racing(self, location: &'static Location<'static>) -> Self::Future {
        assert!(!self.is_empty(), "a race of no futures would never end");
        Racing::new(first(self.len()), List::new(self), location)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> RaceOk for Vec<F> {
    type Output = T;
    type Error = E;
    type Future = RacingOk<List<FirstOk, F>>;

    fn into_racing_ok(self, location: &'static Location<'static>) -> Self::Future {
        RacingOk::new(first(self.len()), List::new(self), location)
    }
}

/// Which of so many is polled first: of several that are ready at once the first one
/// polled wins. Drawn from the generator that a seed of the runtime decides.
fn first(count: usize) -> usize {
    match count {
        0 | 1 => 0,
        // More there cannot be in a race.
        _ => executor::random_below(count.min(u32::MAX as usize)),
    }
}

/// The type of each element of a tuple of one type.
macro_rules! same {
    ($T:ident, $field:ident) => {
        $T
    };
}

macro_rules! tuple {
    ($Tuple:ident $len:literal: $($F:ident $T:ident $field:ident $index:literal)+) => {
        impl<O, $($F: Future<Output = O>),+> Race for ($($F,)+) {
            type Output = O;
            type Future = Racing<tuples::$Tuple<First, $($F),+>>;

            fn into_racing(self, location: &'static Location<'static>) -> Self::Future {
                Racing::new(first($len), tuples::$Tuple::new(self), location)
            }
        }

        impl<T, E, $($F: Future<Output = Result<T, E>>),+> RaceOk for ($($F,)+) {
            type Output = T;
            type Error = E;
            type Future = RacingOk<tuples::$Tuple<FirstOk, $($F),+>>;

            fn into_racing_ok(self, location: &'static Location<'static>) -> Self::Future {
                RacingOk::new(first($len), tuples::$Tuple::new(self), location)
            }
        }

        impl<E> Errors for ($(same!(E, $field),)+) {
            type Error = E;

            fn into_errors(self) -> RaceErrors<E> {
                let ($($field,)+) = self;
                RaceErrors::new(vec![$($field),+])
            }
        }
    };
}

each_tuple!(tuple);

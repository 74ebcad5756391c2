//! What can be gathered: tuples, arrays, `Vec`s.

use super::{Gather, Gathering, TryGather, TryGathering};
use crate::many::{
    child::{All, AllOk},
    children::{Array, ArrayOf, List},
    tuples::{self, each_tuple},
};
use std::{
    future::{self, Future},
    panic::Location,
};

impl Gather for () {
    type Output = ();
    type Future = future::Ready<()>;

    fn into_gathering(self, _location: &'static Location<'static>) -> Self::Future {
        future::ready(())
    }
}

impl<F: Future, const N: usize> Gather for [F; N] {
    type Output = [F::Output; N];
    type Future = Gathering<ArrayOf<All, F, N>>;

    fn into_gathering(self, location: &'static Location<'static>) -> Self::Future {
        Gathering::new(Array::new(self), location)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>, const N: usize> TryGather for [F; N] {
    type Output = [T; N];
    type Error = E;
    type Future = TryGathering<ArrayOf<AllOk, F, N>>;

    fn into_try_gathering(self, location: &'static Location<'static>) -> Self::Future {
        TryGathering::new(Array::new(self), location)
    }
}

impl<F: Future> Gather for Vec<F> {
    type Output = Vec<F::Output>;
    type Future = Gathering<List<All, F>>;

    fn into_gathering(self, location: &'static Location<'static>) -> Self::Future {
        Gathering::new(List::new(self), location)
    }
}

impl<T, E, F: Future<Output = Result<T, E>>> TryGather for Vec<F> {
    type Output = Vec<T>;
    type Error = E;
    type Future = TryGathering<List<AllOk, F>>;

    fn into_try_gathering(self, location: &'static Location<'static>) -> Self::Future {
        TryGathering::new(List::new(self), location)
    }
}

macro_rules! tuple {
    ($Tuple:ident $len:literal: $($F:ident $T:ident $field:ident $index:literal)+) => {
        impl<$($F: Future),+> Gather for ($($F,)+) {
            type Output = ($($F::Output,)+);
            type Future = Gathering<tuples::$Tuple<All, $($F),+>>;

            fn into_gathering(self, location: &'static Location<'static>) -> Self::Future {
                Gathering::new(tuples::$Tuple::new(self), location)
            }
        }

        impl<Error, $($T, $F: Future<Output = Result<$T, Error>>),+> TryGather for ($($F,)+) {
            type Output = ($($T,)+);
            type Error = Error;
            type Future = TryGathering<tuples::$Tuple<AllOk, $($F),+>>;

            fn into_try_gathering(self, location: &'static Location<'static>) -> Self::Future {
                TryGathering::new(tuples::$Tuple::new(self), location)
            }
        }
    };
}

each_tuple!(tuple);

//! The children of tuples.

use super::{
    Gather, Gathering, TryGather, TryGathering,
    child::{All, Child, FirstError, Kept, Progress, Verdict},
    children::Children,
};
use pin_project_lite::pin_project;
use std::{
    future::{self, Future},
    panic::Location,
    pin::Pin,
    task::{Context, Poll},
};
use sync::ready_set::Slot;

impl Gather for () {
    type Output = ();
    type Future = future::Ready<()>;

    fn into_gathering(self, _location: &'static Location<'static>) -> Self::Future {
        future::ready(())
    }
}

macro_rules! tuple {
    ($Tuple:ident $len:literal: $($F:ident $T:ident $field:ident $index:literal)+) => {
        pin_project! {
            #[doc = concat!("The children of a tuple of ", $len, ".")]
            #[doc(hidden)]
            #[derive(Debug)]
            pub struct $Tuple<V, $($F),+>
            where
                $($F: Future,)+
                $(V: Verdict<$F::Output>,)+
            {
                $(#[pin] $field: Child<$F, Kept<V, $F>>,)+
            }
        }

        impl<V, $($F: Future),+> $Tuple<V, $($F),+>
        where
            $(V: Verdict<$F::Output>,)+
        {
            fn new(($($field,)+): ($($F,)+)) -> Self {
                Self { $($field: Child::new($field)),+ }
            }
        }

        impl<V, Stop, $($F: Future),+> Children for $Tuple<V, $($F),+>
        where
            $(V: Verdict<$F::Output, Stop = Stop>,)+
        {
            type Slots = [Slot; $len];
            type Kept = ($(Kept<V, $F>,)+);
            type Stop = Stop;

            fn len(&self) -> usize {
                $len
            }

            fn slots(&self) -> [Slot; $len] {
                std::array::from_fn(|_| Slot::default())
            }

            fn poll_child(
                self: Pin<&mut Self>,
                index: usize,
                cx: &mut Context<'_>,
            ) -> Poll<Result<Progress, Stop>> {
                let this = self.project();
                match index {
                    $($index => this.$field.poll::<V>(cx),)+
                    _ => unreachable!("child {index} of {}", $len),
                }
            }

            fn take(self: Pin<&mut Self>) -> Self::Kept {
                let this = self.project();
                ($(this.$field.take(),)+)
            }
        }

        impl<$($F: Future),+> Gather for ($($F,)+) {
            type Output = ($($F::Output,)+);
            type Future = Gathering<$Tuple<All, $($F),+>>;

            fn into_gathering(self, location: &'static Location<'static>) -> Self::Future {
                Gathering::new($Tuple::new(self), location)
            }
        }

        impl<Error, $($T, $F: Future<Output = Result<$T, Error>>),+> TryGather for ($($F,)+) {
            type Output = ($($T,)+);
            type Error = Error;
            type Future = TryGathering<$Tuple<FirstError, $($F),+>>;

            fn into_try_gathering(self, location: &'static Location<'static>) -> Self::Future {
                TryGathering::new($Tuple::new(self), location)
            }
        }
    };
}

tuple!(Tuple1 1: FA TA a 0);
tuple!(Tuple2 2: FA TA a 0 FB TB b 1);
tuple!(Tuple3 3: FA TA a 0 FB TB b 1 FC TC c 2);
tuple!(Tuple4 4: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3);
tuple!(Tuple5 5: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4);
tuple!(Tuple6 6: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5);
tuple!(Tuple7 7: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6);
tuple!(Tuple8 8: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7);
tuple!(Tuple9 9: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8);
tuple!(Tuple10 10: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9);
tuple!(Tuple11 11: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9 FK TK k 10);
tuple!(Tuple12 12: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9 FK TK k 10 FL TL l 11);

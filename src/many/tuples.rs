//! The children of tuples.

use super::{
    child::{Child, Kept, Progress, Verdict},
    children::Children,
};
use pin_project_lite::pin_project;
use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};
use sync::ready_set::Slot;

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
            pub(crate) fn new(($($field,)+): ($($F,)+)) -> Self {
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
    };
}

/// Calls a macro with each tuple: the type of its children, its length, and a
/// future, an output, a field and an index for each element.
macro_rules! each_tuple {
    ($each:ident) => {
        $each!(Tuple1 1: FA TA a 0);
        $each!(Tuple2 2: FA TA a 0 FB TB b 1);
        $each!(Tuple3 3: FA TA a 0 FB TB b 1 FC TC c 2);
        $each!(Tuple4 4: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3);
        $each!(Tuple5 5: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4);
        $each!(Tuple6 6: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5);
        $each!(Tuple7 7: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6);
        $each!(Tuple8 8: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7);
        $each!(Tuple9 9: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8);
        $each!(Tuple10 10: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9);
        $each!(Tuple11 11: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9 FK TK k 10);
        $each!(Tuple12 12: FA TA a 0 FB TB b 1 FC TC c 2 FD TD d 3 FE TE e 4 FF TF f 5 FG TG g 6 FH TH h 7 FI TI i 8 FJ TJ j 9 FK TK k 10 FL TL l 11);
    };
}

pub(crate) use each_tuple;

each_tuple!(tuple);

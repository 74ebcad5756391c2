//! What must a type implement, and what must it not? Checked by the compiler.

/// Fails to compile unless the type implements each of the traits.
macro_rules! implements {
    ($type:ty: $($bound:path),+) => {
        const _: fn() = || {
            fn check<T: $($bound +)+ ?Sized>() {}
            check::<$type>();
        };
    };
}

/// Fails to compile if the type implements the trait: `which` is ambiguous then.
macro_rules! is_not {
    ($type:ty: $bound:path) => {
        const _: fn() = || {
            trait Check<Which> {
                fn which() {}
            }
            struct Implements;
            impl<T: ?Sized> Check<()> for T {}
            impl<T: $bound + ?Sized> Check<Implements> for T {}
            let _ = <$type as Check<_>>::which;
        };
    };
}

pub(crate) use {implements, is_not};

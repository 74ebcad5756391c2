//! Which number does code draw that runs inside a task?
//!
//! The next of its worker's generator, so that the seed of the runtime reaches it: a
//! worker that does the same again draws the same again. Elsewhere, on guests and
//! on plain threads, the next of a generator of that thread, which starts by chance.

use crate::{
    context::{self, Context},
    rng::Rng,
};
use std::{
    cell::RefCell,
    hash::{BuildHasher, Hasher, RandomState},
};

sync::thread_local! {
    static OWN: RefCell<Option<Rng>> = const { RefCell::new(None) };
}

/// A number below `n`, which is neither zero nor above 2³². Not for secrets.
#[doc(hidden)]
#[must_use]
pub fn random_below(n: usize) -> usize {
    let of_desk = context::with(|cx| Some(cx.and_then(Context::desk)?.random_below(n)));
    of_desk.unwrap_or_else(|| {
        // A thread that ends has no generator any more, and any number will do.
        OWN.try_with(|own| own.borrow_mut().get_or_insert_with(by_chance).below(n)).unwrap_or(0)
    })
}

fn by_chance() -> Rng {
    Rng::new(RandomState::new().build_hasher().finish())
}

#[cfg(all(test, not(any(loom, shuttle))))]
mod tests {
    use super::*;
    use crate::{Builder, ThreadDriver, yield_now};

    #[test]
    fn the_seed_decides_what_tasks_draw() {
        let draw = |seed| {
            let executor = Builder::new_current_thread().seed(seed).build_with(ThreadDriver::new);
            executor.unwrap().block_on(async {
                yield_now().await;
                [(); 16].map(|()| random_below(1 << 20))
            })
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn outside_a_runtime_all_numbers_come_up() {
        let mut hits = [0; 4];
        (0..400).for_each(|_| hits[random_below(4)] += 1);
        assert!(hits.iter().all(|it| *it > 0), "{hits:?}");
    }
}

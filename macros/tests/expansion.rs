//! What the macros make of a function, with a stand-in for the runtime.

#![expect(unreachable_pub, reason = "the stand-in has the shape of the real thing")]

use std::{rc::Rc, time::Duration};

/// A runtime that polls once, and shows what it was given.
mod stand_in {
    pub mod __private {
        use std::{
            cell::RefCell,
            future::Future,
            pin::pin,
            task::{Context, Poll, Waker},
            time::Duration,
        };

        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct MainConfig {
            pub worker_threads: Option<usize>,
            pub flavor: Flavor,
            pub debug: Option<bool>,
        }

        #[derive(Clone, Copy, Debug, PartialEq)]
        pub enum Flavor {
            MultiThread,
            CurrentThread,
        }

        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct TestConfig {
            pub name: &'static str,
            pub worker_threads: Option<usize>,
            pub clock_virtual: bool,
            pub timeout: Option<Duration>,
            pub seed: Option<u64>,
        }

        pub const fn duration(text: &str) -> Duration {
            Duration::from_secs(text.len() as u64)
        }

        thread_local! {
            pub static MAIN: RefCell<Option<MainConfig>> = const { RefCell::new(None) };
            pub static TEST: RefCell<Option<TestConfig>> = const { RefCell::new(None) };
        }

        pub fn run_main<F: Future>(config: MainConfig, main: F) -> F::Output {
            MAIN.set(Some(config));
            finish(main)
        }

        pub fn run_test<F: Future>(config: TestConfig, test: F) -> F::Output {
            TEST.set(Some(config));
            finish(test)
        }

        fn finish<F: Future>(future: F) -> F::Output {
            match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(output) => output,
                Poll::Pending => panic!("the stand-in polls once"),
            }
        }
    }
}

use stand_in::__private::{Flavor, MAIN, MainConfig, TEST, TestConfig};

#[bowerbird_macros::main(crate = "stand_in")]
async fn plain_main() {}

#[bowerbird_macros::main(worker_threads = 1_0, flavor = "multi_thread", crate = "crate::stand_in")]
pub(crate) async fn main_with_options() -> Result<i32, std::num::ParseIntError> {
    let not_send = Rc::new("42");
    let number = not_send.parse::<i32>()?;
    Ok(number)
}

#[bowerbird_macros::main(flavor = "current_thread", debug = true, crate = "stand_in")]
async fn main_on_one_thread() -> impl PartialEq<&'static str> + std::fmt::Debug {
    String::from("an opaque type")
}

#[test]
fn main_hands_over_its_options_and_its_output() {
    plain_main();
    let config = MainConfig { worker_threads: None, flavor: Flavor::MultiThread, debug: None };
    assert_eq!(MAIN.take(), Some(config));

    assert_eq!(main_with_options(), Ok(42));
    let config = MainConfig { worker_threads: Some(10), ..config };
    assert_eq!(MAIN.take(), Some(config));

    assert_eq!(main_on_one_thread(), "an opaque type");
    let config =
        MainConfig { flavor: Flavor::CurrentThread, worker_threads: None, debug: Some(true) };
    assert_eq!(MAIN.take(), Some(config));
}

#[bowerbird_macros::test(crate = "stand_in")]
async fn plain_test() {
    let config = TestConfig {
        name: "expansion::plain_test",
        worker_threads: None,
        clock_virtual: false,
        timeout: None,
        seed: None,
    };
    assert_eq!(TEST.take(), Some(config));
}

#[bowerbird_macros::test(
    crate = "stand_in",
    clock = "virtual",
    seed = 0xff,
    worker_threads = 4,
    timeout = "10s"
)]
async fn test_with_options() -> Result<(), Box<dyn std::error::Error>> {
    let config = TestConfig {
        name: "expansion::test_with_options",
        worker_threads: Some(4),
        clock_virtual: true,
        timeout: Some(Duration::from_secs("10s".len() as u64)),
        seed: Some(255),
    };
    assert_eq!(TEST.take(), Some(config));
    "1".parse::<u8>()?;
    Ok(())
}

#[bowerbird_macros::test(crate = "stand_in")]
#[should_panic(expected = "as it should")]
async fn other_attributes_are_kept() {
    panic!("as it should");
}

#[bowerbird_macros::test(crate = "stand_in")]
async fn r#async() {
    assert_eq!(TEST.take().map(|it| it.name), Some("expansion::async"));
}

/// Options may come through a `macro_rules!` variable.
macro_rules! seeded {
    ($name:ident, $seed:literal) => {
        #[bowerbird_macros::test(crate = "stand_in", seed = $seed)]
        async fn $name() {
            assert_eq!(TEST.take().and_then(|it| it.seed), Some($seed));
        }
    };
}

seeded!(a_seed_from_a_macro, 7);

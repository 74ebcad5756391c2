//! Futures with values of their own.

use super::{Case, gated};
use bowerbird::task_local;

task_local! {
    static OWN: String;
    #[inherit]
    static HANDED_ON: String;
}

pub(super) const ALL: &[Case] = &[
    Case {
        future: "executor::locals::key::TaskLocalFuture",
        make: || {
            gated(|gate| async move {
                let inside = OWN.scope("a value".to_owned(), async {
                    gate.pass().await;
                    assert_eq!(OWN.get(), "a value");
                    gate.pass().await;
                });
                inside.await;
                assert!(OWN.try_with(|_| ()).is_err());
            })
        },
    },
    Case {
        future: "executor::locals::inherited_key::InheritedFuture",
        make: || {
            gated(|gate| async move {
                let inside = HANDED_ON.scope("a value".to_owned(), async {
                    gate.pass().await;
                    assert_eq!(HANDED_ON.get(), "a value");
                    gate.pass().await;
                });
                inside.await;
                assert!(HANDED_ON.try_with(|_| ()).is_err());
            })
        },
    },
];

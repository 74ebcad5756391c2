//! Values that belong to a task instead of a thread.
//!
//! [`task_local!`](crate::task_local) makes two kinds of keys. A [`LocalKey`]'s value
//! is seen inside its scope: by the one future or closure that it was given to. An
//! [`InheritedKey`]'s value is also seen by what is spawned there.
//!
//! ```text
//!     SCOPE ─▶ scope of a value ─▶ scope of inherited ones ─▶ … ─▶ none
//!                     │                      │
//!                     └── inherited here ────┴─▶ Inherited: [(key, value), …]
//!                                                    ▲
//!     record of a task spawned here ─────────────────┘
//! ```
//!
//! A scope lies on the stack of whoever polls the future inside it, and a
//! thread-local points to the innermost. What is inherited there is one immutable
//! list behind an `Arc`, which a spawn shares: however many keys there are, it counts
//! one reference. Each poll of a task begins outside all scopes but that of the list
//! its record keeps, and restores what it found. So executors nest, and nobody sees
//! the values of a stranger who happens to be polled on the same thread.
//!
//! # Cost
//!
//! | spawn, nothing inherited | poll, nothing inherited  | a look                      |
//! |--------------------------|--------------------------|-----------------------------|
//! | a load of a thread-local | a load, and no store     | as many steps as scopes, or keys |
//!
//! # Who may touch what
//!
//! | what              | who                                                        |
//! |-------------------|------------------------------------------------------------|
//! | the thread-local  | its thread, through guards that end in order               |
//! | a scope           | the thread on whose stack it lies; looks end inside of it  |
//! | the list          | anybody: it never changes                                  |
//!
//! # Rejected
//!
//! * A thread-local slot for each key, as tokio has: what runs on the same thread
//!   meanwhile, under a `block_on`, sees the value.
//! * Inherited values that are cloned (`T: Clone`): a spawn would call user code for
//!   each key, and it is no use to a value that is meant to be one.
//! * A linked list of inherited values: a task that enters a scope and spawns its
//!   successor would make it longer each time.
//! * All keys inherited, as in asyncio: then all values have to be `Sync`, and a
//!   span or a transaction would live on in tasks that outlive it.

mod inherited;
mod inherited_key;
mod key;
#[expect(unsafe_code, reason = "follows a thread-local to scopes on its thread's stack")]
mod scope;
mod task_local;

pub(crate) use inherited::Inherited;
pub(crate) use scope::{Scope, carry, enter, inherited, outside};

pub use inherited_key::{InheritedFuture, InheritedKey};
pub use key::{AccessError, LocalKey, TaskLocalFuture};

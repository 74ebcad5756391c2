//! The same work on several runtimes.
//!
//! A [`Runtime`] is the little that the work needs; each folder of `runtimes/` is
//! one of them. A workload is written once, generic over the runtime, and asserts
//! its result, so all do the same.
//!
//! | module        | has                                                          |
//! |---------------|--------------------------------------------------------------|
//! | [`runtime`]   | what a runtime is to a workload                              |
//! | [`runtimes`]  | bowerbird, tokio, smol                                       |
//! | [`workloads`] | the work, a file per group, and the table of all of it       |
//! | [`contender`] | who can be asked to do it: the runtimes and what is not Rust |
//! | [`mod@column`] | a contender with a workload, ready to be sampled             |
//! | [`measure`]   | columns in turn, until the time is up                        |
//! | [`campaign`]  | many workloads, each in a process of its own                 |
//! | [`progress`]  | how far it is                                                |
//! | [`document`]  | rows with ratios, and the file they are kept in              |
//! | [`header`]    | on which machine, when, and of which versions                |
//! | [`report`]    | what a document looks like: tables, plots, a page            |
//! | [`reading`]   | what a sample gives: values with their units                 |
//! | [`elsewhere`], [`companion`], [`program`] | samples taken by other processes  |
//! | [`languages`] | the same work in Python and in Go                            |
//! | [`behaviours`] | bad moments, and what runtimes do in them                  |
//! | [`clock`], [`pin`], [`spread`], [`heap`], [`system`] | the instruments                   |
//!
//! How to run it and how to read it: `docs/performance.md`.

pub mod behaviours;
pub mod campaign;
#[expect(unsafe_code, reason = "the processor time of a process is a system call")]
pub mod clock;
pub mod column;
pub mod companion;
pub mod contender;
pub mod document;
pub mod elsewhere;
pub mod header;
#[expect(unsafe_code, reason = "a global allocator that counts")]
pub mod heap;
pub mod languages;
pub mod measure;
#[expect(unsafe_code, reason = "where a thread may run is a system call")]
pub mod pin;
pub mod program;
pub mod progress;
pub mod reading;
pub mod report;
pub mod runtime;
pub mod runtimes;
pub mod spread;
#[expect(unsafe_code, reason = "what std has no name for is a system call")]
pub mod system;
pub mod workloads;

pub use runtime::Runtime;

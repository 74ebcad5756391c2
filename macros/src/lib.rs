//! The attribute macros of bowerbird.

//! Where unhandled errors and stalls go when the program does not say.

/// Without the feature `tracing`, to where the executor sends them: stderr.
#[cfg(not(feature = "tracing"))]
pub(crate) fn default_hook(builder: executor::Builder) -> executor::Builder {
    builder
}

/// With the feature `tracing`, to an event of level error, or for stalls of level
/// warning, unless a hook is set.
#[cfg(feature = "tracing")]
pub(crate) fn default_hook(builder: executor::Builder) -> executor::Builder {
    let builder = match builder.has_stall_hook() {
        true => builder,
        false => builder.on_stall(|stall| tracing::warn!(target: "bowerbird", "{stall}")),
    };
    match builder.has_unhandled_hook() {
        true => builder,
        false => builder.on_unhandled(|what| tracing::error!(target: "bowerbird", "{what}")),
    }
}

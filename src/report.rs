//! Where unhandled errors go when the program does not say.

/// Without the feature `tracing`, to where the executor sends them: stderr.
#[cfg(not(feature = "tracing"))]
pub(crate) fn default_hook(builder: executor::Builder) -> executor::Builder {
    builder
}

/// With the feature `tracing`, to an event of level error, unless a hook is set.
#[cfg(feature = "tracing")]
pub(crate) fn default_hook(builder: executor::Builder) -> executor::Builder {
    match builder.has_unhandled_hook() {
        true => builder,
        false => builder.on_unhandled(|what| tracing::error!(target: "bowerbird", "{what}")),
    }
}

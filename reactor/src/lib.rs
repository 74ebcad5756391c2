//! What wakes a task from outside.

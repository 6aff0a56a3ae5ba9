//! Locks a mutex whatever became of its last holder.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A mutex whose holder panicked is still sound: every change under one is complete before anything can panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

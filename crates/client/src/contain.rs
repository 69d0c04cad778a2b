//! Panics stay where they happen: work that panicked begins again, is counted, and ends nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use futures::future::BoxFuture;
use futures::{FutureExt as _, TryFutureExt as _};
use tokio::time::{Instant, sleep};

use crate::metrics::Metrics;
use crate::retry::{Backoff, Jitter};

/// Pauses before work that panicked begins again: it is a bug, and likely to come again.
const BACKOFF: Backoff = Backoff::new(std::time::Duration::from_millis(250), std::time::Duration::from_secs(60));

/// Runs work. What it shares with others must be behind locks that outlive a panic.
///
/// This and what follows are no `async fn`s: such a future has room for the work twice, as it was given and as it is awaited.
///
/// # Errors
/// What the panic says. Neither counted nor logged.
pub fn contained<T>(work: impl Future<Output = T>) -> impl Future<Output = Result<T, String>> {
    AssertUnwindSafe(work).catch_unwind().map_err(|panic| words(panic.as_ref()))
}

/// Runs work once. A panic in it is counted under the name `what`, and becomes its words, which the caller logs.
///
/// # Errors
/// What the panic says.
pub fn counted<T>(
    what: &'static str,
    metrics: &Metrics,
    work: impl Future<Output = T>,
) -> impl Future<Output = Result<T, String>> {
    metrics.expect_panics(what);
    contained(work).inspect_err(move |_| metrics.panicked(what))
}

/// The same, and the panic is logged here.
///
/// # Errors
/// What the panic says.
pub fn caught<T>(
    what: &'static str,
    metrics: &Metrics,
    work: impl Future<Output = T>,
) -> impl Future<Output = Result<T, String>> {
    counted(what, metrics, work).inspect_err(move |panic| {
        tracing::error!(what, panic, "this part panicked; this is a bug: please report it");
    })
}

/// Calls for each item. A panic of one call does not keep the others from being made; the first one goes on afterwards.
pub fn call_each<T>(items: impl IntoIterator<Item = T>, mut call: impl FnMut(T)) {
    let mut first = None;
    for item in items {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| call(item))) {
            first.get_or_insert(panic);
        }
    }
    if let Some(panic) = first {
        resume_unwind(panic);
    }
}

/// Runs work to its end. If it panics, it is made and begun again, after a pause that grows while panics follow each
/// other. `what` names it in logs and counters.
pub async fn restarting<T, F: Future<Output = T> + Send>(
    what: &'static str,
    metrics: Metrics,
    jitter: Jitter,
    make: impl Fn() -> F + Sync,
) -> T {
    // Boxed, so that what follows is compiled once.
    again(what, metrics, jitter, &|| make().boxed()).await
}

async fn again<'f, T>(
    what: &'static str,
    metrics: Metrics,
    jitter: Jitter,
    make: &(dyn Fn() -> BoxFuture<'f, T> + Sync),
) -> T {
    let mut failures = 0_u32;
    loop {
        let began = Instant::now();
        // Making it may panic too.
        if let Ok(done) = caught(what, &metrics, async { make().await }).await {
            return done;
        }
        failures = if began.elapsed() > BACKOFF.longest { 1 } else { failures.saturating_add(1) };
        sleep(BACKOFF.pause(failures, jitter())).await;
    }
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    crate::failure::words(said.unwrap_or("a panic without words"))
}

#[cfg(test)]
mod tests;

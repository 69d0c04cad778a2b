//! `kurator status --watch`: on a terminal the page is drawn again; elsewhere one line is printed for each change.
//!
//! The hub is asked once in a while, as `kubectl` would by hand: what is shown is folded from several kinds, and a look
//! costs the hub a few lists from memory.

use std::collections::BTreeMap;
use std::time::Duration;

use kube::Client;
use model::Clock;
use model::clock::format_seconds;
use plan::state::State;
use tokio::time::Instant;

use super::overview::{self, Entry};
use super::world::{Scope, World};
use super::{cell, lines};
use crate::approve::wait::pause;
use crate::args::{Format, Shown, Status};
use crate::output::{self, Page};

/// Shortest pause between two looks. What members report is stored at most once a second. Where a look takes long, as with
/// thousands of members, the pause is longer.
const LOOK_EVERY: Duration = Duration::from_secs(1);

pub(super) async fn run(client: &Client, scope: Scope, what: &Status, format: Format) -> anyhow::Result<()> {
    let mut page = (format == Format::Text && output::is_drawn_over()).then(Page::default);
    let mut known: BTreeMap<String, Entry> = BTreeMap::new();
    let mut is_first = true;
    loop {
        let began = Instant::now();
        match World::read(client, scope.clone()).await {
            Ok(world) => {
                let now = hub::SystemClock.now();
                // That an object does not exist is said at once. One that is deleted later is a change like others.
                let shown = match lines(&world, what, now, output::colour(), output::columns()) {
                    Err(error) if !is_first => vec![output::chain(&error).into()],
                    shown => shown?,
                };
                match &mut page {
                    Some(page) => page.draw(&shown)?,
                    None => print_changes(entries(&world, what), &mut known, what.problems, format)?,
                }
            }
            // It goes on, so that one sees the hub come back.
            Err(error) if !is_first => output::print_stderr(format_args!("error: {}", output::chain(&error))),
            Err(error) => return Err(error),
        }
        is_first = false;
        tokio::time::sleep(pause(began.elapsed(), LOOK_EVERY)).await;
    }
}

/// Everything that is shown, each with its state.
pub(super) fn entries(world: &World, what: &Status) -> Vec<Entry> {
    let all = overview::entries(world, hub::SystemClock.now());
    let object = match &what.object {
        None => return all,
        Some(Shown::App(name)) => format!("app/{name}"),
        Some(Shown::Fleet(name)) => format!("fleet/{name}"),
        Some(Shown::Member(name)) => format!("member/{name}"),
    };
    let mut mine: Vec<Entry> = all.into_iter().filter(|entry| entry.object == object).collect();
    mine.extend(overview::units(world, what.object.as_ref()));
    mine
}

/// Prints what differs from what was said before: a state or its cause. A message alone may have a number that grows.
fn print_changes(
    entries: Vec<Entry>,
    known: &mut BTreeMap<String, Entry>,
    problems: bool,
    format: Format,
) -> anyhow::Result<()> {
    for (text, value) in changes(entries, known, problems) {
        if format == Format::Text {
            output::print(&[text.into()])?;
        } else {
            output::print_event(format, &value)?;
        }
    }
    Ok(())
}

/// What differs from what was known, in words and for programs; then it is known. Of `problems` alone, what is ready is said
/// only when it was not before.
pub(super) fn changes(
    entries: Vec<Entry>,
    known: &mut BTreeMap<String, Entry>,
    problems: bool,
) -> Vec<(String, serde_json::Value)> {
    let is_quiet = |entry: &Entry| problems && entry.state == State::Ready;
    let now = hub::SystemClock.now();
    let mut out = Vec::new();
    let mut gone: BTreeMap<String, Entry> = std::mem::take(known);
    for entry in entries {
        let key = entry.key();
        let before = gone.remove(&key);
        let is_other = before.as_ref().is_none_or(|b| (b.state, &b.reason) != (entry.state, &entry.reason));
        let is_meant = !is_quiet(&entry) || before.as_ref().is_some_and(|before| !is_quiet(before));
        if is_other && is_meant {
            let said = cell::in_words(&overview::without_age(&entry), now);
            out.push((format!("{}  {key}  {said}", format_seconds(now)), entry.value()));
        }
        known.insert(key, entry);
    }
    for (key, entry) in gone.into_iter().filter(|(_, entry)| !is_quiet(entry)) {
        let mut value = entry.value();
        value["state"] = serde_json::json!("Gone");
        out.push((format!("{}  {key}  Gone", format_seconds(now)), value));
    }
    out
}

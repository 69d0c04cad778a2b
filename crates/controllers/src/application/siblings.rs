//! Applications that follow the same source, and by which commit each was decided ([`plan::sibling`], ADR 79).
//!
//! What is stored of each says by which commit it was decided before this process began; what is heard here is not stored.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use api::delivery::UnitId;
use api::kurator::apps::v1alpha1::{Application, GitRepository};
use plan::application::SourceFacts;
use plan::sibling::{Heard, Sibling, Stand, Taken};
use plan::unit::{Awaited, Observed, Rendered};
use tokio::time::Instant;

use super::Ctx;
use super::observe::reference;
use crate::index::{SOURCE, repository};
use crate::record::{OWNER, owner_of_application};
use client::NamespacedName;

/// Longest wait for the others. Each is asked at once, and a fetch takes seconds. One that takes longer is broken, and must not stop
/// more than itself for good: it is not waited for again before something is heard of it.
const WAIT_MAX: Duration = Duration::from_secs(120);

/// How often those are asked that have not taken the commit up.
const ASK_EVERY: Duration = Duration::from_secs(10);

/// The time between two sources that are asked: hundreds of one server are not asked in the same moment.
const ASK_APART: Duration = Duration::from_millis(20);

/// What is known of all of them.
#[derive(Default)]
pub(super) struct Siblings(Mutex<Known>);

#[derive(Default)]
struct Known {
    heard: BTreeMap<NamespacedName, Heard>,
    /// The number of the news by which that was heard.
    heard_by: BTreeMap<NamespacedName, u64>,
    /// Those that were waited for as long as may be.
    given_up: BTreeSet<NamespacedName>,
    /// How often something was heard.
    news: u64,
    /// Those whose deletions wait for others.
    waiting: BTreeMap<NamespacedName, Wait>,
}

/// The Applications that are waited for.
#[derive(Clone, Debug, Default)]
pub(super) struct Behind {
    commit: String,
    /// How much was heard by then.
    news: u64,
    /// Those that take the commit up by themselves, or fail to for too long.
    others: BTreeSet<NamespacedName>,
    /// Those that do not before a person acts.
    stuck: BTreeSet<NamespacedName>,
    /// Its own source is suspended: what runs stays.
    is_suspended: bool,
    /// Its own source is not read now, so that it cannot be known by itself what others have.
    is_unread: bool,
}

struct Wait {
    since: Instant,
    /// Of whom nothing was heard yet, and because of what.
    behind: Behind,
}

impl Wait {
    /// Since when the time runs after which the others are given up. It does not while its own source is not read, nor for those that only a
    /// person can mend.
    fn running_since(&self) -> Option<Instant> {
        (!self.behind.is_unread && !self.behind.others.is_empty()).then_some(self.since)
    }
}

impl Behind {
    /// What decisions need of them. Names of another namespace are not for everybody who reads a status here.
    pub(super) fn awaited(&self, key: &NamespacedName) -> Awaited {
        let named = |other: &NamespacedName| match other.namespace == key.namespace {
            true => format!("app/{}", other.name),
            false => "an Application of another namespace".to_owned(),
        };
        let names: BTreeSet<String> = self.others.iter().chain(&self.stuck).map(named).collect();
        // A person may know better than to wait for somebody else.
        Awaited { names: names.into_iter().collect(), by_approved: !self.is_unread && !self.others.is_empty() }
    }

    /// Notes what was heard of another one. Is nobody left to be waited for, or is it to be looked at again?
    fn is_news(&mut self, other: &NamespacedName, heard: Option<&Heard>) -> bool {
        if self.stuck.contains(other) {
            return true;
        }
        let is_done = match heard {
            Some(Heard { broken_at: Some(_), .. }) => return self.others.contains(other),
            Some(Heard { taken: Some(Taken::Commit(commit)), .. }) => *commit == self.commit,
            Some(Heard { taken: Some(Taken::Nothing), .. }) => return self.others.contains(other),
            Some(Heard { taken: None, .. }) => false,
            None => true,
        };
        is_done && self.others.remove(other) && self.others.is_empty()
    }
}

impl Siblings {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The Applications of which it is not known yet whether they want what this one has lost. `source`: by what it is decided now.
    pub(super) fn behind(
        &self,
        ctx: &Ctx,
        key: &NamespacedName,
        application: Option<&Application>,
        source: &SourceFacts,
        observed: &Observed<'_>,
    ) -> Behind {
        let live = application.filter(|application| application.metadata.deletion_timestamp.is_none());
        let git = live.and_then(|live| live.spec.source.git_repository.as_ref());
        // What waits was caused by what is stored, whatever becomes of the source now: it may be edited, or fail.
        let artifact = source.artifact.as_ref().or_else(|| observed.newest_artifact());
        let (Some(git), Some(artifact), true) = (git, artifact, observed.may_delete()) else {
            self.lock().waiting.remove(key);
            return Behind::default();
        };
        let (repository, commit) = (repository(&artifact.url), artifact.revision.clone());
        let all = ctx.applications.by_index(SOURCE, &repository);
        let others = all.iter().filter(|other| other.metadata.deletion_timestamp.is_none());
        let others: Vec<(NamespacedName, &GitRepository)> = others
            .filter_map(|other| Some((NamespacedName::of(&**other), other.spec.source.git_repository.as_ref()?)))
            .filter(|(name, _)| name != key)
            .collect();
        let (mine, found, before) = (reference(git), ctx.fetcher.found(key), observed.commit_before(&commit));
        let mut known = self.lock();
        let is_unread = git.suspend || source.artifact.is_none() || source.error.is_some();
        let (news, is_suspended) = (known.news, git.suspend);
        let mut behind = Behind { commit, news, is_suspended, is_unread, ..Behind::default() };
        for (name, theirs) in others {
            let wait = known.waiting.get(key).map(|wait| &wait.behind);
            let was_stuck = wait.is_some_and(|wait| wait.stuck.contains(&name));
            if theirs.suspend {
                // What runs stays: who suspends one that is waited for means no deletion. One that was suspended before is not waited for.
                if was_stuck {
                    behind.stuck.insert(name);
                } else if wait.is_some_and(|wait| wait.others.contains(&name)) && !known.given_up.contains(&name) {
                    behind.others.insert(name);
                }
                continue;
            }
            let heard = known.heard.get(&name);
            let kept = if heard.is_none_or(|heard| heard.is_kept) { kept_at(ctx, &name) } else { BTreeSet::new() };
            let newest = ctx.fetcher.newest(&name).zip(found);
            let refused = ctx.fetcher.refused(&name);
            let sibling = Sibling {
                has_the_reference: reference(theirs) == mine,
                stored: stored_commit(ctx, &name),
                heard,
                kept,
                newer: newest.filter(|((_, began), found)| began >= found).map(|((commit, _), _)| commit),
                is_refused: refused.is_some_and(|refused| found.is_none_or(|found| refused >= found)),
                is_given_up: known.given_up.contains(&name),
                was_stuck,
            };
            match sibling.stand(&behind.commit, before) {
                Stand::Known => {}
                Stand::Awaited => drop(behind.others.insert(name)),
                Stand::Stuck => drop(behind.stuck.insert(name)),
            }
        }
        let since = known.waiting.get(key).and_then(Wait::running_since);
        // While its own source is not read, nothing waits for a time.
        if !is_unread && since.is_some_and(|since| since.elapsed() >= WAIT_MAX) {
            known.given_up.append(&mut behind.others);
        }
        if behind.others.is_empty() && behind.stuck.is_empty() {
            known.waiting.remove(key);
        }
        behind
    }

    /// Waits for these, and asks their sources. Says when to look again, should nothing be heard.
    pub(super) fn wait(&self, ctx: &Ctx, key: &NamespacedName, behind: &Behind) -> Option<Duration> {
        let mut known = self.lock();
        let since = known.waiting.get(key).and_then(Wait::running_since).unwrap_or_else(Instant::now);
        let is_new_commit = known.waiting.get(key).is_none_or(|wait| wait.behind.commit != behind.commit);
        known.waiting.insert(key.clone(), Wait { since, behind: behind.clone() });
        // What came since was told to those that waited by then.
        let mut awaited = behind.others.iter().chain(&behind.stuck);
        let is_late = awaited.any(|name| known.heard_by.get(name).is_some_and(|heard| *heard > behind.news));
        drop(known);
        if is_late {
            ctx.fetcher.queue().add(key.clone());
        }
        // What cannot be read itself is told when it can, and asks nobody until then but because of a new commit.
        if behind.is_suspended || behind.is_unread && !is_new_commit {
            return None;
        }
        // Its own too: the others may be at a later commit.
        let own = (!behind.others.is_empty() && !behind.is_unread).then_some(key);
        let due = |name: &&NamespacedName| ctx.fetcher.asked(name).is_none_or(|asked| asked.elapsed() >= ASK_EVERY);
        let due = behind.others.iter().chain(own).filter(due);
        // Each commit may be the one that mends them.
        let stuck = behind.stuck.iter().filter(|_| is_new_commit);
        let mut after = Duration::ZERO;
        for name in due.chain(stuck) {
            ctx.fetcher.ask_out_of_turn(name, after);
            after += ASK_APART;
        }
        own.map(|_| ASK_EVERY.max(after))
    }

    /// Notes by what an Application is decided now. When that is news, those look again that wait for it. `rendered`: what became of its
    /// units. One that is gone is forgotten.
    pub(super) fn note_decided(
        &self,
        ctx: &Ctx,
        key: &NamespacedName,
        application: Option<&Application>,
        source: &SourceFacts,
        rendered: &BTreeMap<UnitId, Rendered>,
    ) {
        let is_followed = ctx.fetcher.found(key).is_some();
        let waits = rendered.values().any(|rendered| *rendered == Rendered::OnTheWay);
        let is_broken = rendered.values().any(|unit| matches!(unit, Rendered::Failed(_) | Rendered::Refused(_)));
        let is_kept = !kept_at(ctx, key).is_empty();
        let mut known = self.lock();
        let before = known.heard.get(key).cloned();
        let taken = match &source.artifact {
            _ if !is_followed => Some(Taken::Nothing),
            Some(artifact) if !waits && !is_broken => Some(Taken::Commit(artifact.revision.clone())),
            _ => None,
        };
        let last = match &taken {
            Some(Taken::Commit(commit)) => Some(commit.clone()),
            _ => before.as_ref().and_then(|before| before.last.clone()),
        };
        let at = source.artifact.as_ref().map(|artifact| artifact.revision.clone()).unwrap_or_default();
        let since = before.as_ref().and_then(|before| before.broken_at.clone());
        let broken_at = is_broken.then(|| since.unwrap_or(at));
        let now = application.map(|_| Heard { taken, last, broken_at, is_kept });
        if before == now {
            return;
        }
        let waiting = known.waiting.iter_mut().filter(|(other, _)| *other != key);
        let told = waiting.filter_map(|(other, wait)| wait.behind.is_news(key, now.as_ref()).then(|| other.clone()));
        let told: Vec<NamespacedName> = told.collect();
        known.news += 1;
        let news = known.news;
        match now {
            Some(now) => {
                known.heard.insert(key.clone(), now);
                known.heard_by.insert(key.clone(), news);
            }
            None => {
                known.heard.remove(key);
                known.heard_by.remove(key);
                known.waiting.remove(key);
            }
        }
        known.given_up.remove(key);
        drop(known);
        told.into_iter().for_each(|other| ctx.fetcher.queue().add(other));
    }
}

/// The commits of the revisions that members have in which an edit holds an Application.
fn kept_at(ctx: &Ctx, key: &NamespacedName) -> BTreeSet<String> {
    let decisions = ctx.decisions.by_index(OWNER, &owner_of_application(key).to_string());
    let entries = decisions.iter().flat_map(|decision| decision.spec.members.values());
    let revisions: BTreeSet<&String> =
        entries.filter(|entry| entry.kept().is_some()).map(|entry| &entry.revision).collect();
    let found = revisions.into_iter().filter_map(|name| ctx.revisions.get(&key.beside(name)));
    found.map(|revision| revision.spec.inputs.source_revision().to_owned()).collect()
}

/// The commit by which an Application is decided, as it is stored.
fn stored_commit(ctx: &Ctx, key: &NamespacedName) -> Option<String> {
    let revisions = ctx.revisions.by_index(OWNER, &owner_of_application(key).to_string());
    let newest = revisions.iter().max_by_key(|revision| (revision.spec.time, revision.spec.epoch))?;
    Some(newest.spec.inputs.source_revision().to_owned()).filter(|commit| !commit.is_empty())
}

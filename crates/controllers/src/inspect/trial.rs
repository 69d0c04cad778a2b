//! Whether members would carry out changes: they are asked by requests of which nothing is carried out, as their appliers make them.
//! What an answer means is decided by [`plan::difference::trial`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::feed::UnitReport;
use api::view::{ObjectChange, ObjectDifference};
use client::{Api, Discovery};
use futures::{StreamExt, stream};
use model::{GroupVersionKind, KeyMap, MemberName};
use plan::apply::Why;
use plan::difference::trial::Trial;
use plan::inventory::Entry;
use plan::prepare::{Bundle, Prepared};
use plan::send::{Job, Terms};
use tokio::time::{Instant, timeout_at};

use super::Inspector;
use super::compare::{ASKED_WITHIN, MEMBER_WITHIN, MEMBERS_AT_ONCE, why_not_asked};
use super::live::REQUESTS_AT_ONCE;

/// Most objects of which one member is asked: each costs it what an apply costs, webhooks included, and seldom are more changed by
/// one commit.
pub(super) const TRIED_MAX: usize = 50;

/// What one member is asked.
pub(super) struct Attempt {
    pub(super) member: MemberName,
    /// What would be sent, and whether it was there before us.
    objects: Vec<(Arc<Prepared>, bool)>,
    terms: Terms,
    /// How many more there are.
    left_out: usize,
}

/// What one member answered.
pub(super) struct Tried {
    pub(super) member: MemberName,
    /// By the words for objects.
    pub(super) trials: BTreeMap<String, Trial>,
    /// Of how many objects it was not asked, or not in time.
    pub(super) unasked: usize,
}

impl Attempt {
    /// What to ask of what would change in a member; `None` when nothing does. `report`: what it said last of the unit.
    pub(super) fn of(
        member: &MemberName,
        objects: &[ObjectDifference],
        new: &Bundle,
        report: Option<&UnitReport>,
        terms: Terms,
    ) -> Option<Self> {
        let changes: BTreeMap<&str, ObjectChange> =
            objects.iter().map(|object| (object.object.as_str(), object.change)).collect();
        let rows = report.into_iter().flat_map(|report| &report.details);
        let adopted: KeyMap<bool> = rows.map(|row| (row.key.clone(), row.adopted)).collect();
        let tried = |object: &Arc<Prepared>| {
            let change = *changes.get(object.key.to_string().as_str())?;
            let was_there = || adopted.get(&object.key).is_some_and(|adopted| *adopted);
            match change {
                ObjectChange::Adopt => Some((object.clone(), true)),
                ObjectChange::Change | ObjectChange::Replace => Some((object.clone(), was_there())),
                _ => None,
            }
        };
        let mut objects: Vec<_> = new.objects().filter_map(tried).collect();
        let left_out = objects.len().saturating_sub(TRIED_MAX);
        objects.truncate(TRIED_MAX);
        (!objects.is_empty()).then(|| Self { member: member.clone(), objects, terms, left_out })
    }
}

/// What its applier would send of an object.
fn job(object: Arc<Prepared>, adopted: bool) -> Job {
    let (version, kept) = (object.version.clone(), object.stays);
    let entry = Entry { version, adopted, kept, ..Entry::default() };
    Job { object, entry, accepted: None, why: Why::New, history: Vec::new(), live: None }
}

impl Inspector {
    /// Asks members, for as long as is `left` to the preview. Those that are not asked since they do not answer are not among them.
    pub(super) async fn try_changes(&self, attempts: Vec<Attempt>, left: &mut Duration) -> Vec<Tried> {
        if attempts.is_empty() {
            return Vec::new();
        }
        let began = Instant::now();
        let deadline = began + ASKED_WITHIN.min(*left);
        let one = |attempt: Attempt| self.try_in(attempt, deadline);
        let answers = stream::iter(attempts).map(one).buffer_unordered(MEMBERS_AT_ONCE).collect::<Vec<_>>().await;
        *left = left.saturating_sub(began.elapsed());
        answers.into_iter().flatten().collect()
    }

    async fn try_in(&self, attempt: Attempt, deadline: Instant) -> Option<Tried> {
        let Attempt { member, mut objects, terms, left_out } = attempt;
        if why_not_asked(&member, self.members.facts(&member).as_ref()).is_some() {
            return None;
        }
        let connection = self.connections.get(&member)?;
        let (api, rights) = (Api::clone(&connection.api), self.rights(&member));
        let discovery = Discovery::new(api.clone());
        let until = deadline.min(Instant::now() + MEMBER_WITHIN);
        objects.retain(|(object, _)| rights.lack(&object.key).is_none());
        let asked = objects.len();
        let now = self.clock.now();
        let one = |(object, adopted)| {
            let (api, discovery, terms) = (&api, &discovery, &terms);
            let job = job(object, adopted);
            async move {
                let key = &job.object.key;
                let gvk = GroupVersionKind::new(key.group.clone(), job.object.version.to_string(), key.kind.clone());
                let trial = async {
                    let resource = discovery.find(&gvk).await.ok()??;
                    // What cannot be asked of it is told by the applier.
                    let is_placed = resource.namespaced != key.namespace.is_empty();
                    let trial =
                        if is_placed { applier::try_send(api, &resource, &job, terms, now).await.ok()? } else { None };
                    Some(trial.map(|trial| (key.to_string(), trial)))
                };
                timeout_at(until, trial).await.ok().flatten()
            }
        };
        let answers: Vec<_> = stream::iter(objects).map(one).buffer_unordered(REQUESTS_AT_ONCE).collect().await;
        let unasked = left_out + asked - answers.iter().flatten().count();
        Some(Tried { member, trials: answers.into_iter().flatten().flatten().collect(), unasked })
    }
}

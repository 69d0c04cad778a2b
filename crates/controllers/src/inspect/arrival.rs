//! Whether what would come to members is there already: they are asked. What becomes of it then is decided by
//! [`plan::difference::arrival`].

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use api::delivery::UnitId;
use api::feed::{SyncState, UnitReport};
use api::view::ObjectDifference;
use client::{Api, Discovery};
use futures::{StreamExt, stream};
use model::{KeyMap, KeySet, MemberName, ObjectKey};
use plan::adopt;
use plan::difference::arrival::{self, Holder, There};
use plan::difference::group::OBJECTS_MAX;
use plan::difference::hidden::Hider;
use plan::prepare::Prepared;
use plan::report::is_of_another;
use tokio::time::{Instant, timeout_at};

use super::Inspector;
use super::compare::{ASKED_WITHIN, MEMBER_WITHIN, MEMBERS_AT_ONCE, not_asked, why_not_asked};
use super::live::{self, Wanted};

/// What one member is asked.
pub(super) struct Ask {
    pub(super) member: MemberName,
    pub(super) unit: UnitId,
    /// The objects that would come.
    pub(super) objects: Vec<Arc<Prepared>>,
    /// Those that the unit's own inventory has there, such as one whose deletion waited.
    pub(super) own: KeySet,
    /// Those that other units of this hub have there.
    pub(super) holders: KeyMap<Holder>,
    /// Everything of the unit is taken over.
    pub(super) overwrites: bool,
    /// The unit keeps replicas against autoscalers.
    pub(super) force: bool,
}

/// What becomes of objects, by the words for them; `None` of one that is there and stays as it is.
pub(super) type Judged = BTreeMap<String, Option<ObjectDifference>>;

impl Ask {
    /// Notes what another unit has, by what it reported. `keeps`: whether it will want an object, where that is known otherwise.
    pub(super) fn note_holder(&mut self, report: &UnitReport, keeps: Option<&dyn Fn(&ObjectKey) -> bool>) {
        let keys: KeySet = self.objects.iter().map(|object| object.key.clone()).collect();
        for row in report.details.iter().filter(|row| keys.contains(&row.key)) {
            let leaves = matches!(row.sync, SyncState::Deleting | SyncState::DeletionHeld | SyncState::PrunePending);
            let wants = keeps.map_or(!leaves, |keeps| keeps(&row.key));
            // Of two that want an object that neither has, the first by name gets it.
            let has = !row.unmade || wants && report.unit < self.unit;
            if has && !is_of_another(row) {
                let holder = Holder { unit: report.unit.clone(), wants, adopted: row.adopted };
                self.holders.insert(row.key.clone(), holder);
            }
        }
    }

    fn unasked(&self, why: &str) -> Judged {
        let one = |object: &Arc<Prepared>| (object.key.to_string(), Some(arrival::unasked(object, why)));
        self.objects.iter().map(one).collect()
    }
}

impl Inspector {
    /// Asks members, for as long as is `left` to the preview.
    pub(super) async fn judge_arrivals(
        &self,
        asks: Vec<Ask>,
        hider: &Hider<'_>,
        left: &mut Duration,
    ) -> Vec<(MemberName, Judged)> {
        if asks.is_empty() {
            return Vec::new();
        }
        let began = Instant::now();
        let deadline = began + ASKED_WITHIN.min(*left);
        let one = |ask: Ask| async move {
            let until = deadline.min(Instant::now() + MEMBER_WITHIN);
            let answer = timeout_at(until, self.judge_in(&ask, hider)).await;
            let late = |_| Err("the member was not asked in time; ask for it alone with --member".to_owned());
            let judged = answer.unwrap_or_else(late).unwrap_or_else(|why| ask.unasked(&why));
            (ask.member, judged)
        };
        let answers = stream::iter(asks).map(one).buffer_unordered(MEMBERS_AT_ONCE).collect().await;
        *left = left.saturating_sub(began.elapsed());
        answers
    }

    async fn judge_in(&self, ask: &Ask, hider: &Hider<'_>) -> Result<Judged, String> {
        let member = &ask.member;
        why_not_asked(member, self.members.facts(member).as_ref()).map_or(Ok(()), Err)?;
        let connection = self.connections.get(member).ok_or("the hub has no connection to it yet")?;
        let api = Api::clone(&connection.api);
        let (discovery, rights) = (Discovery::new(api.clone()), self.rights(member));
        let lacks = rights.lacks(ask.objects.iter().map(|object| &object.key));
        // More are not listed either.
        let asked = || ask.objects.iter().take(OBJECTS_MAX);
        let wanted =
            asked().map(|object| Wanted { key: ObjectKey::clone(&object.key), version: object.version.to_string() });
        let live = live::find(&api, &discovery, wanted.collect(), &rights).await;
        let live = live.map_err(|error| model::cause::chain(&error))?;
        let mut out = ask.unasked(&format!("no more than {OBJECTS_MAX} objects are asked for"));
        for object in asked() {
            let judged = if let Some(lack) = rights.lack(&object.key) {
                Some(not_asked(&object.key, rights.sentence(&object.key, &lack, &lacks)))
            } else {
                let live = live.get(&**object.key);
                let differs = !ask.force && live.is_some_and(|live| adopt::has_other_replicas(object, live));
                let there = There {
                    live,
                    is_own: ask.own.contains(&object.key),
                    holder: ask.holders.get(&object.key),
                    scaled: differs && live::is_autoscaled(&api, &discovery, &object.key).await,
                    overwrites: ask.overwrites,
                };
                arrival::judge(object, &there, &self.hub, hider)
            };
            out.insert(object.key.to_string(), judged);
        }
        Ok(out)
    }
}

//! Waits until units have left members, and says how far it is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use api::delivery::DecisionSpec;
use api::kurator::apps::v1alpha1::Application;
use api::reason;
use kube::Client;
use model::MemberName;
use tokio::time::Instant;

use super::list::counted;
use crate::approve::wait::{Place, Unread, named};
use crate::connect::Api;
use crate::duration::tenths;
use crate::output;
use crate::status::held;
use crate::sync::LOOK_EVERY;

/// How long a member may be held though its consent was written: the hub needs milliseconds to take up both.
const TAKEN_UP_WITHIN: Duration = Duration::from_secs(10);

/// Pause between two looks, as a multiple of what one took, and its longest: as of `kurator approve`.
const PAUSE_TIMES: u32 = 10;
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// How a wait ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It is done, but for members that do not answer: it goes there when they do.
    Done(BTreeSet<MemberName>),
    /// This user may not see how far it is. Why, in words.
    Unseen(String),
}

/// Units that leave members.
pub(super) struct Leave<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    /// Their Applications.
    pub(super) apps: &'a BTreeSet<String>,
    /// The member that they leave; `None` when they leave all.
    pub(super) member: Option<&'a MemberName>,
    /// The Applications are deleted: the end is that there are none.
    pub(super) deleted: bool,
}

/// What one look found.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Units in members that are on their way out.
    left: usize,
    members: BTreeSet<MemberName>,
    /// Applications in which something waits for an approval.
    held: BTreeSet<String>,
    /// Does some of that wait though it was in the list?
    behind: bool,
    /// Applications that keep the unit against the edit.
    kept: BTreeSet<String>,
    /// Applications that are still there, though they should be gone.
    apps: BTreeSet<String>,
    /// Why units stay in members until a person acts.
    stuck: BTreeMap<MemberName, String>,
}

impl Seen {
    /// Is all done that does not wait for members which do not answer? What is to be deleted in the hub is gone by then.
    fn is_done(&self, away: &BTreeSet<MemberName>) -> bool {
        self.kept.is_empty() && self.apps.is_empty() && self.members.is_subset(away)
    }

    /// What is not done, for when the time is up: in which members, and why as far as that is known.
    fn late(&self, away: &BTreeSet<MemberName>) -> String {
        let busy: BTreeSet<MemberName> = self.members.difference(away).cloned().collect();
        if busy.is_empty() {
            let apps: Vec<String> = self.apps.iter().map(|app| format!("app/{app}")).collect();
            let verb = if apps.len() == 1 { "is" } else { "are" };
            let does = if away.len() == 1 { "does" } else { "do" };
            return match (apps.is_empty(), away.is_empty()) {
                (true, _) => "it is not done".to_owned(),
                (false, true) => format!("{} {verb} still there", apps.join(", ")),
                (false, false) => {
                    format!("{} {verb} still there, and {} {does} not answer", apps.join(", "), named(away))
                }
            };
        }
        let why = busy.iter().find_map(|member| Some((member, self.stuck.get(member)?)));
        let why = why.map(|(member, why)| match busy.len() {
            1 => format!(": {why}"),
            _ => format!(": in {member}, {why}"),
        });
        format!("it is not done in {}{}", named(&busy), why.unwrap_or_default())
    }
}

impl Leave<'_> {
    /// Waits, and prints how far it is whenever that changes.
    ///
    /// # Errors
    /// Something waits for an approval, or it is not done in time.
    pub(super) async fn until_done(&self, timeout: Duration) -> anyhow::Result<End> {
        let told = Instant::now();
        let deadline = told + timeout;
        let (mut most, mut said) = (0, 0);
        let mut kept_since = None;
        let mut late = "the hub does not say how far it is".to_owned();
        loop {
            let began = Instant::now();
            let Ok(seen) = tokio::time::timeout_at(deadline, self.look_at_units()).await else {
                bail!("{}", late_words(&late, told.elapsed(), self.member, self.apps, self.namespace));
            };
            match seen {
                Ok((seen, away)) => {
                    most = most.max(seen.left);
                    let done = most - seen.left;
                    if done > said {
                        said = done;
                        output::print_stderr(format_args!("{done} of {} left", counted(most, "unit")));
                    }
                    if !seen.held.is_empty() {
                        let what = match seen.behind {
                            true => {
                                "the hub is behind what the member has seen, as after a restore or a take-over, so that it is asked \
                                 once more; what else was agreed to is done"
                            }
                            false => "something that was not in the list waits for approval",
                        };
                        bail!("{}", self.held_words(&seen.held, what));
                    }
                    let is_kept = !seen.kept.is_empty();
                    let since = *kept_since.get_or_insert_with(Instant::now);
                    kept_since = is_kept.then_some(since);
                    if is_kept && since.elapsed() >= TAKEN_UP_WITHIN {
                        bail!(
                            "{}",
                            self.held_words(&seen.kept, "it is held, since more was edited than was agreed to")
                        );
                    }
                    if seen.is_done(&away) {
                        return Ok(End::Done(away));
                    }
                    late = seen.late(&away);
                }
                Err(why) if why.is_forbidden() => return Ok(End::Unseen(why.into_words())),
                Err(why) => late = format!("it cannot be seen whether it is done: {}", why.into_words()),
            }
            let pause = (began.elapsed() * PAUSE_TIMES).clamp(LOOK_EVERY, PAUSE_MAX);
            tokio::time::sleep_until((Instant::now() + pause).min(deadline)).await;
        }
    }

    fn held_words(&self, apps: &BTreeSet<String>, what: &str) -> String {
        let commands: Vec<String> = apps.iter().map(|app| held::command(app, self.namespace)).collect();
        format!("{what}: look and release it with {}", commands.join(", "))
    }

    /// What is left, and which members do not answer.
    async fn look_at_units(&self) -> Result<(Seen, BTreeSet<MemberName>), Unread> {
        let mut all = Seen::default();
        let mut away = BTreeSet::new();
        let api: Api<Application> = Api::namespaced(self.client.clone(), self.namespace);
        for name in self.apps {
            let place = Place { client: self.client, namespace: self.namespace, name };
            let app = api.get_opt(name).await.map_err(Unread::of("cannot read the application"))?;
            let seen = read_application(name, app.as_ref(), &place.decisions().await?, self.member, self.deleted);
            let (absent, stuck) = place.away_and_stuck(&seen.members).await?;
            away.extend(absent.into_keys());
            all.stuck.extend(stuck);
            all.left += seen.left;
            all.members.extend(seen.members);
            all.held.extend(seen.held);
            all.behind |= seen.behind;
            all.kept.extend(seen.kept);
            all.apps.extend(seen.apps);
        }
        Ok((all, away))
    }
}

/// What is said when the time is up, with where it is seen how it goes on. `late`: what is not done.
fn late_words(
    late: &str,
    took: Duration,
    member: Option<&MemberName>,
    apps: &BTreeSet<String>,
    namespace: &str,
) -> String {
    let see: Vec<String> = match member {
        Some(member) => vec![format!("`kurator status member/{member}`")],
        None => apps.iter().map(|app| format!("`kurator status app/{app} -n {namespace}`")).collect(),
    };
    format!("after {} {late}; it goes on without this command, see {}", tenths(took), see.join(", "))
}

/// How one Application is.
fn read_application(
    name: &str,
    app: Option<&Application>,
    decisions: &[DecisionSpec],
    member: Option<&MemberName>,
    deleted: bool,
) -> Seen {
    let mut seen = Seen::default();
    for (entry_of, entry) in decisions.iter().flat_map(|decision| &decision.members) {
        if member.is_some_and(|member| member != entry_of) {
            continue;
        }
        seen.left += 1;
        seen.members.insert(entry_of.clone());
        if entry.kept().is_some() {
            seen.kept.insert(name.to_owned());
        }
    }
    let held = app.and_then(|app| app.status.as_ref()).map(|status| status.held.as_slice()).unwrap_or_default();
    let is_ours = |line: &String| member.is_none_or(|member| line.starts_with(&format!("{member}: ")));
    let waits = held.iter().any(|list| {
        let is_unshown = list.causes.iter().any(|cause| cause.cause == "Unshown" || cause.cause == "Behind");
        list.reason == reason::SOURCE_REMOVES_OBJECTS && is_unshown && list.members.iter().any(is_ours)
    });
    // What has left is held no longer, though the status may say so for a moment.
    if waits && seen.left > 0 {
        seen.held.insert(name.to_owned());
        seen.behind = held.iter().flat_map(|list| &list.causes).any(|cause| cause.cause == "Behind");
    }
    if deleted && app.is_some() {
        seen.apps.insert(name.to_owned());
    }
    seen
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_done_in_time_is_said_with_its_cause() {
        let members = |names: &[&str]| names.iter().map(|name| name.parse().unwrap()).collect::<BTreeSet<MemberName>>();
        let why = "1 objects are left; ConfigMap shop/c: forbidden".to_owned();
        let seen = |busy| Seen {
            stuck: BTreeMap::from([("oslo".parse().unwrap(), why.clone())]),
            members: members(busy),
            ..Seen::default()
        };
        for (busy, expect) in [
            (&[][..], "it is not done"),
            (&["rome"], "it is not done in rome"),
            (&["oslo"], "it is not done in oslo: 1 objects are left; ConfigMap shop/c: forbidden"),
            (
                &["oslo", "rome"],
                "it is not done in oslo, rome: in oslo, 1 objects are left; ConfigMap shop/c: forbidden",
            ),
        ] {
            assert_eq!(seen(busy).late(&BTreeSet::new()), expect);
        }
    }

    #[test]
    fn a_command_whose_time_is_up_says_one_sentence() {
        let apps = BTreeSet::from(["shop".to_owned()]);
        let (member, took) = ("oslo".parse().unwrap(), Duration::from_secs(10));
        let words = |member: Option<&MemberName>| {
            late_words("it is not done in oslo: 1 objects are left", took, member, &apps, "n")
        };
        let said = "after 10.0s it is not done in oslo: 1 objects are left; it goes on without this command, see";
        assert_eq!(words(Some(&member)), format!("{said} `kurator status member/oslo`"));
        assert_eq!(words(None), format!("{said} `kurator status app/shop -n n`"));
    }

    /// The member does not answer, so that it keeps its tombstone, and the hub has not let go of the Application yet.
    #[tokio::test(start_paused = true)]
    async fn an_application_is_deleted_when_it_is_gone_also_while_a_member_is_away() {
        let list = |kind: &str, items: serde_json::Value| {
            (200, json!({"kind": kind, "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": items}))
        };
        let missing = || (404, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404}));
        let shop = || {
            (
                200,
                json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
                "metadata": {"name": "shop", "namespace": "default"}, "spec": {"source": {}, "syncPolicies": []}}),
            )
        };
        let decision = json!({"apiVersion": "delivery.kurator.dev/v1alpha1", "kind": "Decision", "metadata": {"name": "d-0"},
            "spec": {"unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0,
                "members": {"a": {"revision": "r", "epoch": 1, "reason": "", "removal": "Prune"}}}});
        let look = |app: (u16, serde_json::Value)| {
            let (decisions, reports) =
                (list("DecisionList", json!([decision])), list("PartialObjectMetadataList", json!([])));
            // The member's record is not there either: that is being away.
            [app, decisions, reports, missing()]
        };
        let hub = crate::approve::tests::Hub::new([look(shop()), look(shop()), look(missing())].concat());
        let (client, apps) = (hub.client(), BTreeSet::from(["shop".to_owned()]));
        let leave = Leave { client: &client, namespace: "default", apps: &apps, member: None, deleted: true };
        let end = leave.until_done(Duration::from_secs(60)).await.unwrap();
        assert_eq!(end, End::Done(BTreeSet::from(["a".parse().unwrap()])));
        assert_eq!(hub.asked.lock().unwrap().len(), 12, "it was looked at until it was gone");
        // Its time is up.
        let hub = crate::approve::tests::Hub::new(std::iter::repeat_n(look(shop()), 8).flatten());
        let client = hub.client();
        let leave = Leave { client: &client, ..leave };
        let said = leave.until_done(LOOK_EVERY * 3).await.unwrap_err().to_string();
        assert!(said.contains(" app/shop is still there, and a does not answer; it goes on without this"), "{said}");
    }

    #[test]
    fn what_is_left_is_told_from_what_is_held() {
        let decision = |entries: serde_json::Value| -> Vec<DecisionSpec> {
            let spec = json!({"unit": "apps.kurator.dev/Application/default/shop/p", "slice": 0, "members": entries});
            vec![serde_json::from_value(spec).unwrap()]
        };
        let entry = |extra: serde_json::Value| {
            let mut entry = json!({"revision": "r", "epoch": 1, "reason": ""});
            entry.as_object_mut().unwrap().extend(extra.as_object().cloned().unwrap());
            entry
        };
        let app = |held: serde_json::Value| -> Application {
            serde_json::from_value(json!({"metadata": {"name": "shop"}, "spec": {"source": {}, "syncPolicies": []},
                "status": {"held": held}}))
            .unwrap()
        };
        let leaving = json!({"cause": "NotListed", "message": ""});
        let both = decision(json!({"a": entry(json!({"removal": "Prune"})), "b": entry(json!({"leaving": leaving}))}));
        let held = json!([{"policy": "p", "digest": "d", "reason": "SourceRemovesObjects", "count": 1,
            "causes": [{"cause": "Unshown", "message": "", "members": 1, "objects": 1}], "members": ["a: 1 deletion"]}]);
        let (a, b): (MemberName, MemberName) = ("a".parse().unwrap(), "b".parse().unwrap());
        let found = read_application("shop", Some(&app(held.clone())), &both, Some(&a), false);
        assert_eq!((found.left, found.held.len(), found.kept.len(), found.behind), (1, 1, 0, false));
        let mut behind = held.clone();
        behind[0]["causes"][0]["cause"] = json!("Behind");
        let found = read_application("shop", Some(&app(behind)), &both, Some(&a), false);
        assert_eq!((found.held.len(), found.behind), (1, true), "it was in the list");
        let found = read_application("shop", Some(&app(held)), &both, Some(&b), false);
        assert_eq!((found.left, found.held.len(), found.kept.len()), (1, 0, 1), "the list is of another member");
        let found = read_application("shop", Some(&app(json!([]))), &both, None, true);
        assert_eq!((found.left, found.members.len(), found.apps.len()), (2, 2, 1));
        assert_eq!(read_application("shop", None, &[], None, true), Seen::default());
    }
}

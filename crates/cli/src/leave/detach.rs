//! `kurator detach`: a member leaves the hub.
//!
//! The hub does it: an annotation of the AttachedCluster says how, a finalizer keeps it until it is done. What is interrupted
//! here goes on there.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::bail;
use api::condition;
use api::delivery::{Origin, Removal, UnitId};
use api::feed::UnitReport;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::{DETACH_FINALIZER, MINTED, ON_DETACH, ORIGIN, RELEASE, REMOVE};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use api::kurator::minted::{ACCOUNT_SHARED, ACCOUNT_STAYS, Minted, NAMESPACE, SERVICE_ACCOUNT, account_event};
use api::reason;
use k8s_openapi::api::core::v1::Secret;
use k8s_openapi::api::events::v1::Event;
use kube::api::{DeleteParams, ListParams, Patch, Preconditions};
use kube::{Client, Resource, ResourceExt};
use model::{Clock as _, MemberName, ObjectKey};
use plan::departure::{Objects, Stays, says_what_is_there};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::fleet::{Exit, TRIES_MAX, listing, origin, take_out};
use super::left;
use super::list::{self, Known, Sight, counted};
use super::wait::End;
use crate::approve::wait::Place;
use crate::args::{Common, Detach, DetachHow, typed};
use crate::ask;
use crate::attach::removal;
use crate::connect::{self, Api, asked};
use crate::duration::tenths;
use crate::output;
use crate::sync::{LOOK_EVERY, params};

/// Objects outside of the rights that are named: a line of a terminal or two.
const OUTSIDE_SHOWN: usize = 5;

/// Objects that stay and are named, unless all are asked for: a page of a terminal.
const NAMED_MAX: usize = 20;

/// What becomes of what the hub has in a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Keep,
    Release,
    Remove,
}

/// The three ways to detach, as they are shown when none was named.
const CHOICES: &str = "  keep     nothing is touched in the member: objects and inventories stay this hub's, for when it is attached again
  release  objects stay and are nobody's: inventories, our labels and annotations are removed
  remove   what was delivered is deleted, and the rest is released";

impl How {
    fn of(flags: DetachHow) -> Option<Self> {
        match flags {
            DetachHow { keep: true, .. } => Some(Self::Keep),
            DetachHow { release: true, .. } => Some(Self::Release),
            DetachHow { remove: true, .. } => Some(Self::Remove),
            DetachHow { .. } => None,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Release => "release",
            Self::Remove => "remove",
        }
    }

    fn read(answer: &str) -> Option<Self> {
        [Self::Keep, Self::Release, Self::Remove].into_iter().find(|how| how.as_str() == answer.trim())
    }

    /// Asks which.
    fn prompt_how(member: &str) -> anyhow::Result<Self> {
        output::print_stderr(format_args!("what becomes of what is in member/{member}?"));
        CHOICES.lines().for_each(output::print_stderr);
        let Some(answer) = output::prompt("[keep/release/remove]")? else {
            bail!("nothing was changed: say --keep, --release or --remove, since there is no terminal to ask at");
        };
        Self::read(&answer).ok_or_else(|| anyhow::anyhow!("nothing was changed: that is none of the three"))
    }
}

/// A member that is to be detached.
struct Parting {
    client: Client,
    member: MemberName,
    origin: Origin,
    attached: AttachedCluster,
    fleets: Vec<String>,
    /// What it reports, of all namespaces.
    units: Vec<UnitReport>,
    /// How many more it was given and has not said anything of.
    unsaid: usize,
    /// Its applier has not got through to it yet.
    is_connecting: bool,
    /// Units that it has of this hub, and that no Application delivers, as after a take-over.
    orphans: Vec<UnitId>,
    /// Did `kurator attach` make the credential, and the account that it is of?
    is_minted: bool,
    /// The mark on that account that says that the hub works as it for this attached cluster.
    mark: Option<String>,
    /// How much of what the member has this user may see.
    sight: Sight,
    /// Does it make a member? One whose name another one has does not, nor one whose credential never counted.
    is_member: bool,
}

pub(crate) async fn run(common: &Common, what: &Detach, verbose: bool) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let (member, origin) = origin(&client, common, &what.member, "detach").await?;
    let parting = Parting::find(client, member, origin).await?;
    let how = match How::of(what.how) {
        // Nothing of it is in a cluster.
        _ if !parting.is_member => How::Keep,
        Some(how) => how,
        None => How::prompt_how(&what.member)?,
    };
    if how != How::Keep {
        parting.refuse_unseen()?;
        parting.answers().await?;
    }
    let is_told = parting.is_told(how);
    let exits = parting.show(how, verbose).await?;
    if !is_told && !what.ask.yes {
        let words = ["detach", &typed(&what.member), &format!("--{}", how.as_str())];
        let command = ask::command(common, &words) + " --yes";
        let facts = || {
            json!({"member": parting.member, "how": how.as_str(),
            "objects": parting.object_facts(how), "removed": exits.iter().map(Exit::facts).collect::<Vec<_>>()})
        };
        let question = format!("Detach {} ({})?", parting.called(), how.as_str());
        ask::confirm_facts(common.output, &question, "nothing was changed", &command, facts)?;
    }
    let began = Instant::now();
    let said: Vec<(&Exit, BTreeSet<String>)> = exits.iter().map(|exit| (exit, exit.apps())).collect();
    let mut before = Vec::new();
    for (exit, apps) in &said {
        before.push((*exit, exit.left(apps).await));
    }
    match is_told {
        // It may have been said without this command: the Secret goes with the AttachedCluster only if that owns it.
        true => parting.own_secret_alone().await?,
        false => parting.agree_and_begin(&exits, how).await?,
    }
    let mut left = Vec::new();
    for (exit, before) in before.iter().filter(|_| !what.ask.wait.no_wait) {
        let end = exit.wait(&what.ask).await?;
        // At once: what comes after may fail.
        let stayed = exit.left_since(before).await;
        left::print(&stayed);
        left.extend(stayed);
        let goes_on = format!("the hub goes on without this command; see `kurator status member/{}`", what.member);
        match end {
            End::Done(away) if away.is_empty() => {}
            End::Done(_) => bail!(
                "member/{0} does not answer any more: {goes_on}; `kurator detach {0} --keep` lets it go as it is",
                what.member
            ),
            End::Unseen(why) => {
                bail!(
                    "member/{}: it cannot be seen whether fleet/{} is left: {why}; {goes_on}",
                    what.member,
                    exit.fleet
                )
            }
        }
    }
    let is_done =
        if what.ask.wait.no_wait { None } else { Some(parting.until_gone(how, what.ask.wait.timeout).await?) };
    let said = is_done.clone().flatten();
    let account = if is_done.is_some() { parting.account(how).await } else { Account::default() };
    let stays_labelled = parting.stays_labelled(how).filter(|_| is_done.is_some());
    let facts = json!({"member": parting.member, "how": how.as_str(), "done": is_done.is_some(), "remark": said,
        "staysLabelled": stays_labelled.as_deref().map(str::trim),
        "left": left, "objects": parting.object_facts(how), "account": account.note, "removed": exits.iter().map(Exit::facts).collect::<Vec<_>>()});
    if output::structured(common.output, &facts)? {
        return Ok(());
    }
    let called = parting.called();
    let what = match is_done {
        None => {
            format!("told to go ({}); see `kubectl get attachedcluster {} -o yaml`", how.as_str(), parting.origin.name)
        }
        Some(_) => format!("detached in {} ({})", tenths(began.elapsed()), how.as_str()),
    };
    output::print_stderr(format_args!("{called}: {what}"));
    said.into_iter().for_each(|remark| output::print_stderr(format_args!("  {remark}")));
    stays_labelled.into_iter().for_each(output::print_stderr);
    account.note.iter().for_each(|note| output::print_stderr(format_args!("  {note}")));
    if account.is_left {
        commands(&parting.attached.spec.namespaces).into_iter().for_each(output::print_stderr);
    }
    Ok(())
}

/// What became of the account that `kurator attach` made in the member.
#[derive(Debug, Default, PartialEq, Eq)]
struct Account {
    /// In words.
    note: Option<String>,
    /// It is for a person to remove.
    is_left: bool,
}

/// What a person types in the member to remove the account and its rights, which are in these namespaces, or in the whole cluster.
fn commands(namespaces: &[String]) -> Vec<String> {
    let mut commands = vec![
        "  when no other hub and no other member works as it, as its annotations used-by.kurator.dev/ say, remove it in the member with:"
            .to_owned(),
    ];
    commands.extend(removal(namespaces).into_iter().map(|command| format!("    {command}")));
    if !namespaces.is_empty() {
        commands.push("  and, should it have had rights in the whole cluster before:".to_owned());
        let all =
            removal(&[]).into_iter().next().map(|command| command.replacen("delete", "delete --ignore-not-found", 1));
        commands.extend(all.map(|command| format!("    {command}")));
    }
    commands
}

/// Is a record that of a member which another object made? It has only the name in common with the one that left.
fn is_of_another(record: &Cluster, origin: &Origin) -> bool {
    let known = record.annotations().get(ORIGIN).and_then(|text| text.parse::<Origin>().ok());
    known.is_some_and(|known| known != *origin)
}

impl Parting {
    async fn find(client: Client, member: MemberName, origin: Origin) -> anyhow::Result<Self> {
        let api: Api<AttachedCluster> = Api::namespaced(client.clone(), &origin.namespace);
        let name = &origin.name;
        let attached = api.get(name).await.map_err(asked(&format!("cannot read AttachedCluster {name}")))?;
        let fleets = listing(&client, &origin).await?;
        // Where the hub has not looked at it yet, it may become a member at any moment.
        let is_member = attached.status.as_ref().is_none_or(|status| status.member.is_some());
        let known = match is_member {
            true => list::reported(&client, &origin.namespace, &member).await?,
            false => Known::default(),
        };
        let Known { units, orphans, sight, unsaid, is_connecting, .. } = known;
        let secrets: Api<Secret> = Api::namespaced(client.clone(), &origin.namespace);
        let secret = &attached.spec.kubeconfig.name;
        let read = secrets.get_metadata_opt(secret).await;
        let read = read.map_err(asked(&format!("cannot read Secret {}/{secret}", origin.namespace)))?;
        let minted = read.and_then(|secret| secret.annotations?.remove(MINTED));
        let (is_minted, mark) = (minted.is_some(), minted.and_then(|text| Minted::parse(&text)?.used_by));
        Ok(Self {
            client,
            member,
            origin,
            attached,
            fleets,
            units,
            unsaid,
            is_connecting,
            orphans,
            is_minted,
            mark,
            sight,
            is_member,
        })
    }

    /// What it is called: one that makes no member may have the name of one.
    fn called(&self) -> String {
        match self.is_member {
            true => format!("member/{}", self.member),
            false => format!("AttachedCluster {}/{}", self.origin.namespace, self.origin.name),
        }
    }

    /// Refuses to give back or remove what this user may not see: nobody can agree to that.
    fn refuse_unseen(&self) -> anyhow::Result<()> {
        if self.sight == Sight::Nothing {
            bail!(
                "member/{0}: this credential may not read what the member has, neither membertrees nor trees of view.kurator.dev in \
                 namespace {1}, and nothing was changed: somebody with role edit in that namespace can do it; \
                 `kurator detach {0} --keep` lets it go as it is",
                self.member,
                self.origin.namespace
            );
        }
        Ok(())
    }

    /// Is the hub at it already? Then this command only waits. A fleet that still lists the member is agreed to like the first time.
    fn is_told(&self, how: How) -> bool {
        let said = self.attached.annotations().get(ON_DETACH);
        how == How::Remove && self.fleets.is_empty() && said.is_some_and(|said| said == REMOVE)
    }

    /// Refuses a member that is away: nothing can be given back or removed there.
    async fn answers(&self) -> anyhow::Result<()> {
        let place = Place { client: &self.client, namespace: &self.origin.namespace, name: "" };
        let away = place.away(&BTreeSet::from([self.member.clone()])).await;
        let away = away.map_err(|why| anyhow::anyhow!(why.into_words()))?;
        let Some(why) = away.get(&self.member) else { return Ok(()) };
        bail!(
            "member/{0} is away ({why}), so that nothing can be given back or removed there, and nothing was changed; when that is \
             over, try again, or let the hub forget it with `kurator detach {0} --keep`; see `kurator status member/{0}`",
            self.member
        )
    }

    /// Shows what will be done. The fleets that are left first, if what was delivered is to go.
    async fn show(&self, how: How, all: bool) -> anyhow::Result<Vec<Exit>> {
        let mut exits = Vec::new();
        let left = if how == How::Keep { &[][..] } else { &self.fleets };
        for fleet in left {
            let exit = Exit::of(&self.client, &self.origin, fleet, self.member.clone()).await?;
            if how == How::Remove {
                exit.show(all)?;
                exits.push(exit);
            } else {
                exit.check_reported("try again in a moment")?;
            }
        }
        if how == How::Remove {
            // Taken out of a fleet before, as by this command when it was interrupted: the hub waits for this, too.
            for exit in Exit::unfinished(&self.client, &self.origin, &self.fleets, &self.member).await? {
                match self.is_told(how) {
                    true => exit.lines(all).iter().for_each(output::print_stderr),
                    false => exit.show(all)?,
                }
                exits.push(exit);
            }
        }
        let fleets = if how == How::Remove { &[][..] } else { &self.fleets };
        self.lines(how, fleets, self.shares_secret().await?, all).into_iter().for_each(output::print_stderr);
        self.rests(how).into_iter().for_each(output::print_stderr);
        Ok(exits)
    }

    /// `all`: every object is named.
    fn lines(&self, how: How, fleets: &[String], is_secret_shared: bool, all: bool) -> Vec<String> {
        let Origin { namespace, name, .. } = &self.origin;
        let secret = &self.attached.spec.kubeconfig.name;
        let mut lines = vec![match self.is_told(how) {
            true => format!("{} is being detached already ({}), and this command waits:", self.called(), how.as_str()),
            false => format!("{} would be detached ({}):", self.called(), how.as_str()),
        }];
        let secret = match is_secret_shared {
            true => format!("Secret {namespace}/{secret} stays: another AttachedCluster uses it"),
            false => format!("and the credential, Secret {namespace}/{secret}"),
        };
        let record = if self.is_member { ", the member's record" } else { "" };
        lines.push(format!("  out of the hub go: AttachedCluster {namespace}/{name}{record}; {secret}"));
        if !fleets.is_empty() {
            lines.push(format!("  it leaves fleet {}", fleets.join(", ")));
        }
        // Nothing is counted of what is not known.
        let has = match (self.is_known(), self.units.len() + self.unsaid) {
            (true, units) => {
                let own = counted(self.own_objects().count(), "object");
                format!("{own} of {}", counted(units - self.units_of_others(), "unit"))
            }
            (false, 0) => "the objects there, which are not known yet,".to_owned(),
            (false, units) => format!("the objects of {}, not all of which are known,", counted(units, "unit")),
        };
        lines.push(match how {
            _ if !self.is_member => "  it makes no member, and nothing is touched in a cluster".to_owned(),
            How::Keep if self.units.is_empty() && !self.orphans.is_empty() => {
                "  in the member nothing is touched".to_owned()
            }
            How::Keep if self.units.is_empty() && self.unsaid == 0 => "  in the member nothing is touched; what it has is not known".to_owned(),
            How::Keep if self.is_known() && self.units_of_others() == self.units.len() => {
                "  in the member nothing is touched".to_owned()
            }
            How::Keep => format!(
                "  in the member nothing is touched: {has} stay as they are, with their inventories, and are this hub's again when \
                 it is attached again"
            ),
            How::Release => format!(
                "  in the member {has} stay and are nobody's: our labels, annotations and inventories are removed, and namespace \
                 kurator-system if nothing else is in it"
            ),
            How::Remove => "  in the member what then is left of this hub stays and is nobody's: our labels, annotations and \
                            inventories are removed, and namespace kurator-system if nothing else is in it"
                .to_owned(),
        });
        if how != How::Remove {
            lines.extend(self.named(all));
            lines.extend(self.of_others());
        }
        lines.extend(self.undelivered(how));
        if self.sight == Sight::Namespace {
            lines.push(format!(
                "  only what applications of namespace {namespace} have there is shown: this credential may not read the rest, such \
                 as units of no application, which an administrator of the hub sees with `kurator tree member/{}`",
                self.member
            ));
        }
        lines.extend(self.stays_labelled(how));
        lines
    }

    /// Is it known what the member has?
    fn is_known(&self) -> bool {
        self.unsaid == 0 && !self.is_connecting && self.units.iter().all(says_what_is_there)
    }

    /// The objects that stay, by name.
    fn named(&self, all: bool) -> Vec<String> {
        let keys: BTreeSet<ObjectKey> = self.own_objects().collect();
        let shown = if all { keys.len() } else { NAMED_MAX };
        let mut lines: Vec<String> = keys.iter().take(shown).map(|key| format!("    = {key}")).collect();
        if keys.len() > shown {
            lines.push(format!("    and {} more: -v shows them", keys.len() - shown));
        }
        lines
    }

    /// The same for programs; null where not all is known. What is deleted first is said of its fleet.
    fn object_facts(&self, how: How) -> Option<Vec<Value>> {
        if how != How::Remove && !self.is_known() {
            return None;
        }
        let keys: BTreeSet<ObjectKey> = self.own_objects().filter(|_| how != How::Remove).collect();
        let all = keys
            .iter()
            .map(|key| json!({"group": key.group, "kind": key.kind, "namespace": key.namespace, "name": key.name}))
            .collect();
        Some(all)
    }

    /// What becomes of units that no Application delivers, in words.
    fn undelivered(&self, how: How) -> Option<String> {
        let shown: Vec<String> = self.orphans.iter().take(OUTSIDE_SHOWN).map(ToString::to_string).collect();
        let more = self.orphans.len().saturating_sub(shown.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let end = match how {
            How::Keep => "stays as it is, with its inventory",
            How::Release | How::Remove => "stays and is nobody's",
        };
        let units = counted(self.orphans.len(), "unit");
        let line = || format!("  what {units} of no application here has there {end}: {}{more}", shown.join(", "));
        (!self.orphans.is_empty()).then(line)
    }

    /// What the hub has in the member, and why it stays when everything is given back.
    fn objects(&self) -> impl Iterator<Item = (ObjectKey, Stays)> {
        let known = self.units.iter().filter_map(|unit| Objects::of_report(unit, Removal::Release));
        known.flat_map(|objects| objects.stays)
    }

    /// The same without what another hub has taken over: that is not this hub's to keep, or to give back.
    fn own_objects(&self) -> impl Iterator<Item = ObjectKey> {
        self.objects().filter(|(_, why)| !matches!(why, Stays::OtherHub(_))).map(|(key, _)| key)
    }

    /// How many units have nothing there any more but what another hub has taken over.
    fn units_of_others(&self) -> usize {
        let is_others = |unit: &&UnitReport| {
            let known = Objects::of_report(unit, Removal::Release).unwrap_or_default();
            !known.stays.is_empty() && known.stays.values().all(|why| matches!(why, Stays::OtherHub(_)))
        };
        self.units.iter().filter(is_others).count()
    }

    /// The objects that another hub has taken over, in words, by hub.
    fn of_others(&self) -> Vec<String> {
        let mut hubs: BTreeMap<String, BTreeSet<ObjectKey>> = BTreeMap::new();
        for (key, why) in self.objects() {
            if let Stays::OtherHub(hub) = why {
                hubs.entry(hub).or_default().insert(key);
            }
        }
        let line = |(hub, keys): (String, BTreeSet<ObjectKey>)| {
            let shown: Vec<String> = keys.iter().take(OUTSIDE_SHOWN).map(ToString::to_string).collect();
            let more = keys.len() - shown.len();
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let (objects, shown) = (counted(keys.len(), "object"), shown.join(", "));
            format!("  hub {hub} took over {objects} that this hub had there, and keeps what it has: {shown}{more}")
        };
        hubs.into_iter().map(line).collect()
    }

    /// The objects from which our labels cannot be taken off, in words.
    fn stays_labelled(&self, how: How) -> Option<String> {
        let outside: BTreeSet<ObjectKey> = self
            .objects()
            .filter(|(_, why)| how != How::Keep && matches!(why, Stays::OutsideRights(_)))
            .map(|(key, _)| key)
            .collect();
        let shown: Vec<String> = outside.iter().take(OUTSIDE_SHOWN).map(ToString::to_string).collect();
        let more = outside.len() - shown.len();
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let verb = if outside.len() == 1 { "keeps" } else { "keep" };
        (!outside.is_empty()).then(|| {
            let (objects, shown) = (counted(outside.len(), "object"), shown.join(", "));
            format!("  {objects} outside of its rights {verb} our labels and annotations: {shown}{more}")
        })
    }

    /// What becomes of what `kurator attach` made in the member, as it is said before.
    fn rests(&self, how: How) -> Vec<String> {
        let made = format!("the account that `kurator attach` made there, {NAMESPACE}/{SERVICE_ACCOUNT}");
        match how {
            _ if !self.is_minted => Vec::new(),
            How::Keep => {
                vec![format!("  {made}, stays with its rights; `kurator attach` uses it again")]
            }
            How::Release | How::Remove if !self.attached.spec.namespaces.is_empty() => vec![format!(
                "  {made}, stays with its rights: it may not delete those in namespaces by itself; the commands that do are said \
                 at the end"
            )],
            How::Release | How::Remove => {
                vec![format!("  last goes {made}, with all its rights, unless another hub works as it")]
            }
        }
    }

    /// Why the account is not this attached cluster's to remove, where it is another member's or may be. The hub says of both that
    /// nothing is delivered by this one; whether it has a record is of no account here.
    fn why_another_members(&self) -> Option<&'static str> {
        let conditions = self.attached.status.as_ref().map(|status| status.conditions.as_slice()).unwrap_or_default();
        match condition::find(conditions, condition::READY)?.reason.as_str() {
            reason::SAME_CLUSTER => Some("the cluster is another member of this hub, which works as it"),
            reason::NAME_TAKEN => Some("the cluster may be another member of this hub, which then works as it"),
            _ => None,
        }
    }

    /// What became of the account. The hub notes it before the AttachedCluster goes.
    async fn account(&self, how: How) -> Account {
        if !self.is_minted {
            return Account::default();
        }
        if let Some(why) = self.why_another_members() {
            // The hub does not work there for this one, so that it cannot take the mark off, and `kurator attach` may have been ended
            // before it did.
            let mark = self.mark.as_ref().map(|mark| {
                format!(
                    "; if the mark of this one is on it still, it keeps the account when the others leave: take it off with \
                     `kubectl annotate -n {NAMESPACE} serviceaccount/{SERVICE_ACCOUNT} {mark}-`"
                )
            });
            let mark = mark.unwrap_or_default();
            let note = format!("the hub's account there, {NAMESPACE}/{SERVICE_ACCOUNT}, stays: {why}{mark}");
            return Account { note: Some(note), is_left: false };
        }
        if how == How::Keep {
            let note = format!("the hub's account in the member, {NAMESPACE}/{SERVICE_ACCOUNT}, stays with its rights");
            return Account { note: Some(note), is_left: true };
        }
        let api: Api<Event> = Api::namespaced(self.client.clone(), &self.origin.namespace);
        let name = account_event(&self.origin.name, &self.attached.uid().unwrap_or_default());
        let unseen = |why: String| Account {
            note: Some(format!("what became of the hub's account in the member cannot be seen: {why}")),
            is_left: true,
        };
        match api.get_opt(&name).await {
            // A hub that was lost has left its mark on the account: only a person knows that it works as it no longer.
            Ok(Some(event)) => Account {
                is_left: event.reason.is_some_and(|reason| [ACCOUNT_STAYS, ACCOUNT_SHARED].contains(&reason.as_str())),
                note: event.note,
            },
            Ok(None) => unseen("the hub has noted nothing".to_owned()),
            Err(error) => unseen(error.to_string()),
        }
    }

    /// Does another AttachedCluster use the Secret?
    async fn shares_secret(&self) -> anyhow::Result<bool> {
        let api: Api<AttachedCluster> = Api::namespaced(self.client.clone(), &self.origin.namespace);
        let all = api.list(&ListParams::default()).await.map_err(asked("cannot list attached clusters"))?;
        let secret = &self.attached.spec.kubeconfig.name;
        let others = all.items.iter().filter(|other| other.name_any() != self.origin.name);
        Ok(others.into_iter().any(|other| other.spec.kubeconfig.name == *secret))
    }

    /// Writes the consents of what leaves fleets first, and tells the hub. A hub that cannot be told leaves none behind.
    async fn agree_and_begin(&self, exits: &[Exit], how: How) -> anyhow::Result<()> {
        let now = hub::SystemClock.now();
        let mut given = Vec::new();
        let mut done = Ok(());
        for exit in exits {
            match exit.consent(now).await {
                Ok(consents) => given.push((exit, consents)),
                Err(why) => {
                    done = Err(why);
                    break;
                }
            }
        }
        if done.is_ok() {
            done = self.begin(how).await;
        }
        let Err(mut why) = done else { return Ok(()) };
        for (exit, consents) in &given {
            why = exit.take_back(consents, why).await;
        }
        Err(why)
    }

    /// Tells the hub, and takes the entry out of the fleets that list it. That does not wait for the end: a command that is
    /// interrupted would leave the entry behind. It deletes nothing, since the entry makes no member from here on.
    async fn begin(&self, how: How) -> anyhow::Result<()> {
        self.tell_hub(how).await?;
        if how == How::Remove {
            // The hub takes the entry out, and all that follows is its own, too.
            return Ok(());
        }
        let fleets: Api<Fleet> = Api::namespaced(self.client.clone(), &self.origin.namespace);
        for fleet in &self.fleets {
            take_out(&fleets, fleet, &self.origin.name).await?;
        }
        Ok(())
    }

    /// Tells the hub by one write how, and deletes the AttachedCluster. One that goes with what was delivered is deleted by the hub,
    /// when all of that has left: this command cannot see whether something still has to. The credential goes with the
    /// AttachedCluster, since that owns it from now on.
    async fn tell_hub(&self, how: How) -> anyhow::Result<()> {
        let Origin { namespace, name, .. } = &self.origin;
        self.own_secret_alone().await?;
        let api: Api<AttachedCluster> = Api::namespaced(self.client.clone(), namespace);
        let what = format!("AttachedCluster {namespace}/{name}");
        let said = match how {
            How::Keep => None,
            How::Release => Some(RELEASE),
            How::Remove => Some(REMOVE),
        };
        // Written at the version that was read: others have finalizers of their own on it, and may have put one on, or taken it off,
        // while the question was open.
        let mut read = self.attached.clone();
        for last in (0..TRIES_MAX).map(|n| n + 1 == TRIES_MAX) {
            let mut metadata = json!({"uid": read.uid(), "resourceVersion": read.resource_version(), "annotations": {ON_DETACH: said}});
            if how != How::Keep && read.metadata.deletion_timestamp.is_none() {
                let mut finalizers = read.finalizers().to_vec();
                finalizers.retain(|finalizer| finalizer != DETACH_FINALIZER);
                finalizers.push(DETACH_FINALIZER.to_owned());
                metadata["finalizers"] = json!(finalizers);
            }
            let patch = json!({"metadata": metadata});
            match api.patch(name, &params(), &Patch::Merge(&patch)).await {
                Err(kube::Error::Api(status)) if status.code == 409 && !last => {
                    read = api.get(name).await.map_err(asked(&format!("cannot read {what}")))?;
                    if read.uid() != self.attached.uid() {
                        bail!("{what} is another one than was shown a moment ago, and nothing was changed");
                    }
                }
                other => {
                    other.map_err(asked(&format!("cannot write {what}")))?;
                    break;
                }
            }
        }
        if how == How::Remove {
            return Ok(());
        }
        let only = Preconditions { uid: self.attached.uid(), resource_version: None };
        let delete = DeleteParams { preconditions: Some(only), ..DeleteParams::default() };
        api.delete(name, &delete).await.map(drop).map_err(asked(&format!("cannot delete {what}")))
    }

    /// The Secret goes with the AttachedCluster, unless another one uses it.
    async fn own_secret_alone(&self) -> anyhow::Result<()> {
        if self.shares_secret().await? { Ok(()) } else { self.own_secret().await }
    }

    async fn own_secret(&self) -> anyhow::Result<()> {
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &self.origin.namespace);
        let name = &self.attached.spec.kubeconfig.name;
        let what = format!("Secret {}/{name}", self.origin.namespace);
        let found = api.get_opt(name).await.map_err(asked(&format!("cannot read {what}")))?;
        let (Some(secret), Some(owner)) = (found, self.attached.owner_ref(&())) else { return Ok(()) };
        let mut owners = secret.owner_references().to_vec();
        if owners.iter().any(|known| known.uid == owner.uid) {
            return Ok(());
        }
        owners.push(owner);
        let version = secret.resource_version();
        let patch = json!({"metadata": {"resourceVersion": version, "ownerReferences": owners}});
        api.patch(name, &params(), &Patch::Merge(&patch))
            .await
            .map(drop)
            .map_err(asked(&format!("cannot write {what}")))
    }

    /// Waits until it is gone. What the hub said last of what stays in the member.
    async fn until_gone(&self, how: How, timeout: Duration) -> anyhow::Result<Option<String>> {
        let Origin { namespace, name, .. } = &self.origin;
        let api: Api<AttachedCluster> = Api::namespaced(self.client.clone(), namespace);
        let records: Api<Cluster> = Api::all(self.client.clone());
        let deadline = Instant::now() + timeout;
        let (mut said, mut remark): (Option<String>, Option<String>) = (None, None);
        loop {
            let found = api.get_opt(name).await.map_err(asked(&format!("cannot read AttachedCluster {name}")))?;
            let found = found.filter(|found| found.uid() == self.attached.uid());
            let record = match records.get_opt(self.member.as_str()).await {
                // Who may not read it goes by the AttachedCluster, which goes when all is done in the member.
                Err(kube::Error::Api(status)) if status.code == 403 => None,
                read => read.map_err(asked("cannot read the member"))?,
            };
            remark = self.remark().await.or(remark);
            let record = record.filter(|record| !is_of_another(record, &self.origin));
            let Some(found) = found else {
                if record.is_none() {
                    return Ok(remark.filter(|_| how != How::Keep));
                }
                if Instant::now() >= deadline {
                    bail!(
                        "member/{0}: its AttachedCluster is gone, and the member's record is still there after {1} s; the hub \
                         removes it when it can; see `kurator status member/{0}`",
                        self.member,
                        timeout.as_secs()
                    );
                }
                tokio::time::sleep(LOOK_EVERY).await;
                continue;
            };
            let conditions = found.status.unwrap_or_default().conditions;
            let now = condition::find(&conditions, condition::DETACHING).map(|c| c.message.clone());
            if now != said {
                now.iter().for_each(output::print_stderr);
                said = now;
            }
            if Instant::now() >= deadline {
                bail!(
                    "member/{0}: not done within {1} s ({2}); it goes on without this command, and `kurator detach {0} --keep` lets \
                     it go as it is",
                    self.member,
                    timeout.as_secs(),
                    said.as_deref().unwrap_or("the hub has not said how far it is")
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What stays in the member though everything is given back.
    async fn remark(&self) -> Option<String> {
        let api: Api<api::delivery::MemberStatus> = Api::all(self.client.clone());
        let slice = api.get_opt(&api::delivery::MemberStatusSpec::object_name(&self.member, 0)).await.ok()??;
        let release = slice.status?.moving.release?;
        (release.done && !release.message.is_empty()).then_some(release.message)
    }
}

#[cfg(test)]
mod tests;

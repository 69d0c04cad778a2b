//! `kurator attach`: a cluster that the user can reach becomes a member of the hub.
//!
//! | step | with whose rights |
//! |---|---|
//! | read the user's kubeconfig, log in ([`login`], [`exec`]) | the user's, on this machine |
//! | look at the cluster and at the hub, show what will be made ([`proposal`]), ask | both |
//! | take back what a detach began to remove ([`remnant`]), mark the account as this hub's ([`mark`]) | the user's |
//! | make a service account with its rights in the cluster ([`rights`]), and a token of it | the user's |
//! | write Secret, AttachedCluster and Fleet in the hub ([`hub`]) | those on the hub |
//! | wait until the hub has reached the cluster with that token | |
//! | take mark and token off again, where the cluster is another member or the name is taken ([`mark`]) | the user's |
//! | delete what gave rights that are not wanted any more ([`surplus`]) | the user's |
//! | with `--take-over`: approve the list that was shown, wait until it is this hub's ([`foreign`], [`crate::takeover`]) | those on the hub |
//!
//! Nothing of the user's credential of the cluster is written, printed or logged; what a proxy before it wants of a user is written for
//! the hub ([`way`]). Again is harmless: what is there stays, and the token is
//! made once more.

mod exec;
mod foreign;
mod hub;
mod kubeconfig;
mod login;
mod mark;
mod proposal;
mod remnant;
mod rights;
mod surplus;
#[cfg(test)]
mod tests;
mod way;

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::{Context, bail};
use api::delivery::{HubId, MemberTakeOver, Origin};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::{Minted, NAMESPACE, SERVICE_ACCOUNT};
use api::reason;
use client::{Api, Resource};
use controllers::mint;
use model::{Clock, MemberName, object};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{self, Asking, Attach, Common, Waiting};
use crate::ask;
use crate::connect;
use crate::leave::counted;
use crate::output;
use crate::sync::FIELD_MANAGER;
use crate::takeover;
use foreign::Foreign;
pub(crate) use hub::{FINAL, refuse_going};
use hub::{Names, Present, Unwritten};
use kubeconfig::Files;
use mark::{Mark, Withdrawn};
use proposal::Proposal;
use remnant::{GONE_WITHIN, Rewritten};
pub(crate) use rights::removal;
use way::Way;

pub(crate) async fn run(common: &Common, what: &Attach) -> anyhow::Result<()> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let files = Files::find(common.kubeconfig.as_deref(), std::env::var_os("KUBECONFIG"), home)?;
    let chosen = files.load()?.choose(&what.cluster_context)?;
    let mut names = names(common, what)?;
    // The hub first: a hub that does not run need not cost the user a login.
    let hub_common =
        Common { kubeconfig: what.hub_kubeconfig.clone(), context: what.hub_context.clone(), ..common.clone() };
    let reached = connect::reach_hub(&hub_common).await?;
    let hub_client = reached.client.clone();
    let hub = Api::new(hub_client.clone(), FIELD_MANAGER);
    let present = hub::look_up(&hub, &names).await?;
    if !what.add_namespaces.is_empty() {
        let before = present.attached.as_ref().map(|attached| attached.spec.namespaces.as_slice());
        names.namespaces = rights::added(&names.name, before, &what.add_namespaces)?;
    }
    let login = login::log_in(&chosen, what.certificate_authority.as_deref(), output::can_ask()).await?;
    let own_server = login.credential.server().to_owned();
    let member = login.credential.api(FIELD_MANAGER).await.with_context(|| format!("context {}", chosen.context))?;
    let hub_server = reached.advertised.trim_end_matches('/');
    let own_id = foreign::own_id(&hub).await?;
    let mark = Mark::of(hub_server, own_id.as_ref(), reached.authority.as_ref(), &names);
    let place = Place {
        member: &member,
        hub: &hub,
        mark: &mark,
        own_id: own_id.as_ref(),
        names: &names,
        context: &chosen.context,
    };
    let facts = place.look_at_cluster(&own_server).await?;
    hub::refuse_own(&hub, &chosen.context, &facts.uid).await?;
    hub::check_identity(&hub, &names, &present, &facts.uid).await?;

    let way = Way::choose(&login.cluster, what.server.as_deref(), present.secret.as_ref());
    let server = way.server().to_owned();
    let grants = place.grants(Instant::now() + GONE_WITHIN).await?;
    let foreign = Foreign::read(&member, &facts.uid, own_id.clone(), what.take_over.is_some()).await?;
    let mut foreign = foreign.choose(what.take_over.as_ref())?;
    if let Some(list) = &foreign.take {
        foreign.namesakes = takeover::namesakes(&hub_client, &[list]).await;
    }
    let mut surplus = place.surplus(&present).await?;
    if !what.add_namespaces.is_empty() {
        surplus.keep_namespaces();
    }
    let proposal = Proposal {
        context: &chosen.context,
        way: &way,
        own_server: Some(own_server.as_str()).filter(|own| *own != server),
        version: &facts.version,
        hub: hub_server,
        names: &names,
        present: &present,
        grants: &grants,
        surplus: &surplus,
        foreign: &foreign,
    };
    proposal.lines().into_iter().for_each(|line| output::print_stderr(output::text(&[line]).trim_end()));
    if !what.yes {
        let command = again(common, what, &chosen.context, &names) + " --yes";
        ask::confirm("Attach it so?", "nothing was changed", &command)?;
    }
    let (minted, rewritten) = place.attach(&way.cluster, &present).await?;
    surplus.learn(rewritten);
    output::print_stderr(format_args!(
        "made in the cluster and in the hub; now the hub reaches {server} with its own credential"
    ));
    let done = hub::wait(&hub, &names, &minted, what.timeout).await;
    if let Err(why) = done {
        let why = format!("{why:#}");
        let next = match is_for_nothing(&why) {
            true => undone_with(&hub_common, &names, reason_of(&why), &place.withdraw(&minted).await),
            false => advice(&server, common, what, &chosen.context, &names),
        };
        bail!("{why}; {next}{}", surplus.left_words());
    }
    // By now the hub goes by the new rights: it asks for nothing that goes here.
    let removed = place.remove(&surplus, present.minted().as_ref()).await;

    let member_name = names.name.clone();
    let taken = match &foreign.take {
        Some(list) => match take_over(&hub_client, &hub_common, what, &names, list).await {
            Ok(taken) => Some(taken),
            Err(why) => {
                left_after(&removed).iter().for_each(output::print_stderr);
                return Err(why);
            }
        },
        None => None,
    };
    let mut result = json!({
        "name": names.name, "namespace": names.namespace, "server": server, "secret": names.secret(), "fleet": names.fleet,
        "kubeSystemUid": facts.uid, "kubernetesVersion": facts.version, "expires": minted.expires.map(|at| at.to_string()),
        "tokenSecret": minted.token_secret, "namespaces": names.namespaces,
    });
    if let Some(taken) = &taken {
        result["takenOver"] = json!({"from": taken.from, "objects": taken.objects, "units": taken.units});
    }
    if !output::structured(common.output, &result)? {
        output::print_stderr(format_args!("member/{member_name}: the hub has reached it; {}", renewal(&minted)));
        if let Some(taken) = &taken {
            let (objects, units) = (counted(taken.objects as usize, "object"), counted(taken.units as usize, "unit"));
            output::print_stderr(format_args!("{objects} of {units} of hub {} are this hub's now", taken.from));
        }
        let done = Attach { fleet: None, take_over: None, ..what.clone() };
        let again = again(common, &done, &chosen.context, &names);
        let fleets = hub::fleets_of(&hub, &names).await;
        output::print_stderr(format_args!("next: {}", next(&hub_common, &again, &names, &fleets)));
    }
    // Last: it is attached, also where this failed.
    removed?.iter().for_each(output::print_stderr);
    Ok(())
}

/// What is left in the cluster of the rights before, in words: it is said also where what follows fails.
fn left_after(removed: &anyhow::Result<Option<String>>) -> Option<String> {
    match removed {
        Ok(left) => left.clone(),
        Err(why) => Some(format!("{why:#}")),
    }
}

/// Takes over what was shown and agreed to. The hub makes the list again, and it is asked again only if that is another one.
async fn take_over(
    hub: &kube::Client,
    common: &Common,
    what: &Attach,
    names: &Names,
    shown: &MemberTakeOver,
) -> anyhow::Result<MemberTakeOver> {
    let attached: connect::Api<AttachedCluster> = connect::Api::namespaced(hub.clone(), &names.namespace);
    let about = format!("cannot read AttachedCluster {}/{}", names.namespace, names.name);
    let attached = attached.get(&names.name).await.map_err(connect::asked(&about))?;
    let member: MemberName =
        attached.status.and_then(|status| status.member).unwrap_or_else(|| names.name.clone()).parse()?;
    let resource = Resource::typed::<AttachedCluster>();
    let origin = Origin::new(&resource.group, &resource.kind, &names.namespace, &names.name);
    let words = ["hub", "adopt", member.as_str(), "--from", shown.from.as_str()];
    let command = ask::command(common, &words) + " --yes";
    let how = Asking { yes: what.yes, wait: Waiting { no_wait: false, timeout: what.timeout } };
    let done = takeover::take_over(hub, vec![(member, origin)], &shown.from, Some(shown.digest), &how, &command).await;
    let done =
        done.map_err(|why| anyhow::anyhow!("the cluster is attached, and not everything is taken over: {why:#}"))?;
    done.into_iter()
        .next()
        .map(|(_, list)| list)
        .ok_or_else(|| anyhow::anyhow!("the hub said nothing of the take-over"))
}

/// Name, namespace and fleet in the hub.
fn names(common: &Common, what: &Attach) -> anyhow::Result<Names> {
    let name = match &what.name {
        Some(name) => name.clone(),
        None => name_of_context(&what.cluster_context),
    };
    name.parse::<MemberName>()
        .map_err(|why| anyhow::anyhow!("a member cannot have the name {name:?}: {why}; say another with --name"))?;
    let namespaces = rights::asked(&what.namespaces)?;
    Ok(Names { namespace: common.namespace.clone(), name, fleet: what.fleet.clone(), namespaces })
}

/// A member's name out of a context's: `prod` of `arn:aws:eks:eu-west-1:1234:cluster/prod` and of `admin@prod`.
fn name_of_context(context: &str) -> String {
    let last = context.rsplit(['/', '@']).next().unwrap_or_default();
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    last.chars().map(plain).collect::<String>().trim_matches('-').to_owned()
}

/// What is known of the cluster.
struct Facts {
    uid: String,
    version: String,
}

/// Both sides.
struct Place<'a> {
    member: &'a Api,
    hub: &'a Api,
    mark: &'a Mark,
    /// This hub's id; `None` when the user may not see it.
    own_id: Option<&'a HubId>,
    names: &'a Names,
    context: &'a str,
}

impl Place<'_> {
    /// Says what is wrong when the cluster refuses the user, or does not answer.
    fn of_cluster(&self, what: &str) -> impl FnOnce(client::Error) -> anyhow::Error + use<> {
        let about = format!("context {}: {what}", self.context);
        move |error| match error.code() {
            Some(401) => anyhow::anyhow!(
                "{about}: the cluster refuses your credential: log in again, and try `kubectl get nodes`"
            ),
            Some(403) => anyhow::anyhow!(
                "{about}: you may not: {error}; ask for cluster-admin in this cluster, or have somebody who has it run this command"
            ),
            Some(_) => anyhow::anyhow!("{about}: the cluster refused: {error}"),
            None => anyhow::anyhow!("{about}: {error}"),
        }
    }

    async fn look_at_cluster(&self, server: &str) -> anyhow::Result<Facts> {
        let namespaces = Resource::core("Namespace", "namespaces", false);
        let unread = |what: &str| self.of_cluster(&format!("cannot read {what} at {server}"));
        let system =
            self.member.get(&namespaces.target("", "kube-system")).await.map_err(unread("namespace kube-system"))?;
        let uid = system.as_ref().and_then(object::uid).unwrap_or_default().to_owned();
        if uid.is_empty() {
            bail!(
                "context {}: what answers at {server} has no namespace kube-system, so that it is no cluster of Kubernetes",
                self.context
            );
        }
        let version = self.member.read("/version").await.map_err(unread("its version"))?;
        Ok(Facts { uid, version: object::get_str(&version, &["gitVersion"]).unwrap_or("unknown").to_owned() })
    }

    /// Makes everything. Returns how the token was made, and the ClusterRole if it was written to take things back.
    async fn attach(&self, cluster: &Value, present: &Present) -> anyhow::Result<(Minted, Option<Rewritten>)> {
        let before = present.minted();
        let again = hub::read_again(self.hub, self.names, present).await;
        again.map_err(|why| anyhow::anyhow!("nothing was changed: {why:#}"))?;
        let account = self.make_account().await?;
        let made = mint::mint(self.member, hub_clock().now(), self.context, before.as_ref(), &self.mark.key).await;
        let about = format!("cannot make a token of service account {NAMESPACE}/{SERVICE_ACCOUNT}");
        let mut token = match made.map_err(self.of_cluster(&about)) {
            Ok(token) => token,
            Err(why) => return Err(self.unmark_after(account.is_newly_marked, why).await),
        };
        token.minted.used_by = Some(account.mark);
        let kubeconfig = login::kubeconfig_of_hub(cluster, &token.text);
        let text = model::yaml::to_string(&kubeconfig);
        if let Err(unwritten) = hub::write_secret(self.hub, self.names, present, &text, &token.minted).await {
            return Err(self.undo(account.is_newly_marked, &token.minted, unwritten).await);
        }
        if let Err(why) = hub::write_attached(self.hub, self.names, present).await {
            return Err(self.give_up(present, account.is_newly_marked, &token.minted, why).await);
        }
        // Only now: until the hub has the new credential, it works with the one that an old mark is of. One that stays means only
        // that the account stays when the hub leaves, so that a refusal here is no failure.
        drop(self.mark_account(before.as_ref()).await);
        Ok((token.minted, account.rewritten))
    }

    /// Removes what is of a credential that the hub did not get. Returns the failure.
    async fn undo(&self, is_newly_marked: bool, minted: &Minted, unwritten: Unwritten) -> anyhow::Error {
        let Unwritten { mut why, is_certain, token_secret, used_by } = unwritten;
        if !is_certain {
            return why;
        }
        // Another command that began with the same credential has made the same token Secret, and the hub may work with it.
        let made = minted.token_secret.as_deref().filter(|made| token_secret.as_deref() != Some(*made));
        if let Some(made) = made
            && let Err(error) = mint::remove_token_secret(self.member, made).await
        {
            why = anyhow::anyhow!("{why:#}; Secret {NAMESPACE}/{made} stays in the cluster: {error}");
        }
        // The mark is the same for each attach of this cluster: the credential that another command wrote has it, too.
        let is_mine = is_newly_marked && used_by != minted.used_by;
        self.unmark_after(is_mine, why).await
    }

    /// Takes back what was made for an attached cluster that could not be written, and was not there before. Returns the failure.
    async fn give_up(&self, present: &Present, is_new: bool, minted: &Minted, mut why: anyhow::Error) -> anyhow::Error {
        if present.attached.is_some() || present.secret.is_some() {
            return why;
        }
        match hub::remove_secret(self.hub, self.names, minted).await {
            Ok(None) => why,
            Ok(Some(())) => {
                let (is_certain, token_secret, used_by) = (true, None, None);
                self.undo(is_new, minted, Unwritten { why, is_certain, token_secret, used_by }).await
            }
            Err(error) => {
                let Names { namespace, .. } = self.names;
                why = anyhow::anyhow!("{why:#}; Secret {namespace}/{} stays in the hub: {error}", self.names.secret());
                why
            }
        }
    }

    /// Makes the account and its rights.
    async fn make_account(&self) -> anyhow::Result<Account> {
        // Before anything else: from here on no detach of another hub begins to remove what is made.
        let marked = self.mark_account(None).await?;
        let is_newly_marked = marked.is_none_or(|marked| marked.is_new);
        match self.make_rights().await {
            Ok((mark, rewritten)) => Ok(Account { mark, is_newly_marked, rewritten }),
            Err(why) => Err(self.unmark_after(is_newly_marked, why).await),
        }
    }

    /// Makes what is listed. Returns the mark on the account, and the ClusterRole if it was written to take things back.
    async fn make_rights(&self) -> anyhow::Result<(String, Option<Rewritten>)> {
        let (grants, rewritten) = self.take_back(Instant::now() + GONE_WITHIN).await?;
        let now = hub_clock().now();
        for (grant, _) in &grants {
            let object = grant.made_at(now);
            let applied = self.member.apply(&grant.resource.target_of(&object), &object).await;
            applied.map_err(self.of_cluster(&format!("cannot make {}", grant.name())))?;
        }
        let Some(marked) = self.mark_account(None).await? else {
            bail!("ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} was deleted meanwhile: run the same command again");
        };
        Ok((marked.name, rewritten))
    }
}

/// The account as it was made.
struct Account {
    /// The mark on it.
    mark: String,
    /// Did this command set it?
    is_newly_marked: bool,
    /// The ClusterRole, if it was written to take things back.
    rewritten: Option<Rewritten>,
}

/// The account in the cluster.
fn accounts() -> Resource {
    Resource::core("ServiceAccount", "serviceaccounts", true)
}

/// The composition root's clock.
fn hub_clock() -> ::hub::SystemClock {
    ::hub::SystemClock
}

/// When the hub renews the credential, in words.
fn renewal(minted: &Minted) -> String {
    match minted.expires {
        Some(at) => format!("its credential is good until {}, and is renewed at a third of that time", model::clock::format_seconds(at)),
        None => "the cluster grants short tokens only, so that the hub has a token Secret there, which it replaces by itself".to_owned(),
    }
}

/// The command that comes next. `fleets`: those that list the cluster.
fn next(hub: &Common, again: &str, names: &Names, fleets: &[String]) -> String {
    let fleet = match fleets {
        [] => format!(", and `{again} --fleet FLEET` to put it into a fleet"),
        _ => String::new(),
    };
    format!("`{}` to see it{fleet}", ask::command(hub, &["status", &format!("member/{}", names.name)]))
}

/// The same command for the same cluster and hub, to be copied into a shell: it does what this one did not get to, and changes neither
/// the address nor the rights.
fn again(common: &Common, what: &Attach, context: &str, names: &Names) -> String {
    // Here --kubeconfig and --context are the cluster's, and the directory is still the hub's.
    // It is not said twice which hub is meant.
    let dir = common.dir.clone().filter(|_| what.hub_kubeconfig.is_none());
    let hub = Common { kubeconfig: None, context: None, dir, ..common.clone() };
    // Those that are added take nothing away, also where the account has more.
    let (option, limit) = match what.add_namespaces.as_slice() {
        [] => ("--namespaces", names.namespaces.join(",")),
        added => ("--add-namespaces", added.join(",")),
    };
    let mut words = vec!["attach", context, "--name", names.name.as_str()];
    if !limit.is_empty() {
        words.extend([option, limit.as_str()]);
    }
    let path = |path: &Option<std::path::PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let options = [
        ("--kubeconfig", path(&common.kubeconfig)),
        ("--certificate-authority", path(&what.certificate_authority)),
        ("--server", what.server.clone()),
        ("--hub-kubeconfig", path(&what.hub_kubeconfig)),
        ("--hub-context", what.hub_context.clone()),
    ];
    let given = options.into_iter().filter_map(|(option, value)| Some(format!(" {option} {}", ask::quoted(&value?))));
    let fleet = what.fleet.as_ref().map(|fleet| format!(" --fleet {}", ask::quoted(fleet))).unwrap_or_default();
    let take_over = match &what.take_over {
        None => String::new(),
        Some(None) => " --take-over".to_owned(),
        Some(Some(from)) => format!(" --take-over {from}"),
    };
    ask::command(&hub, &words) + &given.collect::<String>() + &fleet + &take_over
}

/// Can what was made never do anything? A failure begins with its reason. The cluster is a member under another name, or the name is
/// another member's: who may not see other namespaces learns it from the hub, when it is made.
fn is_for_nothing(why: &str) -> bool {
    [reason::SAME_CLUSTER, reason::NAME_TAKEN].contains(&reason_of(why))
}

fn reason_of(why: &str) -> &str {
    why.split_once(": ").map_or(why, |(reason, _)| reason)
}

/// What was made, and the command that takes it back.
fn undone_with(hub: &Common, names: &Names, reason: &str, end: &Withdrawn) -> String {
    let Names { namespace, name, fleet, .. } = names;
    let entry = fleet.as_ref().map_or_else(String::new, |fleet| format!(", its entry in Fleet {namespace}/{fleet}"));
    let attached = format!("{namespace}/{name}");
    let undo = ask::command(hub, &["detach", &args::typed(&attached), "--keep"]);
    let account = match end.others.as_deref() {
        _ if reason == reason::SAME_CLUSTER => "stays, since another member of this hub works as it".to_owned(),
        None => "stays with its rights".to_owned(),
        Some([]) => format!(
            "stays with its rights, and nobody is noted on it who works as it: when that is so, remove it with `{}`",
            removal(&names.namespaces).join("`, `")
        ),
        Some(others) => format!("stays, since others work as it: {}", others.join(", ")),
    };
    let trouble = &end.trouble;
    format!(
        "what was made stays, and nothing is delivered by it: AttachedCluster {attached}, Secret {namespace}/{}{entry}; `{undo}` \
         takes it out of the hub; should it become a member after all, run the same command again, since its mark and token in the \
         cluster are taken back; there ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT} {account}{trouble}",
        names.secret()
    )
}

/// What to do when the hub has not reached the cluster.
fn advice(server: &str, common: &Common, what: &Attach, context: &str, names: &Names) -> String {
    let without = Attach { server: None, ..what.clone() };
    let elsewhere = again(common, &without, context, names);
    if is_near(server) {
        return format!(
            "{server} is an address of this machine or of a private network: if the hub is elsewhere, say one that it reaches \
             with `{elsewhere} --server https://HOST:PORT`"
        );
    }
    let other = if what.server.is_some() { "another --server" } else { "--server https://HOST:PORT" };
    format!(
        "what was made stays; when the cause is mended it goes on by itself, and `{}` is harmless; if the hub must take \
         another way, say {other}",
        again(common, what, context, names)
    )
}

/// Is an address one of this machine, or of a network that others may not reach?
fn is_near(server: &str) -> bool {
    let Ok(uri) = server.parse::<http::Uri>() else { return false };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local() || ip.is_unspecified(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local() || ip.is_unicast_link_local(),
        Err(_) => host == "localhost" || host.ends_with(".localhost") || !host.contains('.'),
    }
}

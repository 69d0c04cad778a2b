//! `kurator attach`: a cluster that the user can reach becomes a member of the hub.
//!
//! | step | with whose rights |
//! |---|---|
//! | read the user's kubeconfig, log in ([`login`], [`exec`]) | the user's, on this machine |
//! | look at the cluster and at the hub, show what will be made ([`proposal`]), ask | both |
//! | make a service account with its rights in the cluster ([`rights`]), and a token of it | the user's |
//! | write Secret, AttachedCluster and Fleet in the hub ([`hub`]) | those on the hub |
//! | wait until the hub has reached the cluster with that token | |
//! | with `--take-over`: approve the list that was shown, wait until it is this hub's ([`foreign`], [`crate::takeover`]) | those on the hub |
//!
//! Nothing of the user's credential is written, printed or logged. Again is harmless: what is there stays, and the token is
//! made once more.

mod exec;
mod foreign;
mod hub;
mod kubeconfig;
mod login;
mod proposal;
mod rights;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use api::delivery::{HubId, MemberTakeOver, Origin};
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::minted::{MANAGED_BY, MANAGER, Minted, NAMESPACE, SERVICE_ACCOUNT, marks, used_by, whose};
use client::{Api, Delete, Resource, Selection};
use controllers::mint;
use model::{Clock, Digest, MemberName, object};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::args::{Asking, Attach, Common, Waiting};
use crate::ask;
use crate::connect;
use crate::leave::counted;
use crate::output;
use crate::sync::FIELD_MANAGER;
use crate::takeover;
use foreign::Foreign;
pub(crate) use hub::FINAL;
use hub::{Names, Present};
use kubeconfig::Files;
use proposal::Proposal;
use rights::Grant;
pub(crate) use rights::removal;

/// Longest wait for what a detach has left. A cluster removes it within seconds, and a namespace after all that is in it.
const GONE_WITHIN: Duration = Duration::from_secs(120);

/// Between two looks at it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

pub(crate) async fn run(common: &Common, what: &Attach) -> anyhow::Result<()> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let files = Files::find(common.kubeconfig.as_deref(), std::env::var_os("KUBECONFIG"), home)?;
    let chosen = files.load()?.choose(&what.cluster_context)?;
    let names = names(common, what)?;
    // The hub first: a hub that does not run need not cost the user a login.
    let hub_common =
        Common { kubeconfig: what.hub_kubeconfig.clone(), context: what.hub_context.clone(), ..common.clone() };
    let reached = connect::reach_hub(&hub_common).await?;
    let hub_client = reached.client.clone();
    let hub = Api::new(hub_client.clone(), FIELD_MANAGER);
    let present = hub::look_up(&hub, &names).await?;
    let login = login::log_in(&chosen, what.certificate_authority.as_deref(), output::can_ask()).await?;
    let own_server = login.credential.server().to_owned();
    let member = login.credential.api(FIELD_MANAGER).await.with_context(|| format!("context {}", chosen.context))?;
    let hub_server = reached.advertised.trim_end_matches('/');
    let own_id = foreign::own_id(&hub).await?;
    let whose = Whose::of(hub_server, own_id.as_ref(), reached.authority.as_ref(), &names);
    let place = Place { member: &member, hub: &hub, whose: &whose, names: &names, context: &chosen.context };
    let facts = place.look_at_cluster(&own_server).await?;
    hub::check_identity(&hub, &names, &present, &facts.uid).await?;

    let cluster = login::for_hub(&login.cluster, what.server.as_deref());
    let text = |field: &str| cluster.get(field).and_then(Value::as_str);
    let server = text("server").unwrap_or_default().to_owned();
    let grants = place.grants(GONE_WITHIN).await?;
    let foreign = Foreign::read(&member, &facts.uid, own_id, what.take_over.is_some()).await?;
    let foreign = foreign.choose(what.take_over.as_ref())?;
    let surplus = place.surplus(&present).await?;
    let proposal = Proposal {
        context: &chosen.context,
        server: &server,
        proxy: text("proxy-url"),
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
        confirm()?;
    }
    let minted = place.attach(&cluster, &grants, &present).await?;
    output::print_stderr(format_args!(
        "made in the cluster and in the hub; now the hub reaches {server} with its own credential"
    ));
    let done = hub::wait(&hub, &names, &minted, what.timeout).await;
    // By now the hub works with the new rights: it asks for nothing that goes here.
    place.remove(&surplus, present.minted().as_ref()).await?;
    done.map_err(|why| anyhow::anyhow!("{why:#}; {}", advice(&server, what, &chosen.context, &names)))?;

    let member_name = names.name.clone();
    let taken = match &foreign.take {
        Some(list) => Some(take_over(&hub_client, &hub_common, what, &names, list).await?),
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
        output::print_stderr(format_args!("next: {}", next(&chosen.context, &names)));
    }
    Ok(())
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

/// Asks whether what is shown is meant.
fn confirm() -> anyhow::Result<()> {
    let Some(answer) = output::prompt("Attach it so? [y/N]")? else {
        bail!("nothing was changed: there is no terminal to ask at; read what is shown, then say --yes");
    };
    if !matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") {
        bail!("nothing was changed");
    }
    Ok(())
}

/// What was made in the cluster for rights that are not wanted any more.
#[derive(Default)]
struct Surplus {
    /// Each as it was found.
    rights: Vec<(Grant, Value)>,
    /// Other hubs that work as the account, in words: as long as there are some, these rights may be theirs, and stay.
    others: Vec<String>,
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
    whose: &'a Whose,
    names: &'a Names,
    context: &'a str,
}

/// Which attached cluster of which hub this is.
#[derive(Debug, PartialEq, Eq)]
struct Whose {
    /// The same for each attach of it, and for no other hub's. An address is no such thing: two hubs on two machines may both
    /// be at `https://127.0.0.1:6443`.
    key: String,
    /// As people read it.
    words: String,
}

impl Whose {
    /// Of a hub with this id, or, where the user may not see that, with this authority.
    fn of(server: &str, id: Option<&HubId>, authority: Option<&Digest>, names: &Names) -> Self {
        let what = format!("{}/{}", names.namespace, names.name);
        let hub = match (id, authority) {
            (Some(id), _) => format!("hub {id}"),
            (None, Some(authority)) => format!("authority {authority}"),
            // It has a certificate that everybody trusts, so that the name is its own.
            (None, None) => format!("hub at {server}"),
        };
        let key = id.map_or_else(|| format!("{hub} {what}"), |id| whose(id, &names.namespace, &names.name));
        Self { key, words: format!("{server} {what} ({hub})") }
    }
}

/// May this mark, of an earlier version, be another hub's as well? It stood for an address only.
fn may_be_shared(words: &str) -> bool {
    !words.ends_with(')') && is_near(words.split(' ').next().unwrap_or_default())
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

    /// What is to be made in the cluster, and whether it is there. What another detach has begun to remove is waited for.
    async fn grants(&self, within: Duration) -> anyhow::Result<Vec<(Grant, bool)>> {
        let mut out = Vec::new();
        let until = Instant::now() + within;
        for grant in rights::grants(&self.names.namespaces) {
            let there = match self.settled(&grant, until).await {
                Ok(Some(found)) if !grant.may_be_written(&found) => bail!(
                    "context {}: {} is there already, and `kurator attach` did not make it (it has no label {MANAGED_BY}: \
                     {MANAGER}); nothing was changed: see what it is for, rename or delete it, and attach again",
                    self.context,
                    grant.name()
                ),
                Ok(Some(found)) if rights::is_going(&found) => bail!(
                    "context {}: {} is on its way out, as after `kurator detach --release`, and is still there after {} s; \
                     nothing was changed: see with `kubectl get {} -o yaml` what keeps it, and attach again when it is gone",
                    self.context,
                    grant.name(),
                    within.as_secs(),
                    grant.kubectl_words()
                ),
                Ok(Some(_)) if grant.only_if_missing => continue,
                Ok(found) => found.is_some(),
                // It is applied anyway, and then it is said what the user may not.
                Err(error) if error.is_denied() => false,
                Err(error) => return Err(self.of_cluster(&format!("cannot read {}", grant.name()))(error)),
            };
            out.push((grant, there));
        }
        Ok(out)
    }

    /// What was made there for other rights than are wanted now. It is looked for: an attached cluster may have been deleted.
    async fn surplus(&self, present: &Present) -> anyhow::Result<Surplus> {
        let recorded = present.attached.iter().flat_map(|attached| attached.spec.namespaces.iter().cloned());
        let mut before: BTreeSet<String> = recorded.collect();
        let bindings = Resource::new("rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings", true);
        let ours = Selection::labels(format!("{MANAGED_BY}={MANAGER}"));
        match self.member.list(&bindings, "", &ours).await {
            Ok(list) => {
                let of_account = list.items.iter().filter(|one| object::name(one) == Some(SERVICE_ACCOUNT));
                before.extend(of_account.filter_map(object::namespace).map(str::to_owned));
            }
            // Who may not list them knows of those that are recorded.
            Err(error) if error.is_denied() => {}
            Err(error) => return Err(self.of_cluster("cannot list RoleBindings")(error)),
        }
        let mut out = Surplus::default();
        for grant in rights::surplus(&before, &self.names.namespaces) {
            match self.member.get_metadata(&grant.resource.target_of(&grant.object)).await {
                Ok(Some(found)) if grant.may_be_written(&found) => out.rights.push((grant, found)),
                // It is not there, or it is not ours.
                Ok(_) => {}
                Err(error) if error.is_denied() => {}
                Err(error) => return Err(self.of_cluster(&format!("cannot read {}", grant.name()))(error)),
            }
        }
        if !out.rights.is_empty() {
            out.others = self.others(present.minted().as_ref()).await?;
        }
        Ok(out)
    }

    /// The other hubs that work as the account, in words.
    async fn others(&self, before: Option<&Minted>) -> anyhow::Result<Vec<String>> {
        let about = format!("cannot see which hubs work as ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}");
        let found = self.member.get(&accounts().target(NAMESPACE, SERVICE_ACCOUNT)).await;
        let found = found.map_err(self.of_cluster(&about))?.unwrap_or_default();
        let own = used_by(&self.whose.key);
        let others = marks(&found).filter(|(name, words)| **name != own && !is_old(name, words, before));
        Ok(others.map(|(_, whose)| whose.to_owned()).collect())
    }

    /// Removes what was shown. One that was changed since stays, and is said. Nothing goes that another hub may work with, also
    /// one that came since.
    async fn remove(&self, surplus: &Surplus, before: Option<&Minted>) -> anyhow::Result<()> {
        if surplus.rights.is_empty() || !surplus.others.is_empty() || !self.others(before).await?.is_empty() {
            return Ok(());
        }
        for (grant, found) in &surplus.rights {
            let deleted = self.member.delete(&grant.resource.target_of(&grant.object), &Delete::exactly(found)).await;
            let what =
                format!("the hub has its new rights, and cannot delete {}: run the same command again", grant.name());
            deleted.map_err(self.of_cluster(&what))?;
        }
        Ok(())
    }

    /// Metadata of an object, once it is not on its way out: what is applied to one that is would go with it.
    async fn settled(&self, grant: &Grant, until: Instant) -> Result<Option<serde_json::Value>, client::Error> {
        let target = grant.resource.target_of(&grant.object);
        let mut is_said = false;
        loop {
            let found = self.member.get_metadata(&target).await?;
            let waits = found.as_ref().is_some_and(|found| grant.may_be_written(found) && rights::is_going(found));
            if !waits || Instant::now() >= until {
                return Ok(found);
            }
            if !is_said {
                output::print_stderr(format_args!("waits until {} is gone, which a detach has left", grant.name()));
                is_said = true;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// Notes on the account that this hub works as it, so that a hub that leaves does not take the account of another one
    /// along. The marks of others stay: a hub may have the account and have delivered nothing yet, and one mark too many only
    /// means that the account stays.
    async fn mark_account(&self, before: Option<&Minted>) -> anyhow::Result<String> {
        let target = accounts();
        let target = target.target(NAMESPACE, SERVICE_ACCOUNT);
        let about = format!("cannot note this hub on ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}");
        let found = self.member.get(&target).await.map_err(self.of_cluster(&about))?.unwrap_or_default();
        let own = used_by(&self.whose.key);
        let old = marks(&found).filter(|(name, words)| **name != own && is_old(name, words, before));
        let old: Vec<(String, Value)> = old.map(|(name, _)| (name.clone(), json!(null))).collect();
        let mut annotations = serde_json::Map::from_iter(old);
        annotations.insert(own.clone(), json!(self.whose.words));
        let patch = json!({"metadata": {"annotations": annotations}});
        self.member.merge(&target, &patch).await.map_err(self.of_cluster(&about))?;
        Ok(own)
    }

    /// Makes everything. Returns how the token was made.
    async fn attach(&self, cluster: &Value, grants: &[(Grant, bool)], present: &Present) -> anyhow::Result<Minted> {
        for (grant, _) in grants {
            let applied = self.member.apply(&grant.resource.target_of(&grant.object), &grant.object).await;
            applied.map_err(self.of_cluster(&format!("cannot make {}", grant.name())))?;
        }
        let before = present.minted();
        let used_by = self.mark_account(before.as_ref()).await?;
        let made = mint::mint(self.member, hub_clock().now(), self.context, before.as_ref(), &self.whose.key).await;
        let about = format!("cannot make a token of service account {NAMESPACE}/{SERVICE_ACCOUNT}");
        let mut token = made.map_err(self.of_cluster(&about))?;
        token.minted.used_by = Some(used_by);
        let kubeconfig = login::kubeconfig_of_hub(cluster, &token.text);
        hub::write(self.hub, self.names, present, &model::yaml::to_string(&kubeconfig), &token.minted).await?;
        Ok(token.minted)
    }
}

fn accounts() -> Resource {
    Resource::core("ServiceAccount", "serviceaccounts", true)
}

/// Is it the mark that this hub set before? The user may not have seen the hub's id the last time, or it had another address.
fn is_old(mark: &str, words: &str, before: Option<&Minted>) -> bool {
    before.is_some_and(|before| before.used_by.as_deref() == Some(mark)) && !may_be_shared(words)
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

/// The command that comes next.
fn next(context: &str, names: &Names) -> String {
    let fleet = match &names.fleet {
        Some(_) => String::new(),
        None => format!(
            ", and `kurator attach {} {} --fleet FLEET` to put it into a fleet",
            shell_word(context),
            names.options()
        ),
    };
    format!("`kurator status member/{}` to see it{fleet}", names.name)
}

/// What to do when the hub has not reached the cluster.
fn advice(server: &str, what: &Attach, context: &str, names: &Names) -> String {
    let again = format!("kurator attach {} {}", shell_word(context), names.options());
    if is_near(server) {
        return format!(
            "{server} is an address of this machine or of a private network: if the hub is elsewhere, say one that it reaches \
             with `{again} --server https://HOST:PORT`"
        );
    }
    let other = if what.server.is_some() { "another --server" } else { "--server https://HOST:PORT" };
    format!(
        "what was made stays; when the cause is mended it goes on by itself, and `{again}` is harmless; if the hub must take \
             another way, say {other}"
    )
}

fn shell_word(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@%_-+=:,./".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
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

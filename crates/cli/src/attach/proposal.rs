//! What `kurator attach` is about to do, as it is shown before it asks.

use super::foreign::Choice;
use super::hub::{Names, Present};
use super::rights::Grant;
use super::surplus::Surplus;
use super::way::{ProxyUser, Way};
use crate::output::{Line, Table};

/// Everything that is shown.
pub(super) struct Proposal<'a> {
    pub(super) context: &'a str,
    /// How the hub is to reach the cluster.
    pub(super) way: &'a Way,
    /// The user's own way, when it is another.
    pub(super) own_server: Option<&'a str>,
    pub(super) version: &'a str,
    /// URL of the hub.
    pub(super) hub: &'a str,
    pub(super) names: &'a Names,
    pub(super) present: &'a Present,
    /// What is made in the cluster, and whether it is there already.
    pub(super) grants: &'a [(Grant, bool)],
    /// What is removed there, or stays for other hubs.
    pub(super) surplus: &'a Surplus,
    /// What other hubs have there, and what becomes of it.
    pub(super) foreign: &'a Choice,
}

impl Proposal<'_> {
    /// Is it a cluster that was attached before?
    fn is_renewal(&self) -> bool {
        self.present.attached.is_some()
    }

    /// In which namespaces the rights were until now; none for the whole cluster, also while it is not attached.
    fn before(&self) -> &[String] {
        self.present.attached.as_ref().map_or(&[], |attached| attached.spec.namespaces.as_slice())
    }

    /// Which rights the hub gets, and what becomes of what they do not cover.
    fn rights(&self) -> Vec<String> {
        let (before, now) = (self.before(), self.names.namespaces.as_slice());
        let mut lines = vec![format!("everything {}", where_in(now))];
        if !now.is_empty() {
            lines.push("what needs more is not sent there, and its Application says so".to_owned());
        }
        if !self.surplus.rights.is_empty() && self.surplus.kept.is_some() {
            lines.push("the account has others too, which stay; this hub does not use them".to_owned());
        }
        if self.is_renewal() && before != now {
            lines.push(format!("until now {}", where_in(before)));
        }
        let is_narrower =
            !now.is_empty() && (before.is_empty() || before.iter().any(|namespace| !now.contains(namespace)));
        if self.is_renewal() && is_narrower {
            lines.push("what was delivered elsewhere stays as it is, and is neither changed nor deleted".to_owned());
        }
        lines
    }

    pub(super) fn lines(&self) -> Vec<Line> {
        let Self { names, present, .. } = self;
        let mut about = Table::default();
        let cluster = format!("context {}, Kubernetes {}", self.context, self.version);
        about.row(vec!["cluster".into(), cluster.into()]);
        about.row(vec!["reached at".into(), format!("{}, by the hub", self.way.words()).into()]);
        if self.way.keeps_proxy {
            about.row(vec!["".into(), "the proxy is that of the hub until now; your kubeconfig names none".into()]);
        }
        if let Some(before) = &self.way.before {
            about.row(vec!["".into(), format!("until now {before}").into()]);
        }
        if let Some(own) = self.own_server {
            about.row(vec!["".into(), format!("{own}, by you").into()]);
        }
        about.row(vec!["hub".into(), self.hub.into()]);
        for (index, line) in self.rights().into_iter().enumerate() {
            about.row(vec![if index == 0 { "rights" } else { "" }.into(), line.into()]);
        }
        let mut lines = about.lines(false);

        lines.push(Line::default());
        lines.push("In the cluster, with your rights:".into());
        let mut table = Table::default();
        for (grant, there) in self.grants {
            // It is written as it is listed, also where it was narrowed.
            let verb = if *there { "apply" } else { "create" };
            table.row(vec![verb.into(), grant.name().into(), grant.why.into()]);
        }
        let Surplus { rights, kept, unseen } = self.surplus;
        for (grant, _) in rights {
            let (verb, why) = match kept {
                None => ("delete", "the rights that it gave are not wanted any more".to_owned()),
                Some(why) => ("keep", why.clone()),
            };
            table.row(vec![verb.into(), grant.name().into(), why.into()]);
        }
        for what in unseen {
            table.row(vec!["leave".into(), what.clone().into(), "you may not see whether it is there".into()]);
        }
        table.row(vec![
            "create".into(),
            "a token of that account".into(),
            "for the hub, which renews it by itself".into(),
        ]);
        lines.extend(table.lines(false).iter().map(|line| line.indented(2)));

        lines.push(Line::default());
        lines.push("In the hub:".into());
        let mut table = Table::default();
        let Names { namespace, name, fleet, namespaces } = names;
        let verb = |there: bool| if there { "change" } else { "create" };
        table.row(vec![
            verb(present.secret.is_some()).into(),
            format!("Secret {namespace}/{}", names.secret()).into(),
            self.way.secret_words().into(),
        ]);
        let from = present.attached.as_ref().map(|attached| &attached.spec.kubeconfig.name);
        let what = match from.filter(|secret| **secret != names.secret()) {
            Some(secret) => format!("takes that Secret; until now it took Secret {secret}, which stays"),
            None if self.before() == namespaces.as_slice() => "the cluster as a member".to_owned(),
            None => format!("says that the rights are {}", where_in(namespaces)),
        };
        let verb_attached = if self.is_renewal() && what.starts_with("the") { "keep" } else { verb(self.is_renewal()) };
        table.row(vec![verb_attached.into(), format!("AttachedCluster {namespace}/{name}").into(), what.into()]);
        if let Some(fleet) = fleet {
            let (verb, what) = match (&present.fleet, present.is_listed(names)) {
                (_, true) => ("keep", "lists it already".to_owned()),
                (Some(_), false) => ("change", format!("lists {name} too: what goes to all of the fleet goes there")),
                (None, _) => ("create", format!("lists {name}")),
            };
            table.row(vec![verb.into(), format!("Fleet {namespace}/{fleet}").into(), what.into()]);
        }
        lines.extend(table.lines(false).iter().map(|line| line.indented(2)));

        let foreign = self.foreign.lines();
        if !foreign.is_empty() {
            lines.push(Line::default());
            lines.extend(foreign.into_iter().map(Line::from));
        }

        lines.push(Line::default());
        let own = match self.way.proxy_user {
            ProxyUser::Own => "Your own credential of the cluster is used now, on this machine, and is not kept.",
            ProxyUser::None | ProxyUser::Kept => "Your own credential is used now, on this machine, and is not kept.",
        };
        lines.push(own.into());
        lines
    }
}

/// Where rights are.
fn where_in(namespaces: &[String]) -> String {
    match namespaces {
        [] => "in the whole cluster".to_owned(),
        [one] => format!("in namespace {one} only"),
        several => format!("in namespaces {} only", several.join(", ")),
    }
}

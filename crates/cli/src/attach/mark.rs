//! Which hub works as the account: the marks on it, one for each attached cluster of each hub.

use api::delivery::HubId;
use api::kurator::minted::{Minted, NAMESPACE, SERVICE_ACCOUNT, marks, used_by, whose, whose_words};
use controllers::mint;
use model::Digest;
use serde_json::{Value, json};

use super::hub::Names;
use super::{Place, accounts, is_near};

/// Which attached cluster of which hub this is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mark {
    /// The same for each attach of it, and for no other hub's. An address is no such thing: two hubs on two machines may both
    /// be at `https://127.0.0.1:6443`.
    pub(super) key: String,
    /// As people read it.
    pub(super) words: String,
}

impl Mark {
    /// Of a hub with this id, or, where the user may not see that, with this authority.
    pub(super) fn of(server: &str, id: Option<&HubId>, authority: Option<&Digest>, names: &Names) -> Self {
        let Names { namespace, name, .. } = names;
        let hub = match (id, authority) {
            (Some(id), _) => {
                let words = whose_words(id, namespace, name);
                return Self { key: whose(id, namespace, name), words: format!("{server} {words}") };
            }
            (None, Some(authority)) => format!("authority {authority}"),
            // It has a certificate that everybody trusts, so that the name is its own.
            (None, None) => format!("hub at {server}"),
        };
        let what = format!("{namespace}/{name}");
        Self { key: format!("{hub} {what}"), words: format!("{server} {what} ({hub})") }
    }
}

/// May this mark be another hub's as well? Only one of an earlier version of this command, which stood for an address.
fn may_be_shared(words: &str) -> bool {
    let server = words.split(' ').next().unwrap_or_default();
    server.starts_with("https://") && !words.ends_with(')') && is_near(server)
}

/// Is it the mark that this hub set before? The user may not have seen the hub's id the last time, or it had another address.
pub(super) fn is_old(mark: &str, words: &str, before: Option<&Minted>) -> bool {
    before.is_some_and(|before| before.used_by.as_deref() == Some(mark)) && !may_be_shared(words)
}

/// The mark on the account.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// The annotation.
    pub(super) name: String,
    /// Was it not there before?
    pub(super) is_new: bool,
}

/// What became of the account where an attached cluster turned out to be for nothing.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Withdrawn {
    /// Who works as it, by the marks on it; `None` when that cannot be seen.
    pub(super) others: Option<Vec<String>>,
    /// What could not be taken off it, in words.
    pub(super) trouble: String,
}

impl Place<'_> {
    /// Notes on the account that this hub works as it, so that a hub that leaves does not take the account of another one
    /// along. The marks of others stay: a hub may have the account and have delivered nothing yet, and one mark too many only
    /// means that the account stays. `None` when there is no account.
    pub(super) async fn mark_account(&self, before: Option<&Minted>) -> anyhow::Result<Option<Marked>> {
        let target = accounts();
        let target = target.target(NAMESPACE, SERVICE_ACCOUNT);
        let about = format!("cannot note this hub on ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}");
        let found = self.member.get(&target).await.map_err(self.of_cluster(&about))?;
        let Some(found) = found else { return Ok(None) };
        let own = used_by(&self.mark.key);
        let old = marks(&found).filter(|(name, words)| **name != own && is_old(name, words, before));
        let old: Vec<(String, Value)> = old.map(|(name, _)| (name.clone(), json!(null))).collect();
        let mut annotations = serde_json::Map::from_iter(old);
        annotations.insert(own.clone(), json!(self.mark.words));
        let is_new = !marks(&found).any(|(name, _)| *name == own);
        let patch = json!({"metadata": {"annotations": annotations}});
        match self.member.merge(&target, &patch).await {
            Ok(_) => Ok(Some(Marked { name: own, is_new })),
            Err(error) if error.is_gone() => Ok(None),
            Err(error) => Err(self.of_cluster(&about)(error)),
        }
    }

    /// Takes the mark away again after a failure, if this command set it: a hub without a credential does not work as the account,
    /// and its mark would keep the account when the others leave. Returns the failure.
    pub(super) async fn unmark_after(&self, is_new: bool, why: anyhow::Error) -> anyhow::Error {
        if !is_new {
            return why;
        }
        let own = used_by(&self.mark.key);
        match self.unmark(&own).await {
            Ok(()) => why,
            Err(error) => anyhow::anyhow!(
                "{why:#}; annotation {own} stays on ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}, which stays because of it when \
                 other hubs leave: run the same command again, or remove the annotation: {error}"
            ),
        }
    }

    /// Takes its mark and its token off the account again where the attached cluster makes no member: nothing works as the account
    /// for it, and the mark would keep that, with all its rights, when the member leaves whose cluster this is. Both are of this
    /// attached cluster alone, so that no other member loses what it works with.
    pub(super) async fn withdraw(&self, minted: &Minted) -> Withdrawn {
        let mut trouble = String::new();
        if let Some(made) = minted.token_secret.as_deref()
            && let Err(error) = mint::remove_token_secret(self.member, made).await
        {
            trouble = format!("; Secret {NAMESPACE}/{made} stays in the cluster: {error}");
        }
        let own = used_by(&self.mark.key);
        if let Err(error) = self.unmark(&own).await {
            trouble = format!(
                "{trouble}; annotation {own} stays on ServiceAccount {NAMESPACE}/{SERVICE_ACCOUNT}, which stays because of it when \
                 others leave: remove the annotation: {error}"
            );
        }
        let target = accounts();
        let found = self.member.get_metadata(&target.target(NAMESPACE, SERVICE_ACCOUNT)).await;
        let others = found.ok().map(|found| {
            let found = found.unwrap_or_default();
            marks(&found).filter(|(name, _)| **name != own).map(|(_, words)| words.to_owned()).collect()
        });
        Withdrawn { others, trouble }
    }

    async fn unmark(&self, own: &str) -> Result<(), client::Error> {
        let target = accounts();
        let target = target.target(NAMESPACE, SERVICE_ACCOUNT);
        let found = self.member.get_metadata(&target).await?;
        if !found.is_some_and(|found| marks(&found).any(|(name, _)| name == own)) {
            return Ok(());
        }
        match self.member.merge(&target, &json!({"metadata": {"annotations": {own: null}}})).await {
            Err(error) if !error.is_gone() => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;

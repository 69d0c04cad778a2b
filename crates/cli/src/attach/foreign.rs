//! What hubs have in the cluster already: shown with everything else, so that `--take-over` asks one question.

use ::hub::ID_SECRET;
use anyhow::bail;
use api::delivery::{HubId, MemberTakeOver, label};
use client::{Api, Resource};
use model::object;

use super::hub::of_hub;
use crate::leave::counted;
use crate::takeover;

/// What is said where nothing can be taken over. Labels alone are looked for where something is delivered.
const NOTHING_RECORDED: &str = "no other hub has an inventory in this cluster: there is nothing to take over; of objects that only have \
                                the label of one, `kurator hub adopt` says what to do once something is delivered there";

/// Hubs with inventories in the cluster, and this one's id.
pub(super) struct Foreign {
    /// What each has there.
    found: Vec<MemberTakeOver>,
    /// This hub's; `None` when the user may not see it.
    own: Option<HubId>,
}

/// What is done with it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Choice {
    /// The hub of which everything is taken over.
    pub(super) take: Option<MemberTakeOver>,
    /// What is said of this hub's Applications that have names in its list.
    pub(super) namesakes: Option<String>,
    /// Remarks about the hubs from which nothing is taken over.
    remarks: Vec<String>,
}

impl Foreign {
    /// Looks at the cluster, of which this is the UID of kube-system, with the user's rights. `own`: this hub's id.
    ///
    /// # Errors
    /// The cluster does not answer, when something is to be taken over.
    pub(super) async fn read(member: &Api, cluster: &str, own: Option<HubId>, is_wanted: bool) -> anyhow::Result<Self> {
        let found = match controllers::look_at_hubs(member, cluster).await {
            Ok(found) => found,
            Err(error) if is_wanted => bail!("cannot read what hubs have in this cluster: {error}"),
            // Who only attaches need not see it.
            Err(_) => Vec::new(),
        };
        Ok(Self { found, own })
    }

    /// Chooses. `wanted`: whether something is to be taken over, and of which hub if that was said.
    ///
    /// # Errors
    /// It is not clear of which hub, or it is this one.
    pub(super) fn choose(self, wanted: Option<&Option<HubId>>) -> anyhow::Result<Choice> {
        let Self { found, own } = self;
        if let (Some(Some(hub)), Some(own)) = (wanted, &own)
            && hub == own
        {
            bail!("--take-over {hub}: that is this hub, whose objects need no taking over");
        }
        let is_own = |list: &MemberTakeOver| own.as_ref() == Some(&list.from);
        let mut others: Vec<MemberTakeOver> = found.into_iter().filter(|list| !is_own(list)).collect();
        let all = || others.iter().map(words).collect::<Vec<_>>().join("; ");
        let take = match wanted {
            None => None,
            Some(Some(hub)) => match others.iter().position(|list| list.from == *hub) {
                Some(at) => Some(others.remove(at)),
                None if others.is_empty() => {
                    return Ok(Choice {
                        remarks: vec![format!("hub {hub} has nothing in this cluster")],
                        ..Choice::default()
                    });
                }
                // Probably a slip of the pen.
                None => bail!("--take-over {hub}: that hub has nothing in this cluster; {}", all()),
            },
            Some(None) if others.is_empty() => {
                let remarks = vec![NOTHING_RECORDED.to_owned()];
                return Ok(Choice { remarks, ..Choice::default() });
            }
            Some(None) if own.is_none() => bail!(
                "you may not see the id of the hub that you attach to, so that it is not known which of these is another one: say \
                 which with --take-over HUB; {}",
                all()
            ),
            Some(None) if others.len() > 1 => bail!("more than one hub: say which with --take-over HUB; {}", all()),
            Some(None) => Some(others.remove(0)),
        };
        // Without the id it may be this hub's own of before: nothing is said that may be wrong.
        let remarks = match (&own, wanted) {
            (None, None) => Vec::new(),
            _ => others
                .iter()
                .map(|list| format!("{}, and keeps it: --take-over {} takes it over", words(list), list.from))
                .collect(),
        };
        Ok(Choice { take, remarks, namesakes: None })
    }
}

/// The id of the hub that is attached to; `None` when the user may not see it.
///
/// # Errors
/// The hub does not answer.
pub(super) async fn own_id(hub: &Api) -> anyhow::Result<Option<HubId>> {
    let secrets = Resource::core("Secret", "secrets", true);
    match hub.get(&secrets.target(label::SYSTEM_NAMESPACE, ID_SECRET)).await {
        Ok(secret) => Ok(secret.as_ref().and_then(id_in)),
        Err(error) if error.is_denied() => Ok(None),
        Err(error) => Err(of_hub("cannot read the id of the hub")(error)),
    }
}

fn id_in(secret: &serde_json::Value) -> Option<HubId> {
    use base64::Engine as _;
    let text = object::get_str(secret, &["data", "id"])?;
    let id = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    String::from_utf8(id).ok()?.parse().ok()
}

/// `hub X has 7 objects of 2 units in this cluster`.
fn words(list: &MemberTakeOver) -> String {
    let (objects, units) = (counted(list.objects as usize, "object"), counted(list.units as usize, "unit"));
    format!("hub {} has {objects} of {units} in this cluster", list.from)
}

impl Choice {
    /// What is said of it before the question.
    pub(super) fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(list) = &self.take {
            lines.push("Taken over from another hub, as it is, without a restart of any pod:".to_owned());
            lines.extend(takeover::list_lines(&format!("hub {}", list.from), list));
            lines.extend(self.namesakes.clone());
            lines.push(
                "That hub must not deliver there any more: if it still runs, `kurator detach --keep` there first."
                    .to_owned(),
            );
        }
        lines.extend(self.remarks.iter().cloned());
        lines
    }
}

#[cfg(test)]
mod tests;

//! What is known of an Application's source: `SourceReady`, `SourceWarnings`, `NotImplemented`, `sourceStatus`, `lastHandledSync`.

use api::condition::{self, Condition, Statement};
use api::kurator::apps::v1alpha1::{Application, ApplicationStatus, ArtifactStatus, GitRepoStatus, SourceStatus};
use api::reason;
use model::{FieldPath, Timestamp, clock::format_seconds};

use super::{SourceFacts, cause::some};
use crate::state;

/// The fields of an Application's status that speak of its source.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SourcePart {
    /// `SourceReady`; `NotImplemented` when fields are not honoured; `SourceWarnings` when something is likely to be a mistake.
    pub conditions: Vec<Condition>,
    /// The source.
    pub source_status: Option<SourceStatus>,
    /// The newest `kurator.dev/sync` annotation that was acted on.
    pub last_handled_sync: Option<String>,
}

impl SourcePart {
    /// Types of conditions that are in this part.
    pub const CONDITIONS: [&str; 3] = [condition::NOT_IMPLEMENTED, condition::SOURCE_READY, condition::SOURCE_WARNINGS];

    /// This part of a status.
    pub fn of(status: &ApplicationStatus) -> Self {
        let mine = |c: &&Condition| Self::CONDITIONS.contains(&c.type_.as_str());
        Self {
            conditions: status.conditions.iter().filter(mine).cloned().collect(),
            source_status: status.source_status.clone(),
            last_handled_sync: status.last_handled_sync.clone(),
        }
    }

    /// Whether a person waits for it: a condition changed its status or reason, there is another artifact, a sync is
    /// done, or an edit was looked at.
    pub fn is_news(&self, before: Option<&Self>) -> bool {
        let said = |part: &Self| -> Vec<(String, String, String, Option<i64>)> {
            let said = |c: &Condition| (c.type_.clone(), c.status.clone(), c.reason.clone(), c.observed_generation);
            part.conditions.iter().map(said).collect()
        };
        let artifact = |part: &Self| {
            let git = part.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref());
            git.and_then(|git| git.artifact.as_ref()).map(|artifact| artifact.revision.clone())
        };
        before.is_none_or(|before| {
            said(before) != said(self)
                || artifact(before) != artifact(self)
                || before.last_handled_sync != self.last_handled_sync
        })
    }
}

/// The source's part of the status after a look at the Application panicked. `Ready` follows from it: another controller has that.
/// It does not speak of another generation than before, since nothing was decided of it.
pub fn broken_source(application: &Application, now: Timestamp) -> SourcePart {
    let mut part = application.status.as_ref().map(SourcePart::of).unwrap_or_default();
    let decided = condition::find(&part.conditions, condition::SOURCE_READY).and_then(|c| c.observed_generation);
    part.conditions = state::broken(&part.conditions, condition::SOURCE_READY, decided, now);
    part
}

/// Decides the source's part of the status. `generation`: that of the Application that units were decided from, which may have
/// been edited since.
pub fn source_part(
    application: &Application,
    facts: &SourceFacts,
    not_implemented: &[FieldPath],
    generation: Option<i64>,
    now: Timestamp,
) -> SourcePart {
    let before = application.status.clone().unwrap_or_default();
    let mut statements = vec![source(facts, generation, &before)];
    if !not_implemented.is_empty() {
        let paths = not_implemented.iter().map(ToString::to_string);
        let message = format!("accepted, not honoured yet: {}", some(paths, ", "));
        statements.push(Statement::new(condition::NOT_IMPLEMENTED, Some(true), reason::FIELDS_NOT_HONOURED, message));
    }
    statements.extend(warnings(facts, &before));
    SourcePart {
        conditions: condition::merge(&before.conditions, statements, generation, now),
        source_status: source_status(facts, application, generation, &before, now).or(before.source_status),
        last_handled_sync: facts.handled_sync.clone().or(before.last_handled_sync),
    }
}

/// What is likely to be a mistake. While it cannot be seen, as before the first fetch, what was said before stays.
fn warnings(facts: &SourceFacts, before: &ApplicationStatus) -> Option<Statement> {
    let message = match &facts.warnings {
        Some(warnings) => some(warnings.iter().cloned(), "; "),
        None => condition::find(&before.conditions, condition::SOURCE_WARNINGS)?.message.clone(),
    };
    let said = || Statement::new(condition::SOURCE_WARNINGS, Some(true), reason::LIKELY_MISTAKE, message.clone());
    (!message.is_empty()).then(said)
}

fn source(facts: &SourceFacts, generation: Option<i64>, before: &ApplicationStatus) -> Statement {
    let is_unheard = facts.artifact.is_none() || facts.waits_for_remotes;
    if let (true, None, false) = (is_unheard, &facts.error, facts.suspended)
        && let Some(failed) = condition::find(&before.conditions, condition::SOURCE_READY)
        && (failed.reason.as_str(), failed.observed_generation) == (reason::FETCH_FAILED, generation)
    {
        // A hub that has just started has not asked yet: that a source failed is not forgotten until it has.
        return Statement::new(condition::SOURCE_READY, Some(false), reason::FETCH_FAILED, failed.message.clone());
    }
    let known = before.source_status.as_ref().and_then(|s| s.git_repo_status.as_ref()?.artifact.as_ref());
    if let (None, None, Some(known), false) = (&facts.artifact, &facts.error, known, facts.suspended) {
        // A hub that has just started has not asked yet; what it knew stays until it has.
        return Statement::new(condition::SOURCE_READY, Some(true), reason::SUCCEEDED, known.revision.clone());
    }
    let (status, reason, message) = match (&facts.error, &facts.artifact) {
        (Some((_, why)), _) => (Some(false), reason::FETCH_FAILED, why.clone()),
        (None, Some(artifact)) if facts.suspended => (Some(true), reason::SUSPENDED, artifact.revision.clone()),
        (None, Some(artifact)) => (Some(true), reason::SUCCEEDED, artifact.revision.clone()),
        (None, None) if facts.suspended && known.is_some() => {
            (Some(true), reason::SUSPENDED, known.map(|artifact| artifact.revision.clone()).unwrap_or_default())
        }
        (None, None) if facts.suspended => {
            (Some(false), reason::SUSPENDED, "suspended before the first fetch".to_owned())
        }
        (None, None) => (None, reason::FETCHING, "waiting for the first fetch".to_owned()),
    };
    Statement::new(condition::SOURCE_READY, status, reason, message)
}

fn source_status(
    facts: &SourceFacts,
    application: &Application,
    generation: Option<i64>,
    before: &ApplicationStatus,
    now: Timestamp,
) -> Option<SourceStatus> {
    application.spec.source.git_repository.as_ref()?;
    let known = before.source_status.as_ref().and_then(|s| s.git_repo_status.clone()).unwrap_or_default();
    let artifact = facts.artifact.as_ref().map(|artifact| {
        let same = known.artifact.as_ref().filter(|a| a.revision == artifact.revision);
        let first_seen = facts.since.unwrap_or(now);
        ArtifactStatus {
            digest: Some(artifact.digest.to_string()),
            last_update_time: same.map_or_else(|| format_seconds(first_seen), |a| a.last_update_time.clone()),
            path: artifact.digest.to_string(),
            revision: artifact.revision.clone(),
            url: artifact.url.clone(),
        }
    });
    let mut statement = source(facts, generation, before);
    statement.type_ = condition::READY;
    Some(SourceStatus {
        git_repo_status: Some(GitRepoStatus {
            artifact: artifact.or(known.artifact),
            conditions: condition::merge(&known.conditions, vec![statement], generation, now),
            observed_generation: generation,
            url: facts.artifact.as_ref().map(|a| a.url.clone()).or(known.url),
        }),
    })
}

//! A change that somebody made in a member, in one line.

use api::delivery::{ChangedField, DriftRecord};
use model::clock::format_seconds;

/// Who changed what and when, as far as Kubernetes records it, and what came of it.
pub(crate) fn sentence(record: &DriftRecord) -> String {
    let seen = format_seconds(record.seen);
    if record.deleted {
        let end = if record.reverted { "made again" } else { "not made again" };
        return format!("{}: deleted, seen at {seen} (Kubernetes does not record by whom); {end}", record.object);
    }
    let field = |f: &ChangedField| {
        let who = f.manager.as_ref().map_or_else(|| "removed".to_owned(), |m| format!("set by {m}"));
        // The scale subresource of kube-apiserver records no time; when it was seen is the next best.
        let when = f.time.map_or_else(|| format!("(seen at {seen})"), |t| format!("at {}", format_seconds(t)));
        format!("{} {who} {when}", f.path)
    };
    let fields: Vec<String> = record.fields.iter().map(field).collect();
    let end = if record.reverted { "reverted" } else { "not reverted" };
    format!("{}: {}; {end}", record.object, fields.join(", "))
}

//! Differences as text: one line over all members, who comes and goes, then each difference once.

use api::view::{
    DifferenceGroup, DifferenceSummary, Differences, FieldDifference, ObjectChange, ObjectDifference, PlacementChange,
    Placing,
};
use model::MemberName;

use crate::output::{Cell, Line, Tone};
use crate::sync::short_revision;

/// Members that are named in a line; the others are counted.
const NAMED_MAX: usize = 6;

/// What the differences are of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// What members have against what they should have.
    Live,
    /// What would change.
    Preview,
}

/// Everything that there is to say. `namespace` is that of the Applications.
pub(super) fn lines(about: &str, namespace: &str, differences: &Differences, kind: Kind, colour: bool) -> Vec<Line> {
    let mut out = vec![Line::from(format!("{about}: {}", summary(differences, kind)))];
    for unknown in &differences.unknown {
        let said = format!("{}: {}", names(&unknown.members), unknown.message);
        out.push(Line::from("? ").cell(&Cell::new(said, Tone::Waiting), colour));
    }
    let notes = differences.notes.iter().chain(&differences.warnings);
    out.extend(notes.map(|note| Line::from(format!("! {note}"))));
    out.extend(differences.placements.iter().map(|placement| placed(placement, namespace, colour)));
    for group in &differences.groups {
        out.push(Line::default());
        out.extend(grouped(group, kind, colour));
    }
    if differences.left_out > 0 {
        out.push(Line::default());
        let more = differences.left_out;
        out.push(format!("and {more} more differences; see one member with --member, or all with -o json").into());
    }
    out
}

/// `3 members: 12 objects change, 1 deleted, held`.
fn summary(differences: &Differences, kind: Kind) -> String {
    let summary: &DifferenceSummary = &differences.summary;
    let members = counted(summary.members, "member", "members");
    let mut parts = Vec::new();
    let verbs = match kind {
        Kind::Live => [
            "missing",
            "differ",
            "too many",
            "to be deleted and made again",
            "to be let go of",
            "to be adopted",
            "left alone",
        ],
        Kind::Preview => ["added", "change", "deleted", "deleted and made again", "let go of", "adopted", "left alone"],
    };
    let DifferenceSummary { added, changed, deleted, replaced, released, adopted, left_alone, .. } = *summary;
    let counts = [added, changed, deleted, replaced, released, adopted, left_alone];
    let mut noun = true;
    for (count, verb) in counts.into_iter().zip(verbs).filter(|(count, _)| *count > 0) {
        let verb = match (verb, count) {
            ("differ", 1) => "differs",
            ("change", 1) => "changes",
            (verb, _) => verb,
        };
        // The first says what is counted.
        let what =
            if noun { format!("{} {verb}", counted(count, "object", "objects")) } else { format!("{count} {verb}") };
        noun = false;
        parts.push(what);
    }
    if summary.held > 0 {
        parts.push(if summary.held == summary.deleted {
            "held".to_owned()
        } else {
            format!("{} of them held", summary.held)
        });
    }
    // These say nothing of the others.
    let not_asked =
        (summary.not_asked > 0).then(|| counted(summary.not_asked, "object not asked for", "objects not asked for"));
    if parts.is_empty() {
        let known = summary.members.saturating_sub(summary.unknown);
        parts.push(match (summary.differing, known) {
            (0, 0) if summary.members > 0 => "nothing is known".to_owned(),
            (0, _) if !differences.notes.is_empty() => match kind {
                Kind::Live => "it is not known whether something differs".to_owned(),
                Kind::Preview => "it is not known what would change".to_owned(),
            },
            (0, _) => match kind {
                Kind::Live => "nothing differs".to_owned(),
                Kind::Preview => "nothing would change".to_owned(),
            },
            (differing, _) => format!("{differing} concerned"),
        });
    }
    parts.extend(not_asked);
    if summary.unknown > 0 {
        parts.push(format!("{} not known", counted(summary.unknown, "member", "members")));
    }
    format!("{members}: {}", parts.join(", "))
}

fn counted(count: u32, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn names(members: &[MemberName]) -> String {
    let shown: Vec<&str> = members.iter().take(NAMED_MAX).map(MemberName::as_str).collect();
    let more = members.len().saturating_sub(NAMED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn placed(placement: &PlacementChange, namespace: &str, colour: bool) -> Line {
    let PlacementChange { application, policy, change, members, reason } = placement;
    let what = format!("app/{application} policy {policy}");
    let who = names(members);
    let several = members.len() > 1;
    let (sign, tone, said) = match change {
        Placing::Comes => ("+", Tone::Good, format!("{who} {} {what}: {reason}", verb(several, "get", "gets"))),
        Placing::Stays => ("=", Tone::Plain, format!("{who} {} {what}: {reason}", verb(several, "keep", "keeps"))),
        Placing::Held => (
            "!",
            Tone::Waiting,
            format!(
                "{who} would lose {what}, and {} it until `kurator approve app/{application} -n {namespace}`: {reason}",
                verb(several, "keep", "keeps")
            ),
        ),
        Placing::Leaves => ("-", Tone::Bad, format!("{who} {} {what}: {reason}", verb(several, "lose", "loses"))),
    };
    Line::default().cell(&Cell::new(sign, tone), colour).text(&format!(" {said}"))
}

fn verb<'a>(several: bool, many: &'a str, one: &'a str) -> &'a str {
    if several { many } else { one }
}

fn grouped(group: &DifferenceGroup, kind: Kind, colour: bool) -> Vec<Line> {
    let (from, to) = (short_revision(&group.from), short_revision(&group.to));
    let revisions = match (from.as_str(), to.as_str()) {
        ("", "") => String::new(),
        (from, "") => format!("  {from} → nothing"),
        ("", to) if kind == Kind::Live => format!("  should have {to}"),
        ("", to) => format!("  nothing → {to}"),
        (from, to) if from == to => format!("  {to}"),
        (from, to) => format!("  {from} → {to}"),
    };
    let mut out = vec![Line::from(format!(
        "{}  app/{} policy {}{revisions}",
        names(&group.members),
        group.application,
        group.policy
    ))];
    if !group.held.is_empty() {
        out.push(
            Line::from("  ").cell(&Cell::new(format!("deletions are held: {}", group.held), Tone::Waiting), colour),
        );
    }
    for object in &group.objects {
        out.extend(shown(object, kind, colour));
    }
    if group.left_out > 0 {
        out.push(format!("  and {} more", counted(group.left_out, "object", "objects")).into());
    }
    out
}

fn shown(object: &ObjectDifference, kind: Kind, colour: bool) -> Vec<Line> {
    let (sign, tone) = match object.change {
        ObjectChange::Add => ("+", Tone::Good),
        ObjectChange::Change => ("~", Tone::Waiting),
        ObjectChange::Delete => ("-", Tone::Bad),
        ObjectChange::Replace => ("±", Tone::Bad),
        ObjectChange::Release => ("o", Tone::Plain),
        ObjectChange::Adopt => ("a", Tone::Waiting),
        ObjectChange::LeaveAlone => ("!", Tone::Bad),
        ObjectChange::NotAsked => ("?", Tone::Waiting),
    };
    let mut said = Vec::new();
    match (object.change, kind) {
        (ObjectChange::Add, Kind::Live) => said.push("missing"),
        (ObjectChange::Delete, Kind::Live) => said.push("should not be there"),
        (ObjectChange::Replace, _) => said.push("deleted and made again"),
        (ObjectChange::Release, _) => said.push("is let go of and stays"),
        (ObjectChange::Adopt, _) => said.push("adopted"),
        (ObjectChange::LeaveAlone, _) => said.push("left as it is"),
        (ObjectChange::NotAsked, _) => said.push("not asked for"),
        _ => {}
    }
    if !object.note.is_empty() {
        said.push(&object.note);
    }
    let said = if said.is_empty() { String::new() } else { format!("  ({})", said.join("; ")) };
    let mut out =
        vec![Line::from("  ").cell(&Cell::new(sign, tone), colour).text(&format!(" {}{said}", object.object))];
    out.extend(object.fields.iter().map(field));
    if object.left_out > 0 {
        out.push(format!("      and {} more", counted(object.left_out, "field", "fields")).into());
    }
    out
}

fn field(field: &FieldDifference) -> Line {
    let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "nothing".to_owned());
    let by = field.by.as_ref().map(|by| format!("  (set by {by})")).unwrap_or_default();
    Line::from(format!("      {}: {} → {}{by}", field.path, value(&field.from), value(&field.to)))
}

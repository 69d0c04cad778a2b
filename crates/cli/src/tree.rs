//! `kurator tree`: object by object, from `view.kurator.dev`.

#[cfg(test)]
mod tests;

use api::delivery::UnitId;
use api::reason;
use http::Request;
use kube::Client;
use plan::state::State;
use serde_json::{Value, json};

use crate::args::{Common, Object, Target};
use crate::output::{self, Cell, Line, Table, Tone};
use crate::status::agreed::{self, Agreed};
use crate::{connect, status};

pub(crate) async fn run(common: &Common, what: Object) -> anyhow::Result<()> {
    let (path, name) = match &what.object {
        Target::App(name) => (
            format!("/apis/view.kurator.dev/v1alpha1/namespaces/{}/trees/{name}", common.namespace),
            format!("app/{name}"),
        ),
        Target::Member(name) => {
            connect::made_a_member(name)?;
            (format!("/apis/view.kurator.dev/v1alpha1/membertrees/{name}"), format!("member/{name}"))
        }
    };
    let client = connect::hub(common).await?;
    let request = Request::get(path).body(Vec::new())?;
    let mut tree: Value = match client.request(request).await {
        Ok(tree) => tree,
        Err(error) => return Err(connect::about(&client, &what.object, common, error).await),
    };
    let agreed = agreed(&client, common, &what.object).await;
    if !agreed.is_empty() {
        let one = |one: &Agreed| json!({"unit": one.unit, "member": one.member, "message": one.said});
        tree["agreed"] = agreed.iter().map(one).collect();
    }
    if !output::structured(common.output, &tree)? {
        output::print(&lines(&name, &page(&what.object, &common.namespace), &tree, output::colour()))?;
    }
    Ok(())
}

/// What was agreed to of what is shown, in members that are away. The tree has the last report of such a member, if any.
async fn agreed(client: &Client, common: &Common, object: &Target) -> Vec<Agreed> {
    match object {
        Target::App(name) => {
            let owner = plan::application::owner(&common.namespace, name);
            agreed::read(client, Some(&common.namespace), |unit, _| unit.owner() == owner).await
        }
        Target::Member(name) => agreed::read(client, None, |_, member| member == name).await,
    }
}

/// What to type for the page that says why there is nothing.
fn page(object: &Target, namespace: &str) -> String {
    match object {
        Target::App(app) => format!("`kurator status app/{app} -n {namespace}`"),
        Target::Member(member) => format!("`kurator status member/{member}`"),
    }
}

/// The tree as text: units by member, application and policy, then their objects. All objects share their columns.
fn lines(name: &str, page: &str, tree: &Value, colour: bool) -> Vec<Line> {
    let mut units: Vec<&Value> = tree["units"].as_array().into_iter().flatten().collect();
    units.sort_by_key(|unit| (text(unit, "member"), text(unit, "unit")));
    let of = |unit: &Value| unit["details"].as_array().cloned().unwrap_or_default();
    let mut table = Table::default();
    for unit in &units {
        let objects = of(unit);
        let last = objects.len().saturating_sub(1);
        for (index, each) in objects.iter().enumerate() {
            let branch = if index == last { "└─" } else { "├─" };
            table.row(object(each, branch, is_known(unit)));
        }
    }
    let mut rows = table.lines(colour).into_iter();
    let mut lines = vec![head(name, tree, colour)];
    if units.is_empty() {
        lines.push(format!("  no member reports anything of it; see {page}").into());
    }
    for unit in units {
        let head = Line::from(format!("  {}  ", label(unit, name)));
        lines.push(with_state(head, unit, "stateReason", "stateMessage", colour));
        let count = of(unit).len();
        if count == 0 {
            let is_known = is_known(unit) && text(unit, "phase") != "Failed";
            let inventory = unit["objects"]["inventory"].as_u64().unwrap_or_default();
            let none = if is_known && inventory == 0 { "no objects" } else { "what it has there is not known" };
            lines.push(format!("    {none}").into());
        }
        lines.extend(rows.by_ref().take(count).map(|row| row.indented(4)));
    }
    let agreed = tree["agreed"].as_array().into_iter().flatten();
    let agreed: Vec<String> = agreed.map(|one| format!("  {}: {}", label(one, name), text(one, "message"))).collect();
    if !agreed.is_empty() {
        lines.push("agreed to, and done as soon as the member answers:".into());
        lines.extend(agreed.into_iter().map(Line::from));
    }
    lines
}

/// What the tree is of: its revision, and how it is as a whole.
fn head(name: &str, tree: &Value, colour: bool) -> Line {
    let revision = crate::sync::short_revision(text(tree, "revision"));
    let line = Line::from(name).text("  ");
    let line = if revision.is_empty() { line } else { line.text(&revision).text("  ") };
    match text(tree, "state") {
        // A hub of an earlier version.
        "" => Line::from(name),
        _ => with_state(line, tree, "reason", "message", colour),
    }
}

/// Goes on with a state, and with its cause when it is not ready.
fn with_state(line: Line, value: &Value, reason: &str, message: &str, colour: bool) -> Line {
    let word = text(value, "state");
    let state = State::ALL.into_iter().find(|state| state.as_str() == word).unwrap_or_default();
    let (reason, message) = (text(value, reason), text(value, message));
    let line = line.cell(&Cell::new(state.as_str(), status::tone(state)), colour);
    match state {
        State::Ready => line,
        _ if reason.is_empty() || reason == state.as_str() => line.text(": ").text(message),
        _ => line.text(", ").text(reason).text(": ").text(message),
    }
}

/// Is what a unit's member reported last true now?
fn is_known(unit: &Value) -> bool {
    let unknown = [reason::MEMBER_UNKNOWN, reason::MEMBER_GONE, reason::MEMBER_BLOCKED];
    !unknown.contains(&text(unit, "stateReason")) && text(unit, "state") != State::Unknown.as_str()
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// What a unit is called below this object: its member below an application, the application below a member.
fn label(unit: &Value, below: &str) -> String {
    let id = text(unit, "unit").parse::<UnitId>().ok();
    let policy = id.as_ref().and_then(|id| id.policy.as_deref());
    let policy = policy.map_or_else(String::new, |policy| format!(" (policy {policy})"));
    match id {
        Some(id) if below.starts_with("member/") => format!("app/{} in namespace {}{policy}", id.name, id.namespace),
        _ => format!("{}{policy}", text(unit, "member")),
    }
}

/// An object's row. In a member that does not answer nothing is known but what was last seen.
fn object(object: &Value, branch: &str, known: bool) -> Vec<Cell> {
    let key = &object["key"];
    let name = match text(key, "namespace") {
        "" => text(key, "name").to_owned(),
        namespace => format!("{namespace}/{}", text(key, "name")),
    };
    let (mut sync, mut health) = (text(object, "sync"), text(object, "health"));
    let mut says = Vec::new();
    if !known {
        // What its applier says of it since does not know how it runs.
        let ran = if health == "Unknown" { String::new() } else { format!(", {health}") };
        says.push(format!("last known: {sync}{ran}"));
        (sync, health) = ("Unknown", "Unknown");
    }
    if !text(object, "message").is_empty() {
        says.push(text(object, "message").to_owned());
    }
    match object["reverts"].as_u64().unwrap_or_default() {
        0 => {}
        1 => says.push("reverted once".to_owned()),
        many => says.push(format!("reverted {many} times")),
    }
    let changed: Vec<&str> =
        object["changedByAdmission"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !changed.is_empty() {
        says.push(format!("changed by the member's admission: {}", changed.join(", ")));
    }
    says.extend(object["notes"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    if object["adopted"].as_bool().unwrap_or_default() {
        says.push("adopted: would be released, not deleted".to_owned());
    }
    vec![
        format!("{branch} {}", text(key, "kind")).into(),
        name.into(),
        Cell::new(sync, tone(sync)),
        Cell::new(health, tone(health)),
        says.join("; ").into(),
    ]
}

/// How a word of [`api::feed::SyncState`] or [`api::delivery::Health`] is shown.
fn tone(word: &str) -> Tone {
    match word {
        "Synced" | "LeftAlone" | "NotPruned" | "Healthy" => Tone::Good,
        "Failed" | "Contested" | "Degraded" | "Missing" => Tone::Bad,
        _ => Tone::Waiting,
    }
}

//! `kurator tree`: object by object, from `view.kurator.dev`.

use http::Request;
use serde_json::Value;

use crate::args::{Common, Object, Target};
use crate::connect::{self, asked};
use crate::output;

pub(crate) async fn run(common: &Common, what: Object) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let (path, name) = match &what.object {
        Target::App(name) => (
            format!("/apis/view.kurator.dev/v1alpha1/namespaces/{}/trees/{name}", common.namespace),
            format!("app/{name}"),
        ),
        Target::Member(name) => {
            (format!("/apis/view.kurator.dev/v1alpha1/membertrees/{name}"), format!("member/{name}"))
        }
    };
    let request = Request::get(path).body(Vec::new())?;
    let tree: Value = client.request(request).await.map_err(asked(&format!("cannot read the tree of {name}")))?;
    if !output::structured(common.output, &tree)? {
        output::print(&lines(&name, &tree, matches!(what.object, Target::App(_))))?;
    }
    Ok(())
}

/// The tree as text: members (or units), then their objects.
fn lines(name: &str, tree: &Value, by_member: bool) -> Vec<String> {
    let empty = Vec::new();
    let units = tree["units"].as_array().unwrap_or(&empty);
    let mut lines = vec![name.to_owned()];
    if units.is_empty() {
        lines.push("  nothing reported yet".to_owned());
    }
    for unit in units {
        let text = |field: &str| unit[field].as_str().unwrap_or_default();
        let label =
            if by_member { format!("{} (policy {})", text("member"), text("policy")) } else { text("unit").to_owned() };
        lines.push(format!("  {label}  {}, {}", text("phase"), text("health")));
        let objects = unit["details"].as_array().unwrap_or(&empty);
        for (index, object) in objects.iter().enumerate() {
            let branch = if index + 1 == objects.len() { "└─" } else { "├─" };
            lines.push(format!("    {branch} {}", self::object(object)));
        }
    }
    lines
}

fn object(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or_default();
    let key = &object["key"];
    let part = |field: &str| key[field].as_str().unwrap_or_default();
    let mut out = part("kind").to_owned();
    if !part("namespace").is_empty() {
        out.push_str(&format!(" {}/{}", part("namespace"), part("name")));
    } else {
        out.push_str(&format!(" {}", part("name")));
    }
    out.push_str(&format!("  {}, {}", text("sync"), text("health")));
    if !text("message").is_empty() {
        out.push_str(&format!(": {}", text("message")));
    }
    let reverts = object["reverts"].as_u64().unwrap_or_default();
    if reverts > 0 {
        out.push_str(&format!("  (reverted {reverts} times)"));
    }
    let changed: Vec<&str> =
        object["changedByAdmission"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !changed.is_empty() {
        out.push_str(&format!("  changed by the member's admission: {}", changed.join(", ")));
    }
    out
}

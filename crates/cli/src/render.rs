//! `kurator render`: the objects that a member gets, from `view.kurator.dev`.

use anyhow::Context;
use api::view::Rendering;
use http::Request;
use serde_json::{Value, json};

use crate::args::{Common, Format, Render};
use crate::connect::{self, asked};
use crate::output;

pub(crate) async fn run(common: &Common, what: &Render) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let Render { name, member } = what;
    let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/{}/renderings/{name}.{member}", common.namespace);
    let answer: Value =
        client.request(Request::get(path).body(Vec::new())?).await.map_err(asked(&format!("app/{name}")))?;
    let rendering: Rendering =
        serde_json::from_value(answer).context("the hub's answer is not understood; it has another version")?;
    for line in heads(&rendering) {
        output::print_stderr(line);
    }
    let objects: Vec<Value> = rendering.units.into_iter().flat_map(|unit| unit.objects).collect();
    if common.output == Format::Json {
        output::structured(Format::Json, &json!({"apiVersion": "v1", "kind": "List", "items": objects}))?;
        return Ok(());
    }
    // Each object is a document, as in the files that they come from.
    for object in &objects {
        output::structured(Format::Yaml, object)?;
    }
    Ok(())
}

/// What is said beside the objects: one line for each policy.
fn heads(rendering: &Rendering) -> Vec<String> {
    let one = |unit: &api::view::RenderedUnit| {
        let count = unit.objects.len();
        let objects = if count == 1 { "1 object".to_owned() } else { format!("{count} objects") };
        let revision = crate::sync::short_revision(&unit.revision);
        let head = format!(
            "app/{} policy {} in {}: {objects} of {revision}",
            rendering.application, unit.policy, rendering.member
        );
        if unit.message.is_empty() { head } else { format!("{head}; {}", unit.message) }
    };
    rendering.units.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use api::view::RenderedUnit;

    use super::*;

    #[test]
    fn each_policy_is_said_with_its_revision_and_what_is_in_the_way() {
        let unit = |policy: &str, message: &str, objects: usize| RenderedUnit {
            policy: policy.to_owned(),
            revision: "main@sha1:3f2c1a0000000000000000000000000000000000".to_owned(),
            message: message.to_owned(),
            objects: vec![json!({}); objects],
        };
        let rendering = Rendering {
            application: "shop".to_owned(),
            member: "beijing".to_owned(),
            units: vec![unit("small", "", 1), unit("large", "it is being taken out of this member", 0)],
        };
        assert_eq!(
            heads(&rendering),
            [
                "app/shop policy small in beijing: 1 object of main@3f2c1a",
                "app/shop policy large in beijing: 0 objects of main@3f2c1a; it is being taken out of this member",
            ]
        );
    }
}

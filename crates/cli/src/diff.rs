//! `kurator diff`: what members have otherwise than they should, and what a commit or an edit would change. The hub answers
//! (`view.kurator.dev`); here it is asked and shown.

mod file;
mod text;

use std::process::ExitCode;

use anyhow::Context;
use api::view::{Differences, PreviewSpec};
use http::Request;
use kube::Client;
use serde_json::{Value, json};

use crate::args::{Common, Diff};
use crate::connect::{self, asked};
use crate::output;

/// Nothing differs.
const SAME: u8 = 0;
/// Something differs, as with `kubectl diff`.
const DIFFERS: u8 = 1;
/// It cannot be said.
const UNKNOWN: u8 = 2;

/// Shows it. Errors are said here: their code is not that of a difference.
pub(crate) async fn run(common: &Common, what: &Diff) -> anyhow::Result<ExitCode> {
    match show(common, what).await {
        Ok(differences) => Ok(ExitCode::from(code(&differences))),
        Err(error) if error.downcast_ref::<output::WriteError>().is_some() => Err(error),
        Err(error) => {
            output::print_stderr(format_args!("error: {}", output::chain(&error)));
            Ok(ExitCode::from(UNKNOWN))
        }
    }
}

fn code(differences: &Differences) -> u8 {
    if differences.summary.differs() {
        DIFFERS
    } else if differences.summary.unknown > 0 || differences.summary.not_asked > 0 || !differences.notes.is_empty() {
        // A note is of something that could not be compared, such as a commit that cannot be rendered.
        UNKNOWN
    } else {
        SAME
    }
}

async fn show(common: &Common, what: &Diff) -> anyhow::Result<Differences> {
    let client = connect::hub(common).await?;
    let mut namespace = common.namespace.clone();
    let (about, differences, kind) = match (&what.name, &what.commit) {
        (Some(name), None) => (format!("app/{name}"), compare(&client, common, name, what).await?, text::Kind::Live),
        (Some(name), Some(commit)) => {
            let (application, commit) = (Some(name.clone()), Some(commit.clone()));
            let spec = PreviewSpec { application, commit, member: what.member.clone(), objects: Vec::new() };
            let about = format!("app/{name}");
            (about.clone(), preview(&client, &namespace, &spec, &about).await?, text::Kind::Preview)
        }
        (None, _) => {
            let edits = file::read(&what.file, &common.namespace)?;
            edits.skipped.iter().for_each(output::print_stderr);
            let spec = PreviewSpec { member: what.member.clone(), objects: edits.objects, ..PreviewSpec::default() };
            let about = edits.about;
            namespace = edits.namespace;
            (about.clone(), preview(&client, &namespace, &spec, &about).await?, text::Kind::Preview)
        }
    };
    if !output::structured(common.output, &serde_json::to_value(&differences)?)? {
        output::print(&text::lines(&about, &namespace, &differences, kind, output::colour()))?;
    }
    Ok(differences)
}

async fn compare(client: &Client, common: &Common, name: &str, what: &Diff) -> anyhow::Result<Differences> {
    let only = what.member.as_ref().map(|member| format!("?member={member}")).unwrap_or_default();
    let namespace = &common.namespace;
    let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/{namespace}/comparisons/{name}{only}");
    let answer: Value =
        client.request(Request::get(path).body(Vec::new())?).await.map_err(asked(&format!("app/{name}")))?;
    understood(answer)
}

async fn preview(client: &Client, namespace: &str, spec: &PreviewSpec, about: &str) -> anyhow::Result<Differences> {
    let path = format!("/apis/view.kurator.dev/v1alpha1/namespaces/{namespace}/previews");
    let question = json!({"apiVersion": "view.kurator.dev/v1alpha1", "kind": "Preview", "spec": spec});
    let request =
        Request::post(path).header("content-type", "application/json").body(question.to_string().into_bytes())?;
    let mut answer: Value = client.request(request).await.map_err(asked(about))?;
    understood(answer.get_mut("status").map(Value::take).unwrap_or_default())
}

fn understood(answer: Value) -> anyhow::Result<Differences> {
    serde_json::from_value(answer).context("the hub's answer is not understood; it has another version")
}

#[cfg(test)]
mod tests;

//! One tree, built twice.

use std::fmt;
use std::path::Path;
use std::process::Command;

use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::ObjectKey;
use render::{Budget, Outcome, Remotes, Request};
use serde_json::Value;

use crate::remote;
use crate::tree::{Files, Tree};

/// Most lines of a difference that are shown.
const LINES_MAX: usize = 40;

/// What came of a tree.
pub(crate) enum Verdict {
    /// Both made the same objects, so many.
    Same(usize),
    /// Both refuse it.
    BothRefuse { ours: String },
    /// Only this crate refuses it.
    OursRefuses { ours: String },
    /// Only kubectl refuses it.
    TheirsRefuses { theirs: String },
    /// Both made something.
    Differ(String),
}

impl Verdict {
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Same(_) => "is the same",
            Self::BothRefuse { .. } => "is refused by both",
            Self::OursRefuses { .. } => "is refused here",
            Self::TheirsRefuses { .. } => "is refused by kubectl",
            Self::Differ(_) => "differs",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let more = match self {
            Self::Same(count) => format!("{count} objects"),
            Self::BothRefuse { ours } | Self::OursRefuses { ours } => ours.clone(),
            Self::TheirsRefuses { theirs } => theirs.clone(),
            Self::Differ(what) => what.clone(),
        };
        write!(f, "{}: {more}", self.word())
    }
}

/// Builds a tree with both.
pub(crate) fn one(kubectl: &Path, tree: &Tree) -> Verdict {
    let theirs = theirs(kubectl, tree);
    // What asks for another machine is not built here, and need not be.
    match (ours(tree), theirs) {
        (Ok(mut ours), Ok(mut theirs)) => {
            if let Files::Disk(..) = tree.files {
                // A strategic merge patch of kustomize removes fields that are written without a value, and keeps a `null`.
                // To a server both are nothing.
                ours.iter_mut().chain(&mut theirs).for_each(remove_nulls);
            }
            match difference(&ours, &theirs) {
                None => Verdict::Same(ours.len()),
                Some(what) => Verdict::Differ(what),
            }
        }
        (Err(ours), Err(_)) => Verdict::BothRefuse { ours },
        (Err(ours), Ok(_)) => Verdict::OursRefuses { ours },
        (Ok(_), Err(theirs)) => Verdict::TheirsRefuses { theirs },
    }
}

fn ours(tree: &Tree) -> Result<Vec<Value>, String> {
    let value = tree.value();
    let inputs = KustomizeInputs { path: Some(tree.dir.clone()), ..KustomizeInputs::default() };
    let (budget, mut remotes) = (Budget::default(), Remotes::new());
    loop {
        match render::render(&Request { tree: &value, remotes: &remotes, inputs: &inputs, budget: &budget }) {
            Ok(Outcome::Rendered(rendered)) => {
                return Ok(rendered.objects.into_iter().map(|object| plain(object.value)).collect());
            }
            Ok(Outcome::Needs(questions)) => {
                for question in questions {
                    remote::answer(tree, question, &mut remotes)?;
                }
            }
            Err(error) => return Err(error.to_string()),
        }
    }
}

fn theirs(kubectl: &Path, tree: &Tree) -> Result<Vec<Value>, String> {
    let scratch = tempfile::tempdir().expect("the disk has room");
    let root = tree.on_disk(scratch.path());
    let dir = root.join(&tree.dir);
    if let Files::Here(_) = tree.files {
        // Objects come in the order of resources, which is what this crate does when a file says nothing.
        let file = dir.join("kustomization.yaml");
        if let Ok(text) = std::fs::read_to_string(&file)
            && !text.contains("sortOptions")
            && !text.is_empty()
        {
            let text = format!("{text}\nsortOptions: {{order: fifo}}\n");
            std::fs::write(&file, text).expect("the disk has room");
        }
    }
    let mut command = Command::new(kubectl);
    command
        .args(["kustomize", "--load-restrictor", "LoadRestrictionsNone"])
        .arg(&dir)
        // Nothing is fetched over a network.
        .env("PATH", "/nonexistent")
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("HTTP_PROXY", "http://127.0.0.1:9");
    if remote::has_any(tree) {
        remote::serve(tree, scratch.path(), &mut command);
    }
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let objects =
        model::yaml::documents(&String::from_utf8_lossy(&output.stdout)).map_err(|error| error.to_string())?;
    let mut objects: Vec<Value> = objects.into_iter().map(plain).collect();
    if let Files::Disk(..) = tree.files {
        sort(&mut objects);
    }
    Ok(objects)
}

/// An object with base64 values on one line: kustomize wraps them. Kinds without a namespace have none: kustomize does not
/// know those that are newer than its table of kinds, and sets it.
fn plain(mut object: Value) -> Value {
    if model::object::gvk(&object).and_then(|gvk| kinds::find(&gvk)).is_some_and(|kind| !kind.namespaced) {
        model::object::remove(&mut object, &["metadata", "namespace"]);
    }
    for field in ["data", "binaryData"] {
        if object["kind"] == "ConfigMap" && field == "data" {
            continue;
        }
        for (_, value) in object.get_mut(field).and_then(Value::as_object_mut).into_iter().flatten() {
            *value = value.as_str().unwrap_or_default().replace('\n', "").into();
        }
    }
    object
}

fn remove_nulls(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        Value::Object(map) => {
            map.retain(|_, inner| !inner.is_null());
            map.values_mut().for_each(remove_nulls);
        }
        _ => {}
    }
}

fn sort(objects: &mut [Value]) {
    objects.sort_by_cached_key(|object| (ObjectKey::of(object), object["apiVersion"].to_string()));
}

fn difference(ours: &[Value], theirs: &[Value]) -> Option<String> {
    let keys = |objects: &[Value]| objects.iter().map(|object| ObjectKey::of(object).to_string()).collect::<Vec<_>>();
    let (mut here, there) = (keys(ours), keys(theirs));
    let mut ours = ours.to_vec();
    if here != there {
        let (mut one, mut other) = (here.clone(), there.clone());
        one.sort();
        other.sort();
        if one == other && theirs.is_sorted_by_key(|object| (ObjectKey::of(object), object["apiVersion"].to_string())) {
            // On disk nothing says that objects come in the order of resources.
            sort(&mut ours);
            here = keys(&ours);
        }
    }
    if here != there {
        let only = |these: &[String], those: &[String]| {
            these.iter().filter(|key| !those.contains(key)).cloned().collect::<Vec<_>>().join(", ")
        };
        let (here, there) = (only(&here, &there), only(&there, &here));
        return Some(match here.is_empty() && there.is_empty() {
            true => format!("another order: {:?} here, {:?} by kubectl", keys(&ours), keys(theirs)),
            false => format!("only here: {here}; only by kubectl: {there}"),
        });
    }
    let (one, other) = ours.iter().zip(theirs).find(|(one, other)| one != other)?;
    let (one, other) = (model::yaml::to_string(one), model::yaml::to_string(other));
    let lines: Vec<&str> = one.lines().collect();
    let others: Vec<&str> = other.lines().collect();
    let mut out = vec![ObjectKey::of(theirs.iter().find(|o| model::yaml::to_string(o) == other)?).to_string()];
    out.extend(lines.iter().filter(|line| !others.contains(line)).map(|line| format!("  here:    {line}")));
    out.extend(others.iter().filter(|line| !lines.contains(line)).map(|line| format!("  kubectl: {line}")));
    if out.len() == 1 {
        out.push(format!("  here:\n{one}\n  kubectl:\n{other}"));
    }
    out.truncate(LINES_MAX);
    Some(out.join("\n"))
}

//! What a real kube-apiserver 1.37.2 answered to sequences of writes (`real.json`), step by step: each step starts from
//! the object that the server had, so that one difference does not hide the next.

use model::Timestamp;
use serde_json::{Map, Value, json};

use crate::managed::list;
use crate::patch::{self, Change, keep_times, reset_fields, update};
use crate::{defaults, normal, structural};
use kinds::schema::Schema;

/// What the server's strategies, allocators and admission write: no business of a patch.
const FOREIGN: &[(&str, &str)] = &[
    ("/spec", "clusterIP"),
    ("/spec", "clusterIPs"),
    ("/spec", "ipFamilies"),
    ("/spec", "ipFamilyPolicy"),
    ("/spec", "priority"),
    ("/spec", "preemptionPolicy"),
    ("/spec", "serviceAccount"),
    ("/spec", "serviceAccountName"),
    ("/spec", "tolerations"),
    ("", "status"),
];

/// One kind, served as the API server does it.
struct Served {
    schema: Schema,
    api_version: String,
    has_status: bool,
    /// Decodes and defaults.
    canonical: Box<dyn Fn(&mut Value)>,
}

fn served(plural: &str, crd: &Value) -> Served {
    if let Some(kind) = kinds::all().iter().find(|kind| kind.plural == plural) {
        let canonical = Box::new(|object: &mut Value| {
            normal::normalize(kind, object).unwrap();
            defaults::builtin(kind, object);
        });
        return Served {
            schema: kind.schema().clone(),
            api_version: kind.api_version(),
            has_status: kind.status,
            canonical,
        };
    }
    let kind = structural::parse_crd(crd).unwrap();
    let schema = kind.versions[0].schema.as_ref().clone();
    let defaulting = schema.clone();
    let canonical = Box::new(move |object: &mut Value| {
        structural::prune(object, &defaulting);
        structural::default(object, &defaulting);
    });
    Served { schema, api_version: "e.x/v1".to_owned(), has_status: true, canonical }
}

impl Served {
    /// The object that a step leads to, or the message and causes of the refusal.
    fn write(&self, live: Option<&Value>, step: &Value) -> Result<Value, Value> {
        let op = step["op"].as_str().unwrap();
        let subresource = step["sub"].as_str().unwrap_or_default();
        let reset = reset_fields(subresource, self.has_status);
        let change = Change {
            live,
            schema: &self.schema,
            manager: step["manager"].as_str().unwrap(),
            api_version: &self.api_version,
            subresource,
            reset: Some(&reset),
            now: "2026-11-23T10:00:00Z".parse::<Timestamp>().unwrap(),
        };
        let body = &step["body"];
        let finish = |mut object: Value| {
            object["metadata"]["namespace"] = json!("default");
            (self.canonical)(&mut object);
            self.restore(&mut object, live, subresource);
            object
        };
        if matches!(op, "apply" | "force") {
            let applied = patch::apply(change, body, op == "force").map_err(|error| {
                let status = error.to_status();
                json!({"message": status.message, "causes": status.details["causes"]})
            })?;
            let mut object = finish(applied);
            if let Some(live) = live {
                keep_times(live, &mut object);
            }
            return Ok(object);
        }
        let patched = match op {
            "merge" => patch::merge(live.unwrap(), body),
            "strategic" => patch::strategic(live.unwrap(), body, &self.schema).unwrap(),
            "json" => patch::json(live.unwrap(), body).unwrap(),
            _ => body.clone(),
        };
        Ok(update(change, finish(patched)))
    }

    /// Puts back what the endpoint does not write.
    fn restore(&self, object: &mut Value, live: Option<&Value>, subresource: &str) {
        let theirs: &[&str] = match subresource {
            "status" => &["spec"],
            "scale" => &[],
            _ if self.has_status => &["status"],
            _ => &[],
        };
        let Value::Object(object) = object else { panic!("not an object") };
        for name in theirs {
            match live.map_or(Some(&Value::Object(Map::new())), |live| live.get(name)) {
                Some(old) => object.insert((*name).to_owned(), old.clone()),
                None => object.remove(*name),
            };
        }
    }
}

/// Entries without times, since we record a time where upstream records none.
fn entries(object: &Value) -> Value {
    let mut entries = list(object).cloned().unwrap_or_default();
    for entry in &mut entries {
        entry.as_object_mut().unwrap().remove("time");
    }
    // An entry without a time comes before those with one.
    entries.sort_by_key(|e| (e["operation"].to_string(), e["manager"].to_string(), e["subresource"].to_string()));
    Value::Array(entries)
}

fn body(object: &Value) -> Value {
    let mut body = object.clone();
    crate::managed::clear(&mut body);
    for (parent, name) in FOREIGN {
        if let Some(Value::Object(parent)) = body.pointer_mut(parent) {
            parent.remove(*name);
        }
    }
    body
}

#[test]
fn a_real_server_answers_the_same() {
    let recorded: Value = serde_json::from_str(include_str!("real.json")).unwrap();
    let mut steps = 0;
    let mut differences = Vec::new();
    for story in recorded["stories"].as_array().unwrap() {
        let served = served(story["kind"].as_str().unwrap(), &recorded["crd"]);
        let mut live: Option<Value> = None;
        for (at, step) in story["steps"].as_array().unwrap().iter().enumerate() {
            steps += 1;
            let mut differ = |what: &str, ours: &Value, theirs: &Value| {
                if ours != theirs {
                    let title = &story["title"];
                    differences.push(format!("{title} / {at}: {what}\n  ours   {ours}\n  theirs {theirs}"));
                }
            };
            match (served.write(live.as_ref(), step), step.get("object")) {
                (Ok(ours), Some(theirs)) => {
                    differ("records", &entries(&ours), &entries(theirs));
                    differ("object", &body(&ours), &body(theirs));
                }
                (Err(ours), None) if step["code"] == 409 => {
                    differ("message", &ours["message"], &step["message"]);
                    differ("causes", &ours["causes"], &step["causes"]);
                }
                // That it is refused is what counts; the field and most words are the same too.
                (Err(_), None) => {}
                // Validation of the result refuses it, which is not a patch's business.
                (Ok(_), None) if step["code"] == 422 => {}
                (ours, theirs) => differ("outcome", &json!(format!("{ours:?}")), &json!(theirs)),
            }
            live = step.get("object").cloned().or(live);
        }
    }
    assert!(differences.is_empty(), "{} of {steps} steps differ:\n{}", differences.len(), differences.join("\n"));
}

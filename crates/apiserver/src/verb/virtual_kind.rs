//! Verbs of kinds whose objects come from code.

use futures::StreamExt as _;
use http::Response;
use http::header::{CONTENT_TYPE, HeaderValue};
use model::{Status, object};
use serde_json::{Value, json};

use super::filter::Filter;
use super::shape;
use crate::body::ResponseBody;
use crate::call::Call;
use crate::negotiate::Form;
use crate::reply::{self, Answer};
use crate::resource::{ResourceRequest, VirtualEvent, not_allowed};

/// Runs a verb by asking the code.
pub(super) async fn run(call: &mut Call, verb: &str) -> Result<Answer, Status> {
    let Some((code, _)) = call.served.code() else { return Err(Status::no_such_path()) };
    let code = code.clone();
    if !call.subresource().is_empty() {
        return Err(Status::no_such_path());
    }
    if !call.served.verbs.contains(&verb) {
        return Err(not_allowed());
    }
    let filter = Filter::from_call(call)?;
    let request = ResourceRequest {
        user: call.user.clone(),
        namespace: call.path.namespace.clone(),
        labels: filter.labels.clone(),
        fields: filter.fields.clone(),
        query: call.query.raw().to_owned(),
    };
    match verb {
        "get" => {
            let object = complete(call, code.get(&request, call.name()).await?);
            Ok(reply::value(200, &shape::single(call, call.form, object)))
        }
        "list" => {
            let list = code.list(&request).await?;
            let items = list.items.into_iter().filter(|o| matches(&filter, o)).map(|o| complete(call, o)).collect();
            let metadata = json!({"resourceVersion": list.resource_version});
            let body = shape::list(call, call.form, items, metadata).to_string();
            Ok(reply::compressible(vec![body.into()], call.gzip))
        }
        "create" => {
            let object = call.decode_object()?;
            let made = complete(call, code.create(&request, object).await?);
            Ok(reply::value(201, &shape::single(call, call.form, made)))
        }
        "watch" => {
            let after = call.query.get("resourceVersion").filter(|rv| *rv != "0").unwrap_or_default();
            let events = code.watch(&request, after).await?;
            let state = call.state.clone();
            let (closing, stopping) = (call.closing.clone(), state.closing.clone());
            let end = async move {
                tokio::select! {
                    () = closing.cancelled() => {}
                    () = stopping.cancelled() => {}
                }
            };
            let permit = super::watch::admit(call)?;
            let call = call.without_body();
            let lines = events.take_until(Box::pin(end)).filter_map(move |event| {
                // The permit lives as long as the stream.
                let _held = &permit;
                let line = line(&call, &filter, event);
                async move { line }
            });
            let mut answer = Response::new(ResponseBody::stream(lines));
            answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            Ok(answer)
        }
        _ => Err(not_allowed()),
    }
}

fn line(call: &Call, filter: &Filter, event: VirtualEvent) -> Option<bytes::Bytes> {
    let VirtualEvent { ty, object } = event;
    if ty != "BOOKMARK" && ty != "ERROR" && !matches(filter, &object) {
        return None;
    }
    let object = if ty == "ERROR" { object } else { complete(call, object) };
    let object = if matches!(ty, "BOOKMARK" | "ERROR") || call.form == Form::Object {
        object
    } else {
        shape::single(call, call.form, object)
    };
    Some(format!("{{\"type\":\"{ty}\",\"object\":{object}}}\n").into())
}

fn matches(filter: &Filter, object: &Value) -> bool {
    filter.labels.matches(&object::labels(object))
        && filter.fields.matches_with(|path| {
            let fields: Vec<&str> = path.split('.').collect();
            object::get_str(object, &fields)
        })
}

fn complete(call: &Call, mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.insert("apiVersion".to_owned(), json!(call.served.api_version));
        map.insert("kind".to_owned(), json!(call.served.gvk.kind));
    }
    object
}

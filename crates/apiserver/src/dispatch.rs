//! From a path and a method to a verb.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, USER_AGENT};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use model::name::check_path_segment;
use model::{FieldSelector, Status};
use store::WriteError;

use crate::authz::{self, Attributes};
use crate::budget::Origin;
use crate::call::Call;
use crate::connection::Closing;
use crate::negotiate::{self, Form};
use crate::path::{self, ResourcePath, Target};
use crate::query::Query;
use crate::reply::{self, Answer};
use crate::resource::{ConnectRequest, Source, not_allowed};
use crate::state::State;
use crate::user::{AUTHENTICATED, UserInfo};
use crate::{discovery, impersonation, openapi, verb};

/// Answers a request whose user is known.
pub(crate) async fn dispatch(
    state: &Arc<State>,
    user: UserInfo,
    origin: Origin,
    parts: Parts,
    body: Bytes,
) -> Result<Answer, Status> {
    let user = impersonation::user(state, user, &parts.headers)?;
    let target = path::parse(parts.uri.path());
    let resource = match target {
        Target::Resource(resource) => resource,
        other => return fixed(state, &user, &other, &parts).await,
    };
    let query = Query::parse(parts.uri.query().unwrap_or_default());
    let verb = verb_of(&parts, &resource, &query);
    let subresource = resource.subresource.clone().unwrap_or_default();
    let selected = selected_name(verb, &query);
    let what = Attributes {
        verb,
        group: &resource.group,
        version: &resource.version,
        resource: &resource.resource,
        subresource: &subresource,
        // A namespace itself is authorized as an object in it, as kube-apiserver does.
        namespace: match (&resource.namespace, &resource.name) {
            (Some(namespace), _) => namespace,
            (None, Some(name)) if resource.resource == "namespaces" && resource.group.is_empty() => name,
            _ => "",
        },
        name: resource.name.as_deref().or(selected.as_deref()).unwrap_or_default(),
        path: "",
    };
    authz::check(&state.authorizer, &user, &what, state.as_ref()).inspect_err(|_| state.counters.deny())?;
    let registry = state.registry();
    if let Some(connect) = resource
        .subresource
        .as_ref()
        .and_then(|sub| registry.find(&resource.group, &resource.version, &format!("{}/{sub}", resource.resource)))
    {
        return connected(connect, user, resource, parts, body).await;
    }
    let served = registry.find(&resource.group, &resource.version, &resource.resource);
    let served = served.ok_or_else(Status::no_such_path)?.clone();
    drop(registry);
    if served.namespaced && resource.namespace.is_none() && !matches!(verb, "list" | "watch") {
        // A namespaced object has no path outside of its namespace, and there is no deletion over all namespaces at
        // once.
        return Err(if resource.name.is_none() { not_allowed() } else { Status::no_such_path() });
    }
    if !served.namespaced && resource.namespace.is_some() {
        return Err(Status::no_such_path());
    }
    let agent = client_of(&parts.headers);
    let client = query.get("fieldManager").unwrap_or(&agent);
    let counted = if verb == "patch" && is_apply(&parts) { "apply" } else { verb };
    state.counters.request(counted, client);
    let mut call = Call {
        // The answer to a question is no object that has columns.
        form: negotiate::accept(header(&parts.headers, &ACCEPT), served.strategy.review.is_none())?,
        gzip: header(&parts.headers, &ACCEPT_ENCODING).is_some_and(|h| h.contains("gzip")),
        content_type: header(&parts.headers, &CONTENT_TYPE).map(str::to_owned),
        state: state.clone(),
        user,
        origin,
        served,
        path: resource,
        query,
        agent,
        body,
        warnings: Vec::new(),
        closing: parts.extensions.get::<Closing>().map_or_else(|| state.closing.clone(), |closing| closing.0.clone()),
    };
    let result = verb::run(&mut call, verb).await;
    let mut answer = result.unwrap_or_else(|status| reply::failure(&status));
    reply::warn(&mut answer, &call.warnings);
    Ok(answer)
}

/// Kubernetes' verb of a request (`requestinfo.go`).
fn verb_of(parts: &Parts, path: &ResourcePath, query: &Query) -> &'static str {
    let collection = path.name.is_none();
    match parts.method {
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        Method::GET | Method::HEAD if collection && query.flag("watch") => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        _ => "",
    }
}

/// A list or watch of one object by `metadata.name` is allowed when a rule with that name in `resourceNames` allows it
/// (`requestinfo.go`).
fn selected_name(verb: &str, query: &Query) -> Option<String> {
    if !matches!(verb, "list" | "watch") {
        return None;
    }
    let selector: FieldSelector = query.get("fieldSelector")?.parse().ok()?;
    let (_, name, _) = selector.terms.into_iter().find(|(path, _, equal)| path == "metadata.name" && *equal)?;
    check_path_segment(&name).is_ok().then_some(name)
}

fn is_apply(parts: &Parts) -> bool {
    header(&parts.headers, &CONTENT_TYPE).is_some_and(|t| t.starts_with("application/apply-patch"))
}

/// Everything that `/metrics` shows.
fn exposition(state: &State) -> String {
    let mut text = state.counters.exposition();
    if let Some(more) = &state.exposition {
        more(&mut text);
    }
    text.push_str("# EOF\n");
    text
}

/// Whether the server takes writes. The sentence names files, so only known callers are told it, as kube-apiserver
/// withholds its reasons.
async fn ready(state: &State, user: &UserInfo) -> Answer {
    match state.store.probe().await {
        // It is busy, not broken: the write that is refused says so itself.
        Ok(()) | Err(WriteError::Overloaded { .. }) => reply::text(200, "ok"),
        Err(error) => {
            let error = error.to_string();
            let why = if user.is_in(AUTHENTICATED) { error.as_str() } else { "reason withheld, ask with credentials" };
            reply::text(500, format!("[-]store failed: {why}\n[+]ping ok\nreadyz check failed"))
        }
    }
}

/// What serves no object.
async fn fixed(state: &Arc<State>, user: &UserInfo, target: &Target, parts: &Parts) -> Result<Answer, Status> {
    let method = parts.method.as_str().to_ascii_lowercase();
    let what = Attributes { verb: &method, path: parts.uri.path(), ..Attributes::default() };
    authz::check(&state.authorizer, user, &what, state.as_ref())?;
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        return Err(not_allowed());
    }
    let form = || negotiate::accept(header(&parts.headers, &ACCEPT), true);
    let etag = header(&parts.headers, &http::header::IF_NONE_MATCH);
    let gzip = header(&parts.headers, &ACCEPT_ENCODING).is_some_and(|h| h.contains("gzip"));
    match target {
        Target::Health => Ok(reply::text(200, "ok")),
        Target::Ready => Ok(ready(state, user).await),
        Target::Version => Ok(discovery::version(state)),
        Target::Metrics => Ok(reply::metrics(exposition(state))),
        Target::Root => Ok(discovery::root(state)),
        Target::CoreVersions | Target::Groups if form()? == Form::Discovery => {
            Ok(discovery::aggregated(state, *target == Target::CoreVersions, etag, gzip))
        }
        Target::CoreVersions => Ok(discovery::core_versions()),
        Target::Groups => Ok(discovery::groups(state)),
        Target::Group(group) => discovery::group(state, group),
        Target::Resources(group, version) => discovery::resources(state, group, version),
        Target::OpenApiV2 => {
            let accept = header(&parts.headers, &ACCEPT).unwrap_or_default();
            Ok(openapi::v2(state, accept, etag, gzip))
        }
        Target::OpenApiIndex => Ok(openapi::index(state)),
        Target::OpenApi(group, version) => openapi::document(state, group, version, etag, gzip),
        Target::Resource(_) | Target::Unknown => Err(Status::no_such_path()),
    }
}

async fn connected(
    served: &crate::registry::Served,
    user: UserInfo,
    path: ResourcePath,
    parts: Parts,
    body: Bytes,
) -> Result<Answer, Status> {
    let Some((code, Source::Connect)) = served.code() else { return Err(not_allowed()) };
    let request = ConnectRequest {
        user,
        namespace: path.namespace,
        name: path.name.unwrap_or_default(),
        path: path.rest,
        request: http::Request::from_parts(parts, body),
    };
    code.connect(request).await
}

fn header<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The first word of the user agent: the field manager when the request names none
/// (`endpoints/handlers/create.go`, prefixFromUserAgent).
fn client_of(headers: &HeaderMap) -> String {
    let agent = header(headers, &USER_AGENT).unwrap_or_default();
    let name: String =
        agent.split('/').next().unwrap_or_default().chars().filter(|c| !c.is_control()).take(128).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}

//! Questions to [`controllers::inspect`]: renderings, comparisons, previews.
//!
//! Who asks must have the right to read the Application as well; for a preview, to make the edit that is previewed: it is
//! answered with what the edit would do, and a commit is fetched with the Application's credentials.

use std::sync::Arc;

use api::view::{GROUP, PreviewSpec};
use apiserver::{Resource, ResourceInfo, ResourceRequest, UserInfo};
use client::NamespacedName;
use controllers::Controllers;
use controllers::inspect::{InspectError, named};
use model::{GroupResource, MemberName, Reason, Status, object};
use serde_json::{Value, json};
use store::BoxFuture;

use super::{Shared, info, ready};

/// Who may do what, by the hub's own authorizer.
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";

/// Something that a user wants to do in a namespace.
struct Right<'a> {
    verb: &'static str,
    group: &'a str,
    plural: &'a str,
    name: &'a str,
}

/// Refuses a user who has not this right.
async fn require(controllers: &Controllers, user: &UserInfo, namespace: &str, right: &Right<'_>) -> Result<(), Status> {
    let Right { verb, group, plural, name } = *right;
    let review = json!({
        "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
        "spec": {
            "user": &*user.name, "groups": &*user.groups,
            "resourceAttributes": {"namespace": namespace, "verb": verb, "group": group, "resource": plural, "name": name},
        },
    });
    let answer = controllers.api().raw().create(REVIEWS, &review).await;
    let answer = answer.map_err(|error| Status::internal(model::cause::chain(&error)))?;
    if answer.pointer("/status/allowed") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    let user = &user.name;
    let why = format!(
        "User {user:?} cannot {verb} resource {plural:?} in API group {group:?} in the namespace {namespace:?}"
    );
    Err(Status::forbidden(&GroupResource::new(group, plural), name, &why))
}

/// The right to read an Application.
fn reading(name: &str) -> Right<'_> {
    Right { verb: "get", group: plan::application::GROUP, plural: "applications", name }
}

pub(super) fn refused(error: InspectError, plural: &str, name: &str) -> Status {
    let message = error.to_string();
    match error {
        InspectError::NotFound(_) => Status { message, ..Status::not_found(&GroupResource::new(GROUP, plural), name) },
        InspectError::Invalid(..) | InspectError::Source(_) => Status::new(Reason::Invalid, message),
        InspectError::Busy => Status::new(Reason::TooManyRequests, message).retry_after(1),
        InspectError::Hub(_) => Status::internal(message),
    }
}

fn with_metadata(mut answer: Value, namespace: &str, name: &str) -> Value {
    answer["metadata"] = json!({"name": name, "namespace": namespace});
    answer
}

fn as_value<T: serde::Serialize>(answer: &T) -> Result<Value, Status> {
    serde_json::to_value(answer).map_err(Status::internal)
}

fn questions(kind: &str, plural: &str, verb: &'static str) -> ResourceInfo {
    ResourceInfo { verbs: vec![verb], ..info(kind, plural, true, Vec::new()) }
}

/// The objects that a member gets: `APPLICATION.MEMBER`.
pub(crate) struct Renderings(pub(crate) Shared);

impl Resource for Renderings {
    fn info(&self) -> ResourceInfo {
        questions("Rendering", "renderings", "get")
    }

    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let controllers = ready(&self.0)?;
            let namespace = request.namespace.as_deref().unwrap_or_default();
            // No member has a dot in its name.
            let parts = name.rsplit_once('.').and_then(|(app, member)| Some((app, member.parse::<MemberName>().ok()?)));
            let Some((application, member)) = parts else {
                let message = format!("{name:?} names no rendering: it is APPLICATION.MEMBER, such as shop.beijing");
                return Err(Status { message, ..Status::not_found(&GroupResource::new(GROUP, "renderings"), name) });
            };
            require(&controllers, &request.user, namespace, &reading(application)).await?;
            let key = NamespacedName::new(namespace, application);
            let answer = controllers.inspector.rendering(&key, &member).await;
            let answer = answer.map_err(|error| refused(error, "renderings", name))?;
            Ok(with_metadata(as_value(&answer)?, namespace, name))
        })
    }
}

/// What members have against what they should have, by the name of the Application.
pub(crate) struct Comparisons(pub(crate) Shared);

/// The parameter that chooses one member.
pub(super) const MEMBER: &str = "member";

impl Resource for Comparisons {
    fn info(&self) -> ResourceInfo {
        questions("Comparison", "comparisons", "get")
    }

    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let controllers = ready(&self.0)?;
            let namespace = request.namespace.as_deref().unwrap_or_default();
            require(&controllers, &request.user, namespace, &reading(name)).await?;
            let member = super::asked_member(request)?;
            let key = NamespacedName::new(namespace, name);
            let answer = controllers.inspector.comparison(&key, member.as_ref()).await;
            let answer = answer.map_err(|error| refused(error, "comparisons", name))?;
            Ok(with_metadata(as_value(&answer)?, namespace, name))
        })
    }
}

/// Everything that waits for an approval, by the name of the Application.
pub(crate) struct HeldLists(pub(crate) Shared);

/// The parameter that asks for UIDs.
const UIDS: &str = "uids";

impl Resource for HeldLists {
    fn info(&self) -> ResourceInfo {
        questions("HeldList", "heldlists", "get")
    }

    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let controllers = ready(&self.0)?;
            let namespace = request.namespace.as_deref().unwrap_or_default();
            require(&controllers, &request.user, namespace, &reading(name)).await?;
            let with_uids = parameter(&request.query, UIDS) == Some("true");
            let key = NamespacedName::new(namespace, name);
            let answer = controllers.inspector.held(&key, with_uids).await;
            let answer = answer.map_err(|error| refused(error, "heldlists", name))?;
            Ok(with_metadata(as_value(&answer)?, namespace, name))
        })
    }
}

/// A parameter of a query whose value needs no decoding: a name.
pub(super) fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.filter(|(key, _)| *key == name).map(|(_, value)| value).next()
}

/// What a commit or an edit would change.
pub(crate) struct Previews(pub(crate) Shared);

impl Resource for Previews {
    fn info(&self) -> ResourceInfo {
        questions("Preview", "previews", "create")
    }

    fn create<'a>(&'a self, request: &'a ResourceRequest, mut object: Value) -> BoxFuture<'a, Result<Value, Status>> {
        Box::pin(async move {
            let controllers = ready(&self.0)?;
            let namespace = request.namespace.as_deref().unwrap_or_default();
            let spec = object.get("spec").cloned().unwrap_or_default();
            let spec: PreviewSpec =
                serde_json::from_value(spec).map_err(|error| Status::new(Reason::Invalid, format!("spec: {error}")))?;
            may_edit(&controllers, &request.user, namespace, &spec).await?;
            let answer = controllers.inspector.preview(namespace, &spec).await;
            let answer = answer.map_err(|error| refused(error, "previews", ""))?;
            // What was asked is known to who asked it, and may be long.
            object::remove(&mut object, &["spec"]);
            object["status"] = as_value(&answer)?;
            Ok(object)
        })
    }
}

/// Refuses who may not make the edit that is previewed.
async fn may_edit(
    controllers: &Arc<Controllers>,
    user: &UserInfo,
    namespace: &str,
    spec: &PreviewSpec,
) -> Result<(), Status> {
    let applications = "applications";
    if let Some(name) = &spec.application {
        let right = Right { verb: "update", group: plan::application::GROUP, plural: applications, name };
        require(controllers, user, namespace, &right).await?;
    }
    let edited = named(namespace, &spec.objects).map_err(|error| refused(error, "previews", ""))?;
    for edit in &edited {
        let is_there = controllers.inspector.is_there(namespace, edit);
        let verb = if is_there { "update" } else { "create" };
        let right = Right { verb, group: edit.group, plural: edit.plural, name: &edit.name };
        require(controllers, user, namespace, &right).await?;
    }
    // An edit of a list or of a label is answered with the Applications that it concerns.
    if edited.iter().any(|edit| edit.kind != plan::application::KIND) {
        let right = Right { verb: "list", group: plan::application::GROUP, plural: applications, name: "" };
        require(controllers, user, namespace, &right).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_by_its_whole_name() {
        for (query, expect) in [
            ("member=beijing", Some("beijing")),
            ("a=b&member=beijing&c", Some("beijing")),
            ("remember=beijing", None),
            ("member", None),
            ("", None),
        ] {
            assert_eq!(parameter(query, MEMBER), expect, "{query}");
        }
    }
}

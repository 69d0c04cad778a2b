//! Kinds that are questions: who am I, may I, is this token good.

use model::{Status, object};
use serde_json::{Value, json};

use crate::authz::{self, Attributes};
use crate::call::Call;
use crate::reply::{self, Answer};
use crate::strategy::Review;
use crate::user::{MASTERS, UserInfo};

/// Answers a review.
pub(crate) async fn create(call: &mut Call, asked: Review) -> Result<Answer, Status> {
    let mut review = call.decode_object()?;
    let status = match asked {
        Review::WhoAmI => json!({"userInfo": user_value(&call.user)}),
        Review::OwnAccess => access(call, &call.user, &review)?,
        Review::Access => access(call, &subject(&review), &review)?,
        Review::NamespacedAccess => {
            let asked = object::get_str(&review, &["spec", "resourceAttributes", "namespace"]).unwrap_or_default();
            if call.namespace() != Some(asked) {
                let path = model::FieldPath::of("spec.resourceAttributes.namespace");
                let error = model::FieldError::invalid(path, asked, "must match metadata.namespace");
                return Err(Status::invalid(&call.served.gvk.group_kind(), "", &[error]));
            }
            access(call, &subject(&review), &review)?
        }
        Review::OwnRules => rules(call, &review),
        Review::Token => token(call, &review),
    };
    review["status"] = status;
    if asked == Review::WhoAmI {
        *object::slot(&mut review, &["metadata", "creationTimestamp"]) =
            json!(model::clock::format_seconds(call.state.now()));
    }
    Ok(reply::value(201, &review))
}

fn user_value(user: &UserInfo) -> Value {
    let mut value = json!({"username": &*user.name, "groups": &*user.groups});
    if let Some(uid) = &user.uid {
        value["uid"] = json!(&**uid);
    }
    if !user.extra.is_empty() {
        value["extra"] = json!(&*user.extra);
    }
    value
}

fn subject(review: &Value) -> UserInfo {
    let groups = object::get(review, &["spec", "groups"]).and_then(Value::as_array).into_iter().flatten();
    let groups: Vec<String> = groups.filter_map(Value::as_str).map(str::to_owned).collect();
    let name = object::get_str(review, &["spec", "user"]).unwrap_or_default();
    // Exactly the groups that are asked about: a review does not add any.
    UserInfo { groups: groups.into(), name: name.into(), ..UserInfo::default() }
}

fn access(call: &Call, user: &UserInfo, review: &Value) -> Result<Value, Status> {
    let at = |part: &str, field: &str| object::get_str(review, &["spec", part, field]).unwrap_or_default();
    let resource = object::get(review, &["spec", "resourceAttributes"]).is_some();
    let path = object::get(review, &["spec", "nonResourceAttributes"]).is_some();
    if resource == path {
        let why = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
        let error = model::FieldError::invalid(model::FieldPath::of("spec.resourceAttributes"), Value::Null, why);
        return Err(Status::invalid(&call.served.gvk.group_kind(), "", &[error]));
    }
    let what = if resource {
        let field = |name| at("resourceAttributes", name);
        Attributes {
            verb: field("verb"),
            group: field("group"),
            version: field("version"),
            resource: field("resource"),
            subresource: field("subresource"),
            namespace: field("namespace"),
            name: field("name"),
            path: "",
        }
    } else {
        Attributes {
            verb: at("nonResourceAttributes", "verb"),
            path: at("nonResourceAttributes", "path"),
            ..Attributes::default()
        }
    };
    let allowed = authz::check(&call.state.authorizer, user, &what, call.state.as_ref()).is_ok();
    Ok(json!({"allowed": allowed}))
}

/// What the user may do in a namespace: what `kubectl auth can-i --list` shows.
fn rules(call: &Call, review: &Value) -> Value {
    let namespace = object::get_str(review, &["spec", "namespace"]).unwrap_or_default();
    let all = if call.user.is_in(MASTERS) {
        Some(vec![
            json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
            json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
        ])
    } else {
        call.state.authorizer.rules(&call.user, namespace, call.state.as_ref())
    };
    let incomplete = all.is_none();
    let (paths, resources): (Vec<Value>, Vec<Value>) =
        all.unwrap_or_default().into_iter().partition(|rule| rule.get("nonResourceURLs").is_some());
    json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": incomplete})
}

fn token(call: &Call, review: &Value) -> Value {
    let token = object::get_str(review, &["spec", "token"]).unwrap_or_default();
    let asked = object::get(review, &["spec", "audiences"]).and_then(Value::as_array).into_iter().flatten();
    let mut audiences: Vec<String> = asked.filter_map(Value::as_str).map(str::to_owned).collect();
    if audiences.is_empty() {
        audiences.push(crate::authn::ISSUER.to_owned());
    }
    match crate::authn::reviewed(&call.state, token, &audiences) {
        Ok((user, audiences)) => json!({"authenticated": true, "user": user_value(&user), "audiences": audiences}),
        Err(why) => json!({"authenticated": false, "user": {}, "error": why}),
    }
}

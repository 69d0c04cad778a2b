//! `create`.

use model::{Reason, Status, object};

use super::write::{How, Outcome, insert};
use crate::call::Call;
use crate::reply::Answer;
use crate::resource::not_allowed;
use crate::review;

/// Tries with new random names before a create with `generateName` gives up (`registry/generic/registry/store.go`,
/// maxNameGenerationCreateAttempts).
const NAME_TRIES: usize = 8;

/// Makes an object.
pub(super) async fn create(call: &mut Call) -> Result<Answer, Status> {
    if call.served.builtin().is_some_and(|kind| kind.verbs == ["create"]) {
        // `v1 Binding` at the collection is served by `pods/binding`, as every scheduler uses it.
        let review = call.served.strategy.review.ok_or_else(not_allowed)?;
        return review::create(call, review).await;
    }
    let dry_run = call.query.dry_run("CreateOptions")?;
    let object = call.decode_object()?;
    let generate = object::name(&object).unwrap_or_default().is_empty()
        && !object::get_str(&object, &["metadata", "generateName"]).unwrap_or_default().is_empty();
    if !generate {
        if let Outcome::Done(answer) = insert(call, object, How::Update, dry_run).await? {
            return Ok(answer);
        }
        return Err(Status::internal("a create without a generated name cannot race"));
    }
    for _ in 0..NAME_TRIES {
        if let Outcome::Done(answer) = insert(call, object.clone(), How::Update, dry_run).await? {
            return Ok(answer);
        }
    }
    let message = "unable to find a free name for generateName, please try again";
    Err(Status { details: serde_json::json!({"retryAfterSeconds": 1}), ..Status::new(Reason::AlreadyExists, message) })
}

//! The verbs, each once for all kinds.

use model::{FieldError, FieldErrorKind, FieldPath, GroupKind, Status};

use crate::call::Call;
use crate::negotiate::Form;
use crate::reply::Answer;
use crate::resource::not_allowed;
use crate::{discovery, token};

mod collection;
mod create;
mod delete;
mod eviction;
mod filter;
mod get;
mod list;
mod patch;
mod pod;
mod scale;
mod shape;
mod update;
mod virtual_kind;
mod watch;
mod write;

pub(crate) use delete::{DeleteOptions, delete_entry};

/// Runs a verb.
pub(crate) async fn run(call: &mut Call, verb: &'static str) -> Result<Answer, Status> {
    if call.served.code().is_some() {
        return virtual_kind::run(call, verb).await;
    }
    call.warnings.extend(crate::semantics::deprecation(&call.served));
    if call.form == Form::Table {
        shape::include(call)?;
    }
    check_manager(call, verb)?;
    let name = call.name().to_owned();
    match (call.subresource(), verb) {
        ("", _) if !call.served.verbs.contains(&verb) => Err(not_allowed()),
        (_, "update" | "patch") if name.is_empty() => Err(not_allowed()),
        ("", "get") => get::get(call),
        ("", "list") => list::list(call).await,
        ("", "watch") => watch::watch(call).await,
        ("", "create") if name.is_empty() => create::create(call).await,
        ("", "update") => update::update(call).await,
        ("", "patch") => patch::patch(call).await,
        ("", "delete") => delete::delete(call).await,
        ("", "deletecollection") => collection::delete_collection(call).await,
        ("", _) => Err(not_allowed()),
        (subresource, _) => match discovery::subresources(&call.served).iter().find(|s| s.name == subresource) {
            Some(served) if served.verbs.contains(&verb) => run_subresource(call, served.name, verb).await,
            Some(_) => Err(not_allowed()),
            None if call.served.strategy.kubelet.contains(&subresource) => {
                let path = format!("{}/{subresource}", call.served.resource.resource);
                let message = format!("{path} is not served: no kubelet runs behind this API server");
                Err(Status { message, ..Status::no_such_path() })
            }
            None => Err(Status::no_such_path()),
        },
    }
}

/// Runs a verb on a subresource that the kind has, with this verb. The names are those of
/// [`discovery::SERVED_SUBRESOURCES`], and `scale` and `status`.
async fn run_subresource(call: &mut Call, subresource: &str, verb: &'static str) -> Result<Answer, Status> {
    match (subresource, verb) {
        ("scale", _) => scale::scale(call, verb).await,
        ("binding", _) => pod::bind(call).await,
        ("eviction", _) => eviction::evict(call).await,
        ("token", _) => token::create(call).await,
        ("approval" | "finalize" | "status", "get") => get::get(call),
        ("approval" | "finalize" | "status", "update") => update::update(call).await,
        ("approval" | "finalize" | "status", "patch") => patch::patch(call).await,
        _ => Err(not_allowed()),
    }
}

/// Longest name of a field manager (`apimachinery/pkg/apis/meta/v1/validation`, FieldManagerMaxLength).
const MANAGER_MAX: usize = 128;

/// Checks `fieldManager`: it is stored with each object it writes.
fn check_manager(call: &Call, verb: &str) -> Result<(), Status> {
    let options = match verb {
        "create" => "CreateOptions",
        "update" => "UpdateOptions",
        "patch" => "PatchOptions",
        _ => return Ok(()),
    };
    let Some(manager) = call.query.get("fieldManager") else { return Ok(()) };
    let path = FieldPath::of("fieldManager");
    let error = if manager.len() > MANAGER_MAX {
        let detail = format!("may not be more than {MANAGER_MAX} bytes");
        FieldError { path, kind: FieldErrorKind::TooLong, value: None, detail }
    } else if let Some(at) = manager.find(char::is_control) {
        FieldError::invalid(path, manager, format!("invalid character at byte {at}: should be printable"))
    } else {
        return Ok(());
    };
    Err(Status::invalid(&GroupKind::new("meta.k8s.io", options), "", &[error]))
}

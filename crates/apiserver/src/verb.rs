//! The verbs, each once for all kinds.

use model::{FieldError, FieldErrorKind, FieldPath, GroupKind, Status};

use crate::call::Call;
use crate::negotiate::Form;
use crate::reply::Answer;
use crate::resource::not_allowed;

mod collection;
mod create;
mod delete;
mod filter;
mod get;
mod list;
pub(crate) mod page;
mod patch;
mod scale;
mod shape;
mod update;
mod virtual_kind;
mod watch;
mod write;

pub(crate) use delete::{Options as DeleteOptions, delete_entry, delete_object};
pub(crate) use update::replace_part;

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
    let (kind, name) = (call.served.gvk.kind.clone(), call.name().to_owned());
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
        ("status", "get") if call.served.status => get::get(call),
        ("status", "update") if call.served.status => update::update(call).await,
        ("status", "patch") if call.served.status => patch::patch(call).await,
        ("scale", "get" | "update" | "patch") if call.served.scale.is_some() => scale::scale(call, verb).await,
        ("finalize", "update") if kind == "Namespace" => update::update(call).await,
        ("approval", "get") if kind == "CertificateSigningRequest" => get::get(call),
        ("approval", "update") if kind == "CertificateSigningRequest" => update::update(call).await,
        ("approval", "patch") if kind == "CertificateSigningRequest" => patch::patch(call).await,
        ("binding", "create") if call.served.is("", "Pod") => crate::pod::bind(call).await,
        ("eviction", "create") if call.served.is("", "Pod") => crate::pod::evict(call).await,
        ("token", "create") if call.served.is("", "ServiceAccount") => crate::token::create(call).await,
        ("", _) => Err(not_allowed()),
        (sub, _) if crate::discovery::subresources(&call.served).iter().any(|s| s.name == sub) => Err(not_allowed()),
        (sub, _) if call.served.is("", "Pod") && KUBELET.contains(&sub) => Err(Status {
            message: format!("pods/{sub} is not served: no kubelet runs behind this API server"),
            ..Status::no_such_path()
        }),
        _ => Err(Status::no_such_path()),
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

/// Subresources of pods that kube-apiserver passes on to a kubelet.
const KUBELET: [&str; 5] = ["attach", "exec", "log", "portforward", "proxy"];

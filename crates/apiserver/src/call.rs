//! One request to a kind, with everything that verbs read.

use std::sync::Arc;

use bytes::Bytes;
use model::Status;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::admission::{AdmissionRequest, Operation};
use crate::authz::{self, Attributes};
use crate::budget::Origin;
use crate::negotiate::{self, Encoding, Form};
use crate::path::ResourcePath;
use crate::query::Query;
use crate::registry::Served;
use crate::semantics;
use crate::state::State;
use crate::user::UserInfo;

/// A request to a kind.
pub(crate) struct Call {
    pub(crate) state: Arc<State>,
    pub(crate) user: UserInfo,
    /// Where it comes from.
    pub(crate) origin: Origin,
    pub(crate) served: Arc<Served>,
    pub(crate) path: ResourcePath,
    pub(crate) query: Query,
    pub(crate) form: Form,
    pub(crate) gzip: bool,
    pub(crate) content_type: Option<String>,
    pub(crate) agent: String,
    pub(crate) body: Bytes,
    pub(crate) warnings: Vec<String>,
    /// Ends watches: of the listener that the request came through, or of the server.
    pub(crate) closing: CancellationToken,
}

impl Call {
    /// The call without its body, for an answer that outlives the handler.
    pub(crate) fn without_body(&self) -> Self {
        Self {
            state: self.state.clone(),
            user: self.user.clone(),
            origin: self.origin,
            served: self.served.clone(),
            path: self.path.clone(),
            query: self.query.clone(),
            form: self.form,
            gzip: self.gzip,
            content_type: None,
            agent: self.agent.clone(),
            body: Bytes::new(),
            warnings: Vec::new(),
            closing: self.closing.clone(),
        }
    }

    /// Namespace of the path; `None` for cluster-scoped kinds and for all namespaces.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.path.namespace.as_deref()
    }

    /// Name of the path; empty for collections.
    pub(crate) fn name(&self) -> &str {
        self.path.name.as_deref().unwrap_or_default()
    }

    /// Subresource of the path; empty for the object itself.
    pub(crate) fn subresource(&self) -> &str {
        self.path.subresource.as_deref().unwrap_or_default()
    }

    /// May the user make the object that an update or an apply found missing? These verbs alone do not allow it
    /// (`endpoints/handlers/{update,patch}.go`, withAuthorization).
    pub(crate) fn may_create(&self) -> Result<(), Status> {
        let what = Attributes {
            verb: "create",
            group: &self.served.gvk.group,
            version: &self.served.gvk.version,
            resource: &self.served.resource.resource,
            namespace: self.namespace().unwrap_or_default(),
            name: self.name(),
            ..Attributes::default()
        };
        authz::check(&self.state.authorizer, &self.user, &what, self.state.as_ref())
    }

    /// 404 for the object of the path.
    pub(crate) fn not_found(&self) -> Status {
        Status::not_found(&self.served.resource, self.name())
    }

    /// Who owns the fields of this write.
    pub(crate) fn manager(&self) -> &str {
        self.query.get("fieldManager").unwrap_or(&self.agent)
    }

    /// The request as admission sees it.
    pub(crate) fn admission<'a>(
        &'a self,
        operation: Operation,
        name: &'a str,
        old: Option<&'a Value>,
        dry_run: bool,
    ) -> AdmissionRequest<'a> {
        AdmissionRequest {
            operation,
            kind: &self.served.gvk,
            resource: &self.served.resource,
            subresource: self.subresource(),
            namespace: self.namespace().unwrap_or_default(),
            name,
            user: &self.user,
            old,
            dry_run,
            now: self.state.now(),
        }
    }

    /// Decodes the body as an object of any kind, without checks. JSON keys that come twice are returned.
    pub(crate) fn decode(&self) -> Result<(Value, Vec<String>), Status> {
        match negotiate::object_body(self.content_type.as_deref())? {
            Encoding::Yaml => {
                let text = std::str::from_utf8(&self.body).map_err(|e| self.malformed(&e))?;
                let (value, twice) = model::yaml::parse_and_duplicate(text).map_err(|e| self.malformed(&e))?;
                let twice = twice.map(|duplicate| format!("yaml: unmarshal errors:\n  {duplicate}"));
                Ok((value, twice.into_iter().collect()))
            }
            Encoding::Protobuf => {
                Ok((apimachinery::protobuf::decode(&self.body).map_err(|e| self.malformed(&e))?, Vec::new()))
            }
            _ => {
                let (value, twice) = crate::json::parse(&self.body).map_err(|e| self.malformed(&e))?;
                Ok((value, twice.into_iter().map(|path| format!("duplicate field \"{path}\"")).collect()))
            }
        }
    }

    fn malformed(&self, error: &dyn std::fmt::Display) -> Status {
        let kind = &self.served.gvk.kind;
        Status::bad_request(format!("the object provided is unrecognized (must be of type {kind}): {error}"))
    }

    /// Decodes the body as an object of the kind of the path: fills in a missing kind, checks a given one, reports
    /// unknown and duplicate fields as `fieldValidation` says, prunes and applies defaults.
    pub(crate) fn decode_object(&mut self) -> Result<Value, Status> {
        let (mut object, duplicates) = self.decode()?;
        semantics::check_kind(&mut object, &self.served)?;
        self.prune(&mut object, duplicates)?;
        Ok(object)
    }

    /// Prunes what the schema does not know and reports it.
    pub(crate) fn prune(&mut self, object: &mut Value, duplicates: Vec<String>) -> Result<(), Status> {
        let mode = self.query.get("fieldValidation").unwrap_or("Warn");
        if !matches!(mode, "Ignore" | "Warn" | "Strict") {
            let error = model::FieldError::not_supported(
                model::FieldPath::of("fieldValidation"),
                mode,
                &["", "Ignore", "Strict", "Warn"],
            );
            let kind = model::GroupKind::new("meta.k8s.io", "CreateOptions");
            return Err(Status::invalid(&kind, "", &[error]));
        }
        let unknown = semantics::prune(&self.served, object);
        if mode == "Ignore" || (duplicates.is_empty() && unknown.is_empty()) {
            return Ok(());
        }
        let unknown = unknown.iter().map(|path| format!("unknown field \"{path}\""));
        // What the decoder of a type finds comes as it is in the text; objects of CRDs are pruned after they are decoded.
        let ordered_by = self.served.builtin().map(|_| &self.body[..]);
        let mut found = crate::json::first(ordered_by, duplicates.into_iter().chain(unknown).collect());
        match mode {
            "Strict" => {
                let all = found.join(", ");
                let kind = &self.served.gvk.kind;
                let version = &self.served.gvk.version;
                return Err(Status::bad_request(format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {all}"
                )));
            }
            _ => self.warnings.append(&mut found),
        }
        Ok(())
    }
}

//! The extension point for kinds that come from code: stored like any other, computed, or connections.

use std::sync::Arc;

use apimachinery::structural::Column;
use bytes::Bytes;
use futures::stream::BoxStream;
use kinds::schema::Schema;
use model::{FieldSelector, LabelSelector, Reason, Status};
use serde_json::Value;
use store::BoxFuture;

use crate::reply::Answer;
use crate::user::UserInfo;

/// Where objects of a kind come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the store; the generic handler does everything and no method of [`Resource`] is called.
    Stored,
    /// From [`Resource::get`], [`Resource::list`], [`Resource::watch`], [`Resource::create`].
    Virtual,
    /// There are none: [`Resource::connect`] answers everything below the path.
    Connect,
}

/// What discovery, OpenAPI and the generic handler need to know of a kind.
#[derive(Clone, Debug)]
pub struct ResourceInfo {
    /// API group.
    pub group: String,
    /// Version.
    pub version: String,
    /// Kind in CamelCase.
    pub kind: String,
    /// Plural name, used in paths. For [`Source::Connect`] on objects of another kind: `clusters/proxy`.
    pub plural: String,
    /// Singular name.
    pub singular: String,
    /// Short names.
    pub short_names: Vec<String>,
    /// Categories, such as `all`.
    pub categories: Vec<String>,
    /// Do objects live in namespaces?
    pub namespaced: bool,
    /// Verbs served; others answer 405.
    pub verbs: Vec<&'static str>,
    /// Where objects come from.
    pub source: Source,
    /// Columns after NAME.
    pub columns: Vec<Column>,
    /// Type of the objects.
    pub schema: Arc<Schema>,
    /// Is there a `status` subresource (stored kinds)?
    pub status: bool,
}

/// One request to a virtual kind.
#[derive(Clone, Debug)]
pub struct ResourceRequest {
    /// Who asks. Authorization has been done.
    pub user: UserInfo,
    /// Namespace; `None` for all namespaces and for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// Label selector of lists and watches. The caller filters the result again, so this is only a hint.
    pub labels: LabelSelector,
    /// Field selector of lists and watches; a hint as well (`metadata.name` and `metadata.namespace` are filtered).
    pub fields: FieldSelector,
    /// The raw query, for parameters of the kind's own.
    pub query: String,
}

/// A list of a virtual kind.
#[derive(Clone, Debug, Default)]
pub struct VirtualList {
    /// Objects, ordered by namespace and name. `apiVersion` and `kind` are filled in by the caller.
    pub items: Vec<Value>,
    /// `metadata.resourceVersion` of the list: from it a watch goes on. Empty when the kind cannot be watched.
    pub resource_version: String,
}

/// One change of a virtual kind.
#[derive(Clone, Debug)]
pub struct VirtualEvent {
    /// `ADDED`, `MODIFIED`, `DELETED` or `BOOKMARK`.
    pub ty: &'static str,
    /// The object.
    pub object: Value,
}

/// A request to a connect resource, whole.
#[derive(Debug)]
pub struct ConnectRequest {
    /// Who asks.
    pub user: UserInfo,
    /// Namespace of the object, when its kind has one.
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// Path below the subresource, without a leading slash.
    pub path: String,
    /// Method, headers and body as they came; the URI is the original one.
    pub request: http::Request<Bytes>,
}

/// A kind that comes from code.
///
/// The server does authentication, authorization, limits, negotiation (JSON, Table, PartialObjectMetadata), selectors
/// and errors; a method returns objects or a [`Status`]. Methods that are not overridden answer 405.
pub trait Resource: Send + Sync + 'static {
    /// What the kind is. Read once when the server starts.
    fn info(&self) -> ResourceInfo;

    /// One object.
    fn get<'a>(&'a self, request: &'a ResourceRequest, name: &'a str) -> BoxFuture<'a, Result<Value, Status>> {
        let _ = (request, name);
        Box::pin(async { Err(not_allowed()) })
    }

    /// All objects of the namespace, or of all.
    fn list<'a>(&'a self, request: &'a ResourceRequest) -> BoxFuture<'a, Result<VirtualList, Status>> {
        let _ = request;
        Box::pin(async { Err(not_allowed()) })
    }

    /// Changes after a resourceVersion. An empty one asks for the present objects as `ADDED` first.
    fn watch<'a>(
        &'a self,
        request: &'a ResourceRequest,
        resource_version: &'a str,
    ) -> BoxFuture<'a, Result<BoxStream<'static, VirtualEvent>, Status>> {
        let _ = (request, resource_version);
        Box::pin(async { Err(not_allowed()) })
    }

    /// A create whose answer is computed (reviews); the object is pruned and defaulted by the kind's schema.
    fn create<'a>(&'a self, request: &'a ResourceRequest, object: Value) -> BoxFuture<'a, Result<Value, Status>> {
        let _ = (request, object);
        Box::pin(async { Err(not_allowed()) })
    }

    /// Answers anything below the path, whatever the method.
    fn connect(&self, request: ConnectRequest) -> BoxFuture<'_, Result<Answer, Status>> {
        let _ = request;
        Box::pin(async { Err(not_allowed()) })
    }
}

/// 405 as Kubernetes says it.
pub(crate) fn not_allowed() -> Status {
    let message = "the server does not allow this method on the requested resource";
    Status { details: serde_json::json!({}), ..Status::new(Reason::MethodNotAllowed, message) }
}

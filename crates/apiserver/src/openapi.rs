//! OpenAPI v3 documents, one for each group and version, made on demand from the kinds that are served.
//!
//! A document is named by a hash of what it is made from (this program's version, and the revisions of the CRDs in it), so
//! the index costs nothing and a client's cache is good as long as nothing changed. Absent: `/openapi/v2`, which only
//! clients from before Kubernetes 1.27 need, and only in a protobuf form.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use apimachinery::openapi::{self, OpenApiKind};
use model::{GroupVersion, Status};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::document::Document;
use crate::registry::{Origin, Registry};
use crate::reply::{self, Answer};
use crate::server::Inner;

/// `/openapi/v3`.
pub(crate) fn index(inner: &Inner) -> Answer {
    let registry = inner.registry();
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    for served in registry.all() {
        let gv = served.gvk.group_version();
        let path = if gv.group.is_empty() { format!("api/{}", gv.version) } else { format!("apis/{gv}") };
        paths.entry(path.clone()).or_insert_with(|| {
            let hash = hash(inner, &registry, &gv);
            json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")})
        });
    }
    reply::value(200, &json!({"paths": paths}))
}

/// `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn document(
    inner: &Inner,
    group: &str,
    version: &str,
    if_none_match: Option<&str>,
    gzip: bool,
) -> Result<Answer, Status> {
    let registry = inner.registry();
    let kinds = registry.of(group, version);
    if kinds.is_empty() {
        return Err(Status::no_such_path());
    }
    let gv = GroupVersion::new(group, version);
    let document = inner.documents.get(registry.generation, &format!("openapi/{gv}"), || {
        let described: Vec<OpenApiKind<'_>> = kinds
            .iter()
            .filter_map(|served| match &served.origin {
                Origin::Builtin(kind) => Some(OpenApiKind::BuiltIn(kind)),
                Origin::Custom(kind, index) => Some(OpenApiKind::Custom(kind, &kind.versions[*index])),
                // Kinds from code are described when they are read, not when they are written: nobody sends them.
                Origin::Code(..) => None,
            })
            .collect();
        let bytes = openapi::document(&gv, &described).to_string().into_bytes();
        Document { bytes: bytes.into(), hash: hash(inner, &registry, &gv) }
    });
    Ok(document.answer("application/json", if_none_match, gzip))
}

fn hash(inner: &Inner, registry: &Registry, gv: &GroupVersion) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{} {} {gv}", env!("CARGO_PKG_VERSION"), inner.version));
    for (crd, definition) in registry.definitions().filter(|(_, d)| d.kind.group == gv.group) {
        digest.update(format!(" {crd}@{}", definition.revision));
    }
    let mut text = String::with_capacity(64);
    for byte in digest.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

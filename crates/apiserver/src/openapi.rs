//! OpenAPI v3 documents, one for each group and version, made on demand from the kinds that are served.
//!
//! A document is named by a hash of what it is made from (this program's version, and the revisions of the CRDs in it), so
//! the index costs nothing and a client's cache is good as long as nothing changed. `/openapi/v2` is made from all of
//! them: kubectl asks for it before it sends what a `kind: List` holds.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use apimachinery::openapi::{self, OpenApiKind};
use data_encoding::HEXUPPER;
use model::{GroupVersion, Status};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::document::Document;
use crate::registry::{Origin, Registry, Served};
use crate::reply::{self, Answer};
use crate::state::State;

/// `/openapi/v3`.
pub(crate) fn index(state: &State) -> Answer {
    let registry = state.registry();
    let mut paths: BTreeMap<String, Value> = BTreeMap::new();
    for served in registry.all() {
        let gv = served.gvk.group_version();
        let path = if gv.group.is_empty() { format!("api/{}", gv.version) } else { format!("apis/{gv}") };
        paths.entry(path.clone()).or_insert_with(|| {
            let hash = hash(state, &registry, &gv);
            json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")})
        });
    }
    reply::value(200, &json!({"paths": paths}))
}

/// `/openapi/v3/apis/GROUP/VERSION`.
pub(crate) fn document(
    state: &State,
    group: &str,
    version: &str,
    if_none_match: Option<&str>,
    gzip: bool,
) -> Result<Answer, Status> {
    let registry = state.registry();
    let kinds = registry.in_version(group, version);
    if kinds.is_empty() {
        return Err(Status::no_such_path());
    }
    let gv = GroupVersion::new(group, version);
    let document = state.documents.get(registry.generation, &format!("openapi/{gv}"), || {
        let bytes = described(&gv, &kinds).to_string().into_bytes();
        Document { bytes: bytes.into(), hash: hash(state, &registry, &gv) }
    });
    Ok(document.answer("application/json", if_none_match, gzip))
}

/// The document of a group and version.
fn described(gv: &GroupVersion, kinds: &[Arc<Served>]) -> Value {
    let kinds: Vec<OpenApiKind<'_>> = kinds
        .iter()
        .filter_map(|served| match &served.origin {
            Origin::Builtin(kind) => Some(OpenApiKind::BuiltIn(kind)),
            Origin::Custom(kind, index) => Some(OpenApiKind::Custom(kind, &kind.versions[*index])),
            // Kinds from code are described when they are read, not when they are written: no client sends them.
            Origin::Code(..) => None,
        })
        .collect();
    openapi::document(gv, &kinds)
}

/// What kubectl accepts `/openapi/v2` in, and how it is called in answers, where `@` is not allowed.
const V2_ACCEPTED: &str = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";
const V2_PROTOBUF: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2`: as protobuf for clients that name it, else as JSON.
pub(crate) fn v2(state: &State, accept: &str, if_none_match: Option<&str>, gzip: bool) -> Answer {
    let registry = state.registry();
    let protobuf = accept.split(',').any(|range| matches!(range.split(';').next(), Some(V2_ACCEPTED | V2_PROTOBUF)));
    let (name, media_type) =
        if protobuf { ("openapi/v2.pb", V2_PROTOBUF) } else { ("openapi/v2.json", "application/json") };
    let document = state.documents.get(registry.generation, name, || {
        let versions: BTreeSet<(String, String)> =
            registry.all().map(|served| (served.gvk.group.clone(), served.gvk.version.clone())).collect();
        let document = openapi::v2(versions.into_iter().map(|(group, version)| {
            let kinds = registry.in_version(&group, &version);
            described(&GroupVersion::new(group, version), &kinds)
        }));
        Document::new(if protobuf { openapi::encode_v2(&document) } else { document.to_string().into_bytes() })
    });
    document.answer(media_type, if_none_match, gzip)
}

fn hash(state: &State, registry: &Registry, gv: &GroupVersion) -> String {
    let mut digest = Sha256::new();
    digest.update(format!("{} {} {gv}", env!("CARGO_PKG_VERSION"), state.version));
    for (crd, definition) in registry.definitions().filter(|(_, d)| d.kind.group == gv.group) {
        digest.update(format!(" {crd}@{}", definition.revision));
    }
    HEXUPPER.encode(&digest.finalize())
}

//! Which form a client wants an answer in, and which form its request body has.

use model::{Reason, Status};

/// The form of an answer; all are JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Form {
    /// The object itself.
    #[default]
    Object,
    /// `meta.k8s.io/v1 Table`.
    Table,
    /// `PartialObjectMetadata` or `PartialObjectMetadataList`.
    Metadata,
    /// `apidiscovery.k8s.io/v2 APIGroupDiscoveryList`.
    Discovery,
}

/// The form of a request body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Encoding {
    /// JSON, also when nothing is said.
    Json,
    /// YAML.
    Yaml,
    /// Kubernetes' protobuf envelope.
    Protobuf,
    /// `application/json-patch+json`.
    JsonPatch,
    /// `application/merge-patch+json`.
    MergePatch,
    /// `application/strategic-merge-patch+json`.
    StrategicPatch,
    /// `application/apply-patch+yaml`.
    Apply,
}

/// The media type of aggregated discovery.
pub(crate) const DISCOVERY: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// What answers can be, as error messages list it.
const ANSWERS: &str = "application/json, application/json;stream=watch";

/// Chooses the first form of an `Accept` header that is served. Not every answer can be a table.
pub(crate) fn accept(header: Option<&str>, tables: bool) -> Result<Form, Status> {
    let Some(header) = header.filter(|h| !h.trim().is_empty()) else { return Ok(Form::Object) };
    let served = |range| form(range).filter(|form| tables || *form != Form::Table);
    header.split(',').find_map(served).ok_or_else(|| {
        Status::new(Reason::NotAcceptable, format!("only the following media types are accepted: {ANSWERS}"))
    })
}

fn form(range: &str) -> Option<Form> {
    let mut parts = range.split(';').map(str::trim);
    if !matches!(parts.next()?, "application/json" | "application/*" | "*/*") {
        return None;
    }
    let (mut convert, mut group, mut version) = (None, "", "");
    for (name, value) in parts.filter_map(|p| p.split_once('=')) {
        match name.trim() {
            "as" => convert = Some(value.trim()),
            "g" => group = value.trim(),
            "v" => version = value.trim(),
            _ => {}
        }
    }
    match (convert, group, version) {
        (None, ..) => Some(Form::Object),
        (Some("Table"), "meta.k8s.io", "v1") => Some(Form::Table),
        (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), "meta.k8s.io", "v1") => Some(Form::Metadata),
        (Some("APIGroupDiscoveryList"), "apidiscovery.k8s.io", "v2") => Some(Form::Discovery),
        _ => None,
    }
}

/// Reads the `Content-Type` of an object or of options.
pub(crate) fn object_body(header: Option<&str>) -> Result<Encoding, Status> {
    match media_type(header) {
        "" | "application/json" => Ok(Encoding::Json),
        "application/yaml" => Ok(Encoding::Yaml),
        "application/vnd.kubernetes.protobuf" => Ok(Encoding::Protobuf),
        _ => Err(unsupported("application/json, application/yaml, application/vnd.kubernetes.protobuf")),
    }
}

/// Reads the `Content-Type` of a patch.
pub(crate) fn patch_body(header: Option<&str>, strategic: bool) -> Result<Encoding, Status> {
    match media_type(header) {
        "application/json-patch+json" => Ok(Encoding::JsonPatch),
        "application/merge-patch+json" => Ok(Encoding::MergePatch),
        "application/strategic-merge-patch+json" if strategic => Ok(Encoding::StrategicPatch),
        "application/apply-patch+yaml" => Ok(Encoding::Apply),
        _ => {
            let all = if strategic {
                "application/json-patch+json, application/merge-patch+json, \
                 application/strategic-merge-patch+json, application/apply-patch+yaml"
            } else {
                "application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml"
            };
            Err(unsupported(all))
        }
    }
}

fn media_type(header: Option<&str>) -> &str {
    header.and_then(|h| h.split(';').next()).unwrap_or_default().trim()
}

fn unsupported(accepted: &str) -> Status {
    let message =
        format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
    Status::new(Reason::UnsupportedMediaType, message)
}

#[cfg(test)]
mod tests;

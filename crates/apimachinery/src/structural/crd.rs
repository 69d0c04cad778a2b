//! Checking a CustomResourceDefinition.
//!
//! Source: `pkg/apis/apiextensions/validation/validation.go`.

use std::sync::Arc;

use model::name::{check_dns_1035_label, check_dns_subdomain};
use model::{FieldError, FieldPath, object};
use serde_json::{Map, Value};

use super::kind::{Column, ConversionStrategy, CustomKind, CustomVersion, Names, ScaleFields};
use super::parse::{self, Findings, strings};
use kinds::schema::{Schema, Type};

const COLUMN_TYPES: &str = "boolean,date,integer,number,string";
const COLUMN_FORMATS: &str = "byte,date,date-time,double,float,int32,int64,password";
const APPROVAL: &str = "api-approved.kubernetes.io";

/// Most selectable fields of a version, as upstream.
const SELECTABLE_MAX: usize = 8;

/// Reads an `apiextensions.k8s.io/v1` CustomResourceDefinition.
///
/// # Errors
/// Everything that is wrong with it, with field paths, at most [`super::ERRORS_MAX`] errors: names, versions, columns,
/// subresources, and each rule of structural schemas.
pub fn parse_crd(crd: &Value) -> Result<CustomKind, Vec<FieldError>> {
    let mut found = Findings::default();
    let empty = Map::new();
    let spec_path = FieldPath::of("spec");
    let spec = crd.get("spec").and_then(Value::as_object).unwrap_or(&empty);
    let group = text(spec, "group").to_owned();
    check_group(crd, &group, &spec_path, &mut found);
    let names = parse_names(spec, &spec_path.field("names"), &mut found);
    let expected = format!("{}.{group}", names.plural);
    let name = object::name(crd).unwrap_or_default();
    if name != expected {
        let path = FieldPath::of("metadata.name");
        found.push(FieldError::invalid(path, name, "must be spec.names.plural+\".\"+spec.group"));
    }
    let namespaced = match text(spec, "scope") {
        "Namespaced" => true,
        "Cluster" => false,
        "" => {
            found.push(FieldError::required(spec_path.field("scope"), ""));
            false
        }
        other => {
            let path = spec_path.field("scope");
            found.push(FieldError::not_supported(path, other, &["Cluster", "Namespaced"]));
            false
        }
    };
    if spec.get("preserveUnknownFields") == Some(&Value::Bool(true)) {
        let why =
            "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead";
        found.push(FieldError::invalid(spec_path.field("preserveUnknownFields"), true, why));
    }
    let conversion = parse_conversion(spec, &spec_path.field("conversion"), &mut found);
    let versions = parse_versions(spec, &spec_path.field("versions"), &mut found);
    if !found.errors.is_empty() {
        return Err(found.errors);
    }
    Ok(CustomKind { group, names, namespaced, versions, conversion })
}

fn text<'a>(node: &'a Map<String, Value>, name: &str) -> &'a str {
    node.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn check_group(crd: &Value, group: &str, spec: &FieldPath, found: &mut Findings) {
    let path = spec.field("group");
    if group.is_empty() {
        found.push(FieldError::required(path, ""));
        return;
    }
    if let Err(why) = check_dns_subdomain(group) {
        found.push(FieldError::invalid(path, group, why));
    } else if !group.contains('.') {
        found.push(FieldError::invalid(path, group, "should be a domain with at least one dot"));
    }
    let protected = ["k8s.io", "kubernetes.io"]
        .iter()
        .any(|suffix| group.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.')));
    if !protected {
        return;
    }
    let path = FieldPath::of("metadata.annotations").key(APPROVAL);
    let see = "see https://github.com/kubernetes/enhancements/pull/1111";
    match object::annotation(crd, APPROVAL).unwrap_or_default() {
        "" => {
            let why = format!("protected groups must have approval annotation {APPROVAL:?}, {see}");
            found.push(FieldError::required(path, why));
        }
        text if text.starts_with("unapproved") || text.contains("://") => {}
        text => {
            let why = format!(
                "protected groups must have approval annotation {APPROVAL:?} with either a URL or a reason starting with \"unapproved\", {see}"
            );
            found.push(FieldError::invalid(path, text, why));
        }
    }
}

fn parse_names(spec: &Map<String, Value>, path: &FieldPath, found: &mut Findings) -> Names {
    let empty = Map::new();
    let raw = spec.get("names").and_then(Value::as_object).unwrap_or(&empty);
    let or = |given: &str, default: String| if given.is_empty() { default } else { given.to_owned() };
    let kind = text(raw, "kind").to_owned();
    let names = Names {
        plural: text(raw, "plural").to_owned(),
        singular: or(text(raw, "singular"), kind.to_lowercase()),
        list_kind: or(text(raw, "listKind"), if kind.is_empty() { String::new() } else { format!("{kind}List") }),
        kind,
        short_names: strings(raw, "shortNames"),
        categories: strings(raw, "categories"),
    };
    for (field, value) in [
        ("plural", &names.plural),
        ("singular", &names.singular),
        ("kind", &names.kind),
        ("listKind", &names.list_kind),
    ] {
        if value.is_empty() {
            found.push(FieldError::required(path.field(field), ""));
        } else if let Err(why) = check_dns_1035_label(&value.to_lowercase()) {
            let why = format!("may have mixed case, but should otherwise match: {why}");
            found.push(FieldError::invalid(path.field(field), value.as_str(), why));
        } else if matches!(field, "plural" | "singular")
            && let Err(why) = check_dns_1035_label(value)
        {
            found.push(FieldError::invalid(path.field(field), value.as_str(), why));
        }
    }
    for (field, list) in [("shortNames", &names.short_names), ("categories", &names.categories)] {
        for (index, value) in list.iter().enumerate() {
            if let Err(why) = check_dns_1035_label(value) {
                found.push(FieldError::invalid(path.field(field).index(index), value.as_str(), why));
            }
        }
    }
    if !names.kind.is_empty() && names.kind == names.list_kind {
        let why = "kind and listKind may not be the same";
        found.push(FieldError::invalid(path.field("listKind"), names.list_kind.as_str(), why));
    }
    names
}

fn parse_conversion(spec: &Map<String, Value>, path: &FieldPath, found: &mut Findings) -> ConversionStrategy {
    let Some(raw) = spec.get("conversion").and_then(Value::as_object) else { return ConversionStrategy::None };
    match text(raw, "strategy") {
        "None" => ConversionStrategy::None,
        "Webhook" => {
            let webhook = raw.get("webhook").and_then(Value::as_object);
            if webhook.and_then(|w| w.get("clientConfig")).is_none_or(Value::is_null) {
                let why = "required when strategy is set to Webhook";
                found.push(FieldError::required(path.field("webhookClientConfig"), why));
            }
            if webhook.is_none_or(|w| strings(w, "conversionReviewVersions").is_empty()) {
                found.push(FieldError::required(path.field("conversionReviewVersions"), ""));
            }
            ConversionStrategy::Webhook
        }
        "" => {
            found.push(FieldError::required(path.field("strategy"), ""));
            ConversionStrategy::None
        }
        other => {
            found.push(FieldError::not_supported(path.field("strategy"), other, &["None", "Webhook"]));
            ConversionStrategy::None
        }
    }
}

fn parse_versions(spec: &Map<String, Value>, path: &FieldPath, found: &mut Findings) -> Vec<CustomVersion> {
    let raw = spec.get("versions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let kind = spec.get("names").and_then(|n| n.get("kind")).and_then(Value::as_str).unwrap_or_default();
    let group = text(spec, "group");
    let versions: Vec<CustomVersion> = raw
        .iter()
        .enumerate()
        .map(|(index, version)| parse_version(version, &path.index(index), &format!("{group}/"), kind, found))
        .collect();
    let list = || Value::Array(versions.iter().map(|v| Value::from(v.name.as_str())).collect());
    if versions.iter().enumerate().any(|(i, v)| versions[..i].iter().any(|w| w.name == v.name)) {
        found.push(FieldError::invalid(path.clone(), list(), "must contain unique version names"));
    }
    if versions.iter().filter(|v| v.storage).count() != 1 {
        let why = "must have exactly one version marked as storage version";
        found.push(FieldError::invalid(path.clone(), list(), why));
    }
    versions
}

fn parse_version(raw: &Value, path: &FieldPath, group_slash: &str, kind: &str, found: &mut Findings) -> CustomVersion {
    let empty = Map::new();
    let node = raw.as_object().unwrap_or(&empty);
    let flag = |name: &str| node.get(name).and_then(Value::as_bool).unwrap_or(false);
    let name = text(node, "name").to_owned();
    if let Err(why) = check_dns_1035_label(&name) {
        found.push(FieldError::invalid(path.field("name"), name.as_str(), why));
    }
    for field in ["served", "storage"] {
        if !node.get(field).is_some_and(Value::is_boolean) {
            found.push(FieldError::required(path.field(field), ""));
        }
    }
    let at_schema = path.field("schema").field("openAPIV3Schema");
    let before = found.cel_rules.len();
    let schema = match raw.pointer("/schema/openAPIV3Schema") {
        Some(raw) if !raw.is_null() => parse::root(raw, &at_schema, found),
        _ => {
            found.push(FieldError::required(at_schema, ""));
            Arc::new(Schema::default())
        }
    };
    let cel_rules = found.cel_rules.split_off(before);
    let subresources = node.get("subresources").and_then(Value::as_object).unwrap_or(&empty);
    let scale = subresources
        .get("scale")
        .and_then(Value::as_object)
        .and_then(|scale| parse_scale(scale, &path.field("subresources").field("scale"), found));
    let warning = text(node, "deprecationWarning");
    let deprecation = flag("deprecated").then(|| {
        if warning.is_empty() { format!("{group_slash}{name} {kind} is deprecated") } else { warning.to_owned() }
    });
    CustomVersion {
        served: flag("served"),
        storage: flag("storage"),
        deprecation,
        status: subresources.get("status").is_some_and(Value::is_object),
        scale,
        columns: parse_columns(node, &path.field("additionalPrinterColumns"), found),
        selectable: parse_selectable(node, &schema, &path.field("selectableFields"), found),
        schema,
        cel_rules,
        name,
    }
}

/// The field names of a path in dot notation: `.spec.replicas`.
fn dotted(text: &str) -> Option<Vec<String>> {
    let rest = text.strip_prefix('.')?;
    let names: Vec<String> = rest.split('.').map(ToOwned::to_owned).collect();
    let plain = |name: &String| !name.is_empty() && !name.contains(['[', ']', '(', ')', '*', '?', '\'', '"']);
    names.iter().all(plain).then_some(names)
}

fn parse_scale(raw: &Map<String, Value>, path: &FieldPath, found: &mut Findings) -> Option<ScaleFields> {
    let mut under = |field: &str, roots: &[&str], words: &str, optional: bool| -> Option<Vec<String>> {
        let given = text(raw, field);
        let place = path.field(field);
        if given.is_empty() {
            if !optional {
                found.push(FieldError::required(place, ""));
            }
            return None;
        }
        let names = dotted(given);
        if names.is_none() {
            let why = if given.starts_with('.') {
                "must be a json path in the dot notation"
            } else {
                "must be a simple json path starting with ."
            };
            found.push(FieldError::invalid(place.clone(), given, why));
        }
        let names = names?;
        if names.len() < 2 || !roots.contains(&names[0].as_str()) {
            found.push(FieldError::invalid(place, given, format!("should be a json path under {words}")));
            return None;
        }
        Some(names)
    };
    let spec_replicas = under("specReplicasPath", &["spec"], ".spec", false);
    let status_replicas = under("statusReplicasPath", &["status"], ".status", false);
    let label_selector = under("labelSelectorPath", &["spec", "status"], "either .spec or .status", true);
    Some(ScaleFields { spec_replicas: spec_replicas?, status_replicas: status_replicas?, label_selector })
}

fn parse_columns(node: &Map<String, Value>, path: &FieldPath, found: &mut Findings) -> Vec<Column> {
    let raw = node.get("additionalPrinterColumns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let empty = Map::new();
    let mut columns = Vec::with_capacity(raw.len());
    for (index, entry) in raw.iter().enumerate() {
        let entry = entry.as_object().unwrap_or(&empty);
        let place = path.index(index);
        let column = Column {
            name: text(entry, "name").to_owned(),
            ty: text(entry, "type").to_owned(),
            format: text(entry, "format").to_owned(),
            description: text(entry, "description").to_owned(),
            priority: entry.get("priority").and_then(Value::as_i64).unwrap_or(0),
            json_path: text(entry, "jsonPath").to_owned(),
        };
        if column.name.is_empty() {
            found.push(FieldError::required(place.field("name"), ""));
        }
        let must = format!("must be one of {COLUMN_TYPES}");
        if column.ty.is_empty() {
            found.push(FieldError::required(place.field("type"), must));
        } else if !COLUMN_TYPES.split(',').any(|t| t == column.ty) {
            found.push(FieldError::invalid(place.field("type"), column.ty.as_str(), must));
        }
        if !column.format.is_empty() && !COLUMN_FORMATS.split(',').any(|f| f == column.format) {
            let must = format!("must be one of {COLUMN_FORMATS}");
            found.push(FieldError::invalid(place.field("format"), column.format.as_str(), must));
        }
        if column.json_path.is_empty() {
            found.push(FieldError::required(place.field("jsonPath"), ""));
        } else if !column.json_path.starts_with('.') {
            let why = "must be a simple json path starting with .";
            found.push(FieldError::invalid(place.field("jsonPath"), column.json_path.as_str(), why));
        }
        columns.push(column);
    }
    columns
}

fn parse_selectable(node: &Map<String, Value>, schema: &Schema, path: &FieldPath, found: &mut Findings) -> Vec<String> {
    let raw = node.get("selectableFields").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut fields: Vec<String> = Vec::with_capacity(raw.len());
    for (index, entry) in raw.iter().enumerate() {
        let place = path.index(index).field("jsonPath");
        let given = entry.get("jsonPath").and_then(Value::as_str).unwrap_or_default();
        if given.is_empty() {
            found.push(FieldError::required(place, ""));
            continue;
        }
        let Some(names) = dotted(given) else {
            found.push(FieldError::invalid(place, given, "is an invalid path"));
            continue;
        };
        if names[0] == "metadata" {
            found.push(FieldError::invalid(place, given, "must not point to fields in metadata"));
            continue;
        }
        let target = names.iter().try_fold(schema, |at, name| at.field(name));
        if !target.is_some_and(|t| matches!(t.ty, Type::String | Type::Boolean | Type::Integer)) {
            let why = "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.";
            found.push(FieldError::invalid(place, given, why));
            continue;
        }
        let key = names.join(".");
        if fields.contains(&key) {
            found.push(FieldError::duplicate(place, given));
            continue;
        }
        fields.push(key);
    }
    if fields.len() > SELECTABLE_MAX {
        let detail = format!("must have at most {SELECTABLE_MAX} items");
        let kind = model::FieldErrorKind::TooMany;
        found.push(FieldError { path: path.clone(), kind, value: Some(fields.len().into()), detail });
    }
    fields
}

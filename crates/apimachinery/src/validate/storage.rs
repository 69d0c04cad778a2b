//! Claims of volumes.

use model::name::check_dns_subdomain;
use model::{FieldError, object};
use serde_json::{Map, Value};

use super::collect::{At, FieldErrors, get, list, text};
use super::pod::quantity;

const MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

pub(super) fn claim(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    let at = At::from("spec");
    let empty = Value::Object(Map::new());
    let spec = new.get("spec").unwrap_or(&empty);
    let modes = list(spec, "accessModes");
    if modes.is_empty() {
        found.required(at.field("accessModes"), "at least 1 access mode is required");
    }
    for mode in modes.iter().filter_map(Value::as_str).filter(|mode| !MODES.contains(mode)) {
        found.push(FieldError::not_supported(at.field("accessModes").path(), mode, &MODES));
    }
    if modes.len() > 1 && modes.iter().any(|m| m == "ReadWriteOncePod") {
        found.forbidden(at.field("accessModes"), "may not use ReadWriteOncePod with other access modes");
    }
    let place = at.field("resources").key("storage");
    match get(spec, "resources.requests.storage") {
        None => found.required(place, ""),
        Some(size) => match quantity(size) {
            Err(why) => found.invalid(place, size.clone(), why),
            Ok(amount) if amount.milli() <= 0 => found.invalid(place, size.clone(), "must be greater than zero"),
            Ok(_) => {}
        },
    }
    let class = text(spec, "storageClassName");
    if !class.is_empty() {
        found.rule(at.field("storageClassName"), class, check_dns_subdomain);
    }
    found.one_of(spec, "volumeMode", &at, &["Block", "Filesystem"]);
    let Some(old) = old else { return };
    let amount = |claim: &Value, path: &str| get(claim, path).and_then(|size| quantity(size).ok());
    let (now, before) = (amount(new, REQUEST), amount(old, REQUEST));
    if fixed_part(new, old) != fixed_part(old, new) {
        let why =
            "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims";
        found.forbidden(at, why);
    } else if now < before && now <= amount(old, "status.capacity.storage") {
        found.forbidden(REQUEST.into(), "field can not be less than status.capacity");
    }
}

const REQUEST: &str = "spec.resources.requests.storage";

/// A claim's spec without what may change: what binding it to a volume fills in, and, once it is bound, its size.
fn fixed_part(claim: &Value, other: &Value) -> Value {
    let mut spec = claim.get("spec").cloned().unwrap_or_default();
    if [claim, other].iter().any(|c| text(c, "status.phase") == "Bound") {
        object::remove(&mut spec, &["resources", "requests"]);
        object::remove(&mut spec, &["volumeAttributesClassName"]);
    }
    for field in ["volumeName", "storageClassName"] {
        if get(&spec, field).is_none() || get(other, &format!("spec.{field}")).is_none() {
            object::remove(&mut spec, &[field]);
        }
    }
    spec
}

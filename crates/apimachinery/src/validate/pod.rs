//! Pods and the templates of pods.

use std::collections::{BTreeMap, HashSet};

use model::name::{check_dns_label, check_dns_subdomain};
use model::{Quantity, object};
use serde_json::{Map, Value};

use super::collect::{At, FieldErrors, check_port_name, get, list, text};

/// Fields of a volume that are not its source.
const NOT_A_SOURCE: &str = "name";

/// What an update of a pod may change, in upstream's words.
const MUTABLE: &str = "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)";

pub(super) fn pod(new: &Value, old: Option<&Value>, found: &mut FieldErrors) {
    let empty = Value::Object(Map::new());
    let at = At::from("spec");
    spec(new.get("spec").unwrap_or(&empty), HashSet::new(), &at, found);
    if let Some(old) = old
        && fixed_part(new, old) != fixed_part(old, new)
    {
        found.forbidden(at, MUTABLE);
    }
}

/// A pod's spec without what may change. A pod gets its node by a binding, which is an update here.
fn fixed_part(pod: &Value, other: &Value) -> Value {
    let mut spec = pod.get("spec").cloned().unwrap_or_default();
    for containers in ["containers", "initContainers"] {
        if let Some(Value::Array(containers)) = spec.get_mut(containers) {
            for container in containers {
                object::remove(container, &["image"]);
            }
        }
    }
    for field in [
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "schedulingGates",
        "ephemeralContainers",
    ] {
        object::remove(&mut spec, &[field]);
    }
    let unbound = |pod: &Value| text(pod, "spec.nodeName").is_empty();
    if unbound(pod) || unbound(other) {
        object::remove(&mut spec, &["nodeName"]);
    }
    spec
}

/// `spec.template` of a workload: labels, annotations and the pod's spec.
pub(super) fn template(template: Option<&Value>, at: &At, found: &mut FieldErrors) {
    template_with(template, &[], at, found);
}

/// As [`template`], for pods that get a volume of the same name for each of these claims.
pub(super) fn template_with(template: Option<&Value>, claims: &[Value], at: &At, found: &mut FieldErrors) {
    let empty = Value::Object(Map::new());
    let template = template.unwrap_or(&empty);
    found.labels(get(template, "metadata.labels"), &at.field("labels"));
    let claims = claims.iter().map(|claim| text(claim, "metadata.name")).collect();
    spec(template.get("spec").unwrap_or(&empty), claims, &at.field("spec"), found);
    if !list(template, "spec.ephemeralContainers").is_empty() {
        let why = "ephemeral containers not allowed in pod template";
        found.forbidden(at.field("spec.ephemeralContainers"), why);
    }
}

fn spec(spec: &Value, claims: HashSet<&str>, at: &At, found: &mut FieldErrors) {
    let mut volumes = volumes(spec, at, found);
    // A claim wins over a volume of the pod with its name.
    volumes.extend(claims);
    let mut names = HashSet::new();
    let containers = list(spec, "containers");
    if containers.is_empty() {
        found.required(at.field("containers"), "");
    }
    for field in ["containers", "initContainers"] {
        for (index, one) in list(spec, field).iter().enumerate() {
            container(one, &volumes, &at.field(field).index(index), &mut names, found);
        }
    }
    found.one_of(spec, "restartPolicy", at, &["Always", "OnFailure", "Never"]);
    found.one_of(spec, "dnsPolicy", at, &["ClusterFirstWithHostNet", "ClusterFirst", "Default", "None"]);
    found.non_negative(spec, "terminationGracePeriodSeconds", at);
    if let Some(seconds) = get(spec, "activeDeadlineSeconds").and_then(Value::as_i64)
        && !(1..=i64::from(i32::MAX)).contains(&seconds)
    {
        found.invalid(at.field("activeDeadlineSeconds"), seconds, "must be between 1 and 2147483647, inclusive");
    }
    for field in ["nodeName", "serviceAccountName", "priorityClassName", "runtimeClassName"] {
        let name = text(spec, field);
        if !name.is_empty() {
            found.rule(at.field(field), name, check_dns_subdomain);
        }
    }
    for field in ["hostname", "subdomain"] {
        let name = text(spec, field);
        if !name.is_empty() {
            found.rule(at.field(field), name, check_dns_label);
        }
    }
    found.labels(get(spec, "nodeSelector"), &at.field("nodeSelector"));
}

/// The names of the volumes.
fn volumes<'a>(spec: &'a Value, at: &At, found: &mut FieldErrors) -> HashSet<&'a str> {
    let mut names = HashSet::new();
    for (index, volume) in list(spec, "volumes").iter().enumerate() {
        let place = at.field("volumes").index(index);
        let name = text(volume, "name");
        if name.is_empty() {
            found.required(place.field("name"), "");
        } else if let Err(why) = check_dns_label(name) {
            found.invalid(place.field("name"), name, why);
        } else {
            found.unique(place.field("name"), name, &mut names);
        }
        let Value::Object(map) = volume else { continue };
        // Without a source the default is an empty directory.
        let sources = map.iter().filter(|(key, value)| *key != NOT_A_SOURCE && !value.is_null()).skip(1);
        for (second, _) in sources {
            found.forbidden(place.field(second), "may not specify more than 1 volume type");
        }
    }
    names
}

fn container<'a>(
    container: &'a Value,
    volumes: &HashSet<&str>,
    at: &At,
    names: &mut HashSet<&'a str>,
    found: &mut FieldErrors,
) {
    let name = text(container, "name");
    if name.is_empty() {
        found.required(at.field("name"), "");
    } else if let Err(why) = check_dns_label(name) {
        found.invalid(at.field("name"), name, why);
    } else {
        found.unique(at.field("name"), name, names);
    }
    let image = text(container, "image");
    if image.is_empty() {
        found.required(at.field("image"), "");
    } else if image.trim() != image {
        found.invalid(at.field("image"), image, "must not have leading or trailing whitespace");
    }
    found.one_of(container, "imagePullPolicy", at, &["Always", "IfNotPresent", "Never"]);
    found.one_of(container, "terminationMessagePolicy", at, &["FallbackToLogsOnError", "File"]);
    ports(container, at, found);
    environment(container, at, found);
    mounts(container, volumes, at, found);
    if let Some(needs) = get(container, "resources") {
        resources(needs, &at.field("resources"), found);
    }
}

fn ports(container: &Value, at: &At, found: &mut FieldErrors) {
    let mut names = HashSet::new();
    for (index, port) in list(container, "ports").iter().enumerate() {
        let place = at.field("ports").index(index);
        let name = text(port, "name");
        if !name.is_empty() {
            match check_port_name(name) {
                Err(why) => found.invalid(place.field("name"), name, why),
                Ok(()) => found.unique(place.field("name"), name, &mut names),
            }
        }
        match get(port, "containerPort").and_then(Value::as_i64) {
            None | Some(0) => found.required(place.field("containerPort"), ""),
            Some(number) => found.port(place.field("containerPort"), number),
        }
        if let Some(number) = get(port, "hostPort").and_then(Value::as_i64).filter(|n| *n != 0) {
            found.port(place.field("hostPort"), number);
        }
        found.one_of(port, "protocol", &place, &["SCTP", "TCP", "UDP"]);
    }
}

fn environment(container: &Value, at: &At, found: &mut FieldErrors) {
    for (index, variable) in list(container, "env").iter().enumerate() {
        let place = at.field("env").index(index);
        let name = text(variable, "name");
        if name.is_empty() {
            found.required(place.field("name"), "");
        } else if !name.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
            let why =
                "a valid environment variable name must consist only of printable ASCII characters other than '='";
            found.invalid(place.field("name"), name, why);
        }
        let Some(Value::Object(from)) = get(variable, "valueFrom") else { continue };
        let place = place.field("valueFrom");
        if !text(variable, "value").is_empty() {
            found.invalid(place.clone(), "", "may not be specified when `value` is not empty");
        } else if from.is_empty() {
            found.invalid(
                place.clone(),
                "",
                "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
            );
        } else if from.len() > 1 {
            found.invalid(place.clone(), "", "may not have more than one field specified at a time");
        }
        for (source, field) in [
            ("fieldRef", "fieldPath"),
            ("resourceFieldRef", "resource"),
            ("configMapKeyRef", "key"),
            ("secretKeyRef", "key"),
        ] {
            if from.get(source).is_some_and(|source| text(source, field).is_empty()) {
                found.required(place.field(source).field(field), "");
            }
        }
    }
}

fn mounts(container: &Value, volumes: &HashSet<&str>, at: &At, found: &mut FieldErrors) {
    let mut paths = HashSet::new();
    for (index, mount) in list(container, "volumeMounts").iter().enumerate() {
        let place = at.field("volumeMounts").index(index);
        let (name, path) = (text(mount, "name"), text(mount, "mountPath"));
        if name.is_empty() {
            found.required(place.field("name"), "");
        } else if !volumes.contains(name) {
            found.not_found(place.field("name"), name);
        }
        if path.is_empty() {
            found.required(place.field("mountPath"), "");
        } else if !paths.insert(path) {
            found.invalid(place.field("mountPath"), path, "must be unique");
        }
        if !text(mount, "subPath").is_empty() && !text(mount, "subPathExpr").is_empty() {
            let why = "subPathExpr and subPath are mutually exclusive";
            found.invalid(place.field("subPathExpr"), text(mount, "subPathExpr"), why);
        }
    }
}

/// A quantity, which may be written as a number.
pub(super) fn quantity(value: &Value) -> Result<Quantity, String> {
    let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
    let why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    text.parse().map_err(|_| why.to_owned())
}

/// Limits and requests: sound quantities, and no request above its limit.
fn resources(needs: &Value, at: &At, found: &mut FieldErrors) {
    let mut limits: BTreeMap<&str, Quantity> = BTreeMap::new();
    for field in ["limits", "requests"] {
        let Some(Value::Object(map)) = get(needs, field) else { continue };
        for (name, value) in map {
            let place = at.field(field).key(name);
            let amount = match quantity(value) {
                Err(why) => {
                    found.invalid(place, value.clone(), why);
                    continue;
                }
                Ok(amount) => amount,
            };
            if amount.milli() < 0 {
                found.invalid(place, value.clone(), "must be greater than or equal to 0");
            } else if field == "limits" {
                limits.insert(name, amount);
            } else if let Some(limit) = limits.get(name.as_str()).filter(|limit| amount > **limit) {
                let why = format!("must be less than or equal to {name} limit of {limit}");
                found.invalid(at.field("requests"), amount.to_string(), why);
            }
        }
    }
}

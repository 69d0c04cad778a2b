//! Pods, containers, probes, and the volumes of pods (`pkg/apis/core/v1/defaults.go`).

use serde_json::{Value, json};

use super::field::{Fields, filled, inside, items, set, set_number, text};

/// Mode of files that volumes make, 0644.
const FILE_MODE: i32 = 0o644;

/// Fields of `core.v1.Volume` that are not sources of a volume.
const VOLUME_OWN: [&str; 1] = ["name"];

pub(super) fn rule(name: &str, map: &mut Fields) {
    match name {
        "Pod" => pod(map),
        "PodSpec" => {
            // The old name of the field stays in step with the new one, which wins.
            if !filled(map, "serviceAccountName") && filled(map, "serviceAccount") {
                let account = map["serviceAccount"].clone();
                map.insert("serviceAccountName".to_owned(), account);
            }
            if filled(map, "serviceAccountName") {
                let account = map["serviceAccountName"].clone();
                map.insert("serviceAccount".to_owned(), account);
            }
            set(map, "dnsPolicy", "ClusterFirst");
            set(map, "restartPolicy", "Always");
            set(map, "securityContext", json!({}));
            set(map, "terminationGracePeriodSeconds", 30);
            set(map, "schedulerName", "default-scheduler");
        }
        "PodStatus" => pod_status(map),
        "Container" | "EphemeralContainerCommon" => {
            let policy = if tag_is_latest(text(map, "image")) { "Always" } else { "IfNotPresent" };
            set(map, "imagePullPolicy", policy);
            set(map, "terminationMessagePath", "/dev/termination-log");
            set(map, "terminationMessagePolicy", "File");
        }
        "Probe" => {
            set_number(map, "timeoutSeconds", 1);
            set_number(map, "periodSeconds", 10);
            set_number(map, "successThreshold", 1);
            set_number(map, "failureThreshold", 3);
        }
        "HTTPGetAction" => {
            set(map, "path", "/");
            set(map, "scheme", "HTTP");
        }
        "ObjectFieldSelector" => set(map, "apiVersion", "v1"),
        "Volume" => volume(map),
        "SecretVolumeSource" | "ConfigMapVolumeSource" | "DownwardAPIVolumeSource" | "ProjectedVolumeSource" => {
            set(map, "defaultMode", FILE_MODE);
        }
        "ServiceAccountTokenProjection" => set(map, "expirationSeconds", 3600),
        "HostPathVolumeSource" => set(map, "type", ""),
        _ => {}
    }
}

/// What holds for a Pod and not for a template.
fn pod(map: &mut Fields) {
    let Some(spec) = inside(map, "spec") else { return };
    if spec.get("terminationGracePeriodSeconds").and_then(Value::as_i64).is_some_and(|seconds| seconds < 0) {
        spec.insert("terminationGracePeriodSeconds".to_owned(), 1.into());
    }
    set(spec, "enableServiceLinks", true);
    let host_network = spec.get("hostNetwork") == Some(&true.into());
    for list in ["containers", "initContainers"] {
        for container in items(spec, list) {
            requests(container);
            for port in items(container, "ports").filter(|_| host_network) {
                if let Some(number) = port.get("containerPort").cloned() {
                    set(port, "hostPort", number);
                }
            }
        }
    }
}

/// A limit without a request is the request.
fn requests(container: &mut Fields) {
    let Some(resources) = container.get_mut("resources").and_then(Value::as_object_mut) else { return };
    let Some(limits) = resources.get("limits").and_then(Value::as_object).filter(|l| !l.is_empty()).cloned() else {
        return;
    };
    if let Some(requests) = inside(resources, "requests") {
        for (name, limit) in limits {
            requests.entry(name).or_insert(limit);
        }
    }
}

/// `podIP` and `podIPs` say the same; the single one wins.
fn pod_status(map: &mut Fields) {
    let first = map.get("podIPs").and_then(|ips| ips.get(0)).and_then(|ip| ip.get("ip")).cloned();
    match (filled(map, "podIP"), first) {
        (false, Some(ip)) => {
            map.insert("podIP".to_owned(), ip);
        }
        (true, first) if first.as_ref() != map.get("podIP") => {
            let ips = json!([{"ip": map["podIP"]}]);
            map.insert("podIPs".to_owned(), ips);
        }
        _ => {}
    }
}

fn volume(map: &mut Fields) {
    if map.keys().all(|key| VOLUME_OWN.contains(&key.as_str())) {
        map.insert("emptyDir".to_owned(), json!({}));
    }
    if let Some(image) = map.get_mut("image").and_then(Value::as_object_mut) {
        let policy = if tag_is_latest(text(image, "reference")) { "Always" } else { "IfNotPresent" };
        set(image, "pullPolicy", policy);
    }
}

/// Does the image name end in `:latest`, or in neither a tag nor a digest? What is no image name does not.
fn tag_is_latest(image: &str) -> bool {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let (directory, last) = name.rsplit_once('/').unwrap_or(("", name));
    let (last, tag) = last.split_once(':').map_or((last, None), |(last, tag)| (last, Some(tag)));
    let legal = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_ascii_uppercase() || c.is_whitespace());
    // Before the first slash there may be a host, which may have upper case.
    let path = directory.split_once('/').map_or("", |(_, path)| path);
    legal(last) && (path.is_empty() || legal(path)) && tag.map_or(!digest, |tag| tag == "latest")
}

#[cfg(test)]
#[test]
fn the_latest_tag_is_told_from_ports_and_digests() {
    for (image, latest) in [
        ("nginx", true),
        ("nginx:latest", true),
        ("nginx:1.27", false),
        ("reg.example:5000/nginx", true),
        ("reg.example:5000/a/nginx:1", false),
        ("nginx@sha256:0123", false),
        ("nginx:latest@sha256:0123", true),
        ("", false),
        ("Nginx", false),
        ("Host.example/nginx", true),
    ] {
        assert_eq!(tag_is_latest(image), latest, "{image}");
    }
}

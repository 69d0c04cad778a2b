//! StatefulSets and the templates that they had.

use serde_json::{Value, json};

use crate::lab::{Lab, PODS, deployment};

const SETS: &str = "/apis/apps/v1/namespaces/default/statefulsets";

fn images(list: &Value) -> Vec<&str> {
    let pods = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    pods.iter().filter_map(|pod| pod["spec"]["containers"][0]["image"].as_str()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_partition_keeps_the_old_template_also_for_pods_that_come_back() {
    let lab = Lab::start().await;
    let mut set = deployment("db", 3, "a:1");
    set["kind"] = json!("StatefulSet");
    set["spec"]["serviceName"] = json!("db");
    set["spec"]["updateStrategy"] = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 3}});
    lab.create(SETS, set).await;
    let path = format!("{SETS}/db");
    let first = lab.until(&path, |set| set["status"]["readyReplicas"] == 3).await;
    let mut template = first["spec"]["template"].clone();
    template["spec"]["containers"][0]["image"] = json!("a:2");
    lab.api.merge(&path, &json!({"spec": {"template": template}})).await.unwrap();
    let differs = |set: &Value| set["status"]["updateRevision"] != set["status"]["currentRevision"];
    lab.until(&path, differs).await;
    assert_eq!(images(&lab.get(PODS).await), ["a:1", "a:1", "a:1"]);
    let partition = async |n: i64| {
        let patch = json!({"spec": {"updateStrategy": {"rollingUpdate": {"partition": n}}}});
        lab.api.merge(&path, &patch).await.unwrap();
    };
    partition(2).await;
    lab.until(PODS, |list| images(list) == ["a:1", "a:1", "a:2"]).await;
    lab.until(&path, |set| set["status"]["readyReplicas"] == 3 && set["status"]["updatedReplicas"] == 1).await;
    for lost in ["db-0", "db-2"] {
        let pod = format!("{PODS}/{lost}");
        let uid = lab.get(&pod).await["metadata"]["uid"].clone();
        lab.api.delete(&pod, &json!({})).await.unwrap();
        lab.until(&pod, |pod| pod["metadata"]["uid"].is_string() && pod["metadata"]["uid"] != uid).await;
    }
    lab.until(&path, |set| set["status"]["readyReplicas"] == 3).await;
    assert_eq!(images(&lab.get(PODS).await), ["a:1", "a:1", "a:2"]);
    partition(0).await;
    lab.until(PODS, |list| images(list) == ["a:2", "a:2", "a:2"]).await;
    lab.until(&path, |set| !differs(set) && set["status"]["updatedReplicas"] == 3).await;
    let revisions = lab.items("/apis/apps/v1/namespaces/default/controllerrevisions").await;
    assert_eq!(revisions.iter().map(|r| r["revision"].as_i64()).collect::<Vec<_>>().len(), 2);
    lab.until_settled(std::time::Duration::from_secs(120)).await;
}

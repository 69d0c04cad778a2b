//! What is desired arrives, once.

use std::sync::Arc;
use std::time::Duration;

use api::delivery::{Health, UnitPhase, WaitingCause, label};
use api::feed::SyncState;
use model::ObjectKey;
use serde_json::json;
use tokio::time::Instant;

use crate::world::{World, config_map, config_map_path, config_maps, deployment, deployment_path, detail, waiting};

#[tokio::test(start_paused = true)]
async fn a_unit_arrives_with_its_labels_and_its_inventory() {
    let mut world = World::new().await;
    let unit = world.set("shop", 1, vec![config_map("c", "1"), deployment("web", 2, "nginx")]);
    let report = world.applied(&unit).await;
    assert_eq!((report.objects.desired, report.objects.applied, report.objects.inventory), (2, 2, 2));
    let live = world.get(&deployment_path("web")).await.unwrap();
    assert_eq!(model::object::label(&live, label::HUB), Some(world.hub.as_str()));
    let inventory = world.inventories().await;
    assert_eq!(inventory.len(), 1);
    let secret = world.get(&format!("/api/v1/namespaces/kurator-system/secrets/{}", inventory[0])).await.unwrap();
    assert_eq!(model::object::label(&secret, label::APPLYSET_ID), model::object::label(&live, label::APPLYSET_PART_OF));
    assert_eq!(model::object::annotation(&secret, label::APPLYSET_GROUP_KINDS), Some("ConfigMap,Deployment.apps"));
    // Nothing runs deployments here: not healthy, and not called so.
    assert_eq!(detail(&report, "web").health, Health::Progressing);
    assert_eq!(detail(&report, "c").health, Health::Healthy);
    assert!(detail(&report, "web").changed_by_admission.is_empty(), "{:?}", detail(&report, "web"));
}

#[tokio::test(start_paused = true)]
async fn a_settled_member_gets_no_mutation_nor_after_a_restart() {
    let mut world = World::new().await;
    let a = world.set("a", 1, vec![config_map("c", "1"), deployment("web", 2, "nginx")]);
    let b = world.set("b", 1, config_maps(30));
    world.applied(&a).await;
    world.applied(&b).await;
    let before = world.quiet().await;
    world.publish();
    // Somebody's label on our object is none of our business.
    world.edit(&config_map_path("c"), "kubectl", json!({"metadata": {"labels": {"team": "x"}}})).await;
    assert_eq!(world.quiet().await, before + 1);
    world.restart();
    world.applied(&a).await;
    world.applied(&b).await;
    assert_eq!(world.quiet().await, before + 1);
    // The same objects under a new revision.
    world.change(&a, |entry| entry.revision = "other".into());
    world.until(&a, "reported under the new revision", |r| r.revision == "other").await;
    assert_eq!(world.quiet().await, before + 1);
}

#[tokio::test(start_paused = true)]
async fn a_change_sends_only_what_changed() {
    let mut world = World::new().await;
    let mut objects = config_maps(20);
    let unit = world.set("a", 1, objects.clone());
    world.applied(&unit).await;
    let before = world.quiet().await;
    objects[3] = config_map("c003", "2");
    world.set("a", 2, objects);
    world.applied(&unit).await;
    assert_eq!(world.config_map("c003").await.unwrap()["data"]["a"], "2");
    // The object, and nothing else.
    assert_eq!(world.quiet().await, before + 1);
}

#[tokio::test(start_paused = true)]
async fn namespaces_and_definitions_come_first() {
    let mut world = World::new().await;
    let crd = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"},
        "spec": {"group": "example.com", "scope": "Namespaced", "names": {"kind": "Thing", "plural": "things"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": {"type": "object",
                "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}}}]}});
    let thing = json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t", "namespace": "new"}, "spec": {"size": 1}});
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "new"}});
    let unit = world.set("a", 1, vec![thing, crd, namespace]);
    world.applied(&unit).await;
    assert!(world.get("/apis/example.com/v1/namespaces/new/things/t").await.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_bad_object_stops_only_itself() {
    let mut world = World::new().await;
    let mut refused = config_map("refused", "1");
    refused["data"]["refuse"] = json!("please");
    let unknown =
        json!({"apiVersion": "nowhere.io/v1", "kind": "Nothing", "metadata": {"name": "n", "namespace": "shop"}});
    let mut homeless = config_map("homeless", "1");
    homeless["metadata"]["namespace"] = json!("missing");
    let mut invalid = deployment("invalid", 1, "nginx");
    invalid["spec"]["selector"]["matchLabels"]["app"] = json!("other");
    let misplaced =
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "placed", "namespace": "shop"}});
    let good = config_map("good", "1");
    let unit = world.set("a", 1, vec![refused, unknown, homeless, invalid, misplaced, good.clone()]);
    let other = world.set("b", 1, vec![config_map("fine", "1")]);
    let report = world.until(&unit, "failed", |r| r.phase == UnitPhase::Failed && r.objects.failed == 4).await;
    world.applied(&other).await;
    assert_eq!(detail(&report, "good").sync, SyncState::Synced);
    let reason = |name: &str| (detail(&report, name).reason.clone(), detail(&report, name).message.clone());
    assert_eq!(reason("refused").0, "Forbidden");
    assert!(reason("refused").1.contains("refused by policy"), "{:?}", reason("refused"));
    assert_eq!(reason("n").0, "NoKind");
    assert_eq!(reason("homeless").0, "NotFound");
    assert_eq!(reason("invalid").0, "Invalid");
    let refusals: Vec<_> = waiting(&report).into_iter().map(|(cause, _, _, detail)| (cause, detail)).collect();
    let refused = |why| (WaitingCause::Refused, why);
    assert_eq!(refusals, ["Forbidden", "Invalid", "NoKind", "NotFound"].map(refused));
    // Corrected, it arrives at once: no back-off of the old one holds it up.
    world.set("a", 2, vec![config_map("refused", "1"), good]);
    let unit_failed_no_more =
        world.until(&unit, "corrected", |r| r.objects.failed == 0 && r.objects.applied == 2).await;
    assert_eq!(unit_failed_no_more.epoch, 2);
}

#[tokio::test(start_paused = true)]
async fn what_admission_changed_is_reported_and_left_alone() {
    let mut world = World::new().await;
    let mut object = config_map("c", "1");
    object["data"]["meddle"] = json!("please");
    let unit = world.set("a", 1, vec![object]);
    let report = world.applied(&unit).await;
    assert_eq!(detail(&report, "c").changed_by_admission, ["data.meddle"]);
    let before = world.quiet().await;
    world.restart();
    let report = world.applied(&unit).await;
    assert_eq!(detail(&report, "c").changed_by_admission, ["data.meddle"]);
    assert_eq!(world.quiet().await, before);
}

#[tokio::test(start_paused = true)]
async fn immutable_fields_are_reported_and_made_anew_only_with_force() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![deployment("web", 1, "nginx")]);
    world.applied(&unit).await;
    let old = world.get(&deployment_path("web")).await.unwrap();
    let mut changed = deployment("web", 1, "nginx");
    changed["spec"]["selector"]["matchLabels"] = json!({"app": "web", "tier": "x"});
    changed["spec"]["template"]["metadata"]["labels"] = json!({"app": "web", "tier": "x"});
    world.set("a", 2, vec![changed.clone()]);
    let report = world.until(&unit, "refused", |r| r.phase == UnitPhase::Failed).await;
    assert_eq!(detail(&report, "web").reason, "Immutable");
    assert!(detail(&report, "web").message.contains("force: true"), "{}", detail(&report, "web").message);
    world.set_with("a", 3, vec![changed], |entry| entry.force = true);
    world.applied(&unit).await;
    let new = world.get(&deployment_path("web")).await.unwrap();
    assert_ne!(model::object::uid(&new), model::object::uid(&old));
    // Who looks later is told, once.
    world.quiet().await;
    let renewed: Vec<_> = world.renewed().into_iter().map(|said| (said.member, said.unit, said.objects)).collect();
    let web =
        ObjectKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: "web".into() };
    assert_eq!(renewed, [(world.member.clone(), unit, vec![Arc::new(web.into())])]);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_unit_is_observed_and_not_written() {
    let mut world = World::new().await;
    let unit = world.set("a", 1, vec![config_map("c", "1")]);
    world.applied(&unit).await;
    world.change(&unit, |entry| entry.suspend = true);
    world.until(&unit, "suspended", |r| r.phase == UnitPhase::Suspended).await;
    let before = world.quiet().await;
    world.edit(&config_map_path("c"), "kubectl-edit", json!({"data": {"a": "2"}})).await;
    let report = world.until(&unit, "drifted", |r| r.last_drift.is_some()).await;
    assert_eq!(detail(&report, "c").sync, SyncState::Drifted);
    assert_eq!(waiting(&report), [(WaitingCause::Suspended, 1, "ConfigMap shop/c", "")]);
    let drift = report.last_drift.as_ref().unwrap();
    assert_eq!((drift.reverted, drift.fields[0].manager.as_deref()), (false, Some("kubectl-edit")));
    assert_eq!(world.quiet().await, before + 1);
    world.change(&unit, |entry| entry.suspend = false);
    world.applied(&unit).await;
    assert_eq!(world.config_map("c").await.unwrap()["data"]["a"], "1");
}

#[tokio::test(start_paused = true)]
async fn kinds_as_people_write_them_settle_and_are_not_called_changed() {
    let manifests = r#"
apiVersion: v1
kind: Secret
metadata: {name: s, namespace: shop, creationTimestamp: null}
type: Opaque
stringData: {password: hunter2}
data: {other: aGk=}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec:
  selector: {app: web}
  ports: [{port: 80, name: http, targetPort: http}, {port: 443, name: tls, protocol: TCP}]
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data, namespace: shop}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1024Mi}}}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  serviceName: db
  replicas: 1
  selector: {matchLabels: {app: db}}
  template:
    metadata: {labels: {app: db}}
    spec:
      containers:
        - name: db
          image: postgres
          env: [{name: A, value: "1"}, {name: B, valueFrom: {secretKeyRef: {name: s, key: password}}}]
          command: [postgres, -c, x=1]
          ports: [{containerPort: 5432, name: sql}]
          volumeMounts: [{name: data, mountPath: /var/lib}, {name: conf, mountPath: /etc/db, readOnly: true}]
          resources: {requests: {cpu: 0.5, memory: 1024Mi}, limits: {cpu: 1, memory: 2Gi}}
          livenessProbe: {tcpSocket: {port: sql}, periodSeconds: 10}
      volumes: [{name: conf, configMap: {name: c, defaultMode: 420}}, {name: data, emptyDir: {}}]
      tolerations: [{key: a, operator: Exists}]
      securityContext: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: []}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules: [{host: a.example.com, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: r, namespace: shop}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: r, namespace: shop}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}
subjects: [{kind: ServiceAccount, name: sa, namespace: shop}]
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: sa, namespace: shop}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: tick, namespace: shop}
spec:
  schedule: "*/5 * * * *"
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: t, image: busybox, args: ["true"]}]}}}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: StatefulSet, name: db}
  maxReplicas: 4
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: q, namespace: shop}
spec: {hard: {requests.cpu: 10, limits.memory: 4096Mi, pods: "20"}}
---
apiVersion: v1
kind: LimitRange
metadata: {name: l, namespace: shop}
spec: {limits: [{type: Container, default: {cpu: 0.5}}]}
"#;
    let objects = model::yaml::documents(manifests).unwrap();
    let count = u32::try_from(objects.len()).unwrap();
    let mut world = World::new().await;
    let unit = world.set("a", 1, objects);
    let report = world.until(&unit, "applied", |r| r.objects.applied == count).await;
    for detail in &report.details {
        assert_eq!((detail.changed_by_admission.len(), detail.reverts), (0, 0), "{detail:#?}");
    }
    let before = world.quiet().await;
    world.restart();
    world.applied(&unit).await;
    assert_eq!(world.quiet().await, before);
    assert_eq!(world.report(&unit).unwrap().reverted(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_wanted_while_it_leaves_is_made_as_soon_as_it_is_gone() {
    let mut world = World::new().await;
    // One with our labels that no inventory names, as after an inventory was lost.
    let mut leaving = config_map("c", "old");
    leaving["metadata"]["labels"] =
        json!({label::HUB: world.hub.as_str(), label::APPLYSET_PART_OF: "of-a-lost-inventory"});
    leaving["metadata"]["finalizers"] = json!(["example.com/slow"]);
    world.post("/api/v1/namespaces/shop/configmaps", leaving).await;
    world.delete(&config_map_path("c")).await;
    let unit = world.set("a", 1, vec![config_map("c", "1"), config_map("rest", "1")]);
    let report = world.until(&unit, "waiting", |r| !r.waiting.is_empty()).await;
    assert_eq!(waiting(&report), [(WaitingCause::BeingDeleted, 1, "ConfigMap shop/c", "")]);
    // By then it is tried every 15 seconds, the last time about 4 seconds ago.
    tokio::time::sleep(Duration::from_secs(305)).await;
    world.edit(&config_map_path("c"), "kubectl", json!({"metadata": {"finalizers": null}})).await;
    let gone = Instant::now();
    let report = world.applied(&unit).await;
    assert!(gone.elapsed() < Duration::from_secs(2), "{:?}", gone.elapsed());
    assert!(!detail(&report, "c").adopted, "it is another object");
}

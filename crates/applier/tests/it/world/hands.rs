//! Hands that reach into the member, as a person or another program does.

use super::*;

impl World {
    pub(crate) async fn send_request(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let bytes = body.map(|b| b.to_string().into_bytes()).unwrap_or_default();
        let request =
            Request::builder().method(method).uri(path).header("content-type", kind).header("user-agent", "kubectl/1");
        let request = request.body(Body::from(bytes)).unwrap();
        self.counts.count(&request);
        let answer = self.api.send(request).await.unwrap();
        let code = answer.status().as_u16();
        let bytes = answer.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Value> {
        let (code, body) = self.send_request("GET", path, "application/json", None).await;
        (code == 200).then_some(body)
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (code, answer) = self.send_request("POST", path, "application/json", Some(&body)).await;
        assert!(code < 300, "{answer}");
        answer
    }

    /// Somebody's merge patch.
    pub(crate) async fn edit(&self, path: &str, manager: &str, patch: Value) {
        let path = format!("{path}?fieldManager={manager}");
        let (code, answer) = self.send_request("PATCH", &path, "application/merge-patch+json", Some(&patch)).await;
        assert!(code < 300, "{answer}");
    }

    /// A change that a client makes by server-side apply under our own manager's name. Nothing tells it from ours.
    pub(crate) async fn forge(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.get(path).await.unwrap();
        for field in ["managedFields", "resourceVersion", "uid", "creationTimestamp"] {
            model::object::remove(&mut object, &["metadata", field]);
        }
        change(&mut object);
        let path = format!("{path}?fieldManager={}&force=true", label::FIELD_MANAGER);
        let (code, answer) = self.send_request("PATCH", &path, "application/apply-patch+yaml", Some(&object)).await;
        assert!(code < 300, "{answer}");
    }

    pub(crate) async fn delete(&self, path: &str) {
        let (code, answer) = self.send_request("DELETE", path, "application/json", None).await;
        assert!(code < 300, "{answer}");
    }

    pub(crate) async fn config_map(&self, name: &str) -> Option<Value> {
        self.get(&config_map_path(name)).await
    }

    /// The UID of the member's kube-system namespace.
    pub(crate) async fn identity(&self) -> String {
        let system = self.get("/api/v1/namespaces/kube-system").await.unwrap();
        model::object::uid(&system).unwrap().to_owned()
    }

    /// The member's inventories of this hub, by name.
    pub(crate) async fn inventories(&self) -> Vec<String> {
        let list = self.get("/api/v1/namespaces/kurator-system/secrets").await.unwrap_or_default();
        let items = list["items"].as_array().cloned().unwrap_or_default();
        items.iter().map(|s| s["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    /// What the inventories of this hub in the member say, put together.
    pub(crate) async fn recorded(&self) -> BTreeMap<ObjectKey, Entry> {
        let list = self.get("/api/v1/namespaces/kurator-system/secrets").await.unwrap_or_default();
        let (mut out, cluster) = (BTreeMap::new(), self.identity().await);
        let mut groups: BTreeMap<UnitId, BTreeMap<u32, Sealed>> = BTreeMap::new();
        for secret in list["items"].as_array().cloned().unwrap_or_default() {
            let data = |key: &str| STANDARD.decode(secret["data"][key].as_str().unwrap()).unwrap();
            let mut json = Vec::new();
            GzDecoder::new(data("inventory").as_slice()).read_to_end(&mut json).unwrap();
            let group = model::object::annotation(&secret, label::GROUP_ID).unwrap().parse().unwrap();
            let number = secret["metadata"]["name"].as_str().unwrap().rsplit('-').next().unwrap().parse().unwrap_or(0);
            let sealed = Sealed { json, authenticator: data("authenticator") };
            groups.entry(group).or_default().insert(number, sealed);
        }
        for (group, shards) in groups {
            let key = (self.push.key_of())(&cluster);
            let place = Place { hub: &self.hub, cluster: &cluster, group: &group, key: &key };
            // A process may die before the first shard names another one, never the other way round.
            let inventory = decode_own(&place, &shards).unwrap();
            out.extend(inventory.entries().iter().map(|(key, entry)| (ObjectKey::clone(key), entry.clone())));
        }
        out
    }

    /// Everything delivered must be recorded, at any moment.
    pub(crate) async fn check_recorded(&self, when: &str) {
        let recorded = self.recorded().await;
        let list = self.get("/api/v1/namespaces/shop/configmaps").await.unwrap();
        for object in list["items"].as_array().unwrap() {
            let name = model::object::name(object).unwrap().to_owned();
            let key = ObjectKey { kind: "ConfigMap".into(), namespace: "shop".into(), name, ..ObjectKey::default() };
            let delivered = model::object::label(object, label::HUB).is_some();
            assert!(!delivered || recorded.contains_key(&key), "{when}: {key} is delivered and not recorded");
        }
    }
}

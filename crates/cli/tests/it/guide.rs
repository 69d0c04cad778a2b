//! Every YAML example of the guides is applied to a hub, in order, and nothing in it is unknown or not honoured.

use std::sync::Arc;

use hub::{Hub, SystemClock};
use kube::Api;
use kube::api::{ApiResource, DynamicObject, Patch, PatchParams, ValidationDirective};
use kube::core::GroupVersionKind;
use model::GroupKind;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const ENGLISH: &str = include_str!("../../../../docs/guide.md");
const CHINESE: &str = include_str!("../../../../docs/zh/guide.md");

/// The texts of the blocks that begin with a fence and this mark.
fn blocks(guide: &str, mark: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut inside = false;
    for line in guide.lines() {
        if line == format!("```{mark}") {
            inside = true;
            out.push(String::new());
        } else if line == "```" {
            inside = false;
        } else if let (true, Some(block)) = (inside, out.last_mut()) {
            block.push_str(line);
            block.push('\n');
        }
    }
    out
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_examples_apply() {
    // A second call only finds it set.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let dir = TempDir::new().unwrap();
    let options = hub::Options {
        directory: dir.path().to_owned(),
        listen: ([127, 0, 0, 1], 0).into(),
        trust: client::Trust::default(),
    };
    let hub = Hub::start(options, Arc::new(SystemClock), CancellationToken::new()).await.unwrap();
    let params =
        PatchParams { field_validation: Some(ValidationDirective::Strict), ..PatchParams::apply("guide").force() };
    let mut kinds = Vec::new();
    for block in blocks(ENGLISH, "yaml test") {
        for object in model::yaml::documents(&block).unwrap() {
            let gvk = model::object::gvk(&object).unwrap();
            let (namespace, name) = (model::object::namespace(&object).unwrap(), model::object::name(&object).unwrap());
            let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(&gvk.group, &gvk.version, &gvk.kind));
            let api: Api<DynamicObject> = Api::namespaced_with(hub.client(), namespace, &resource);
            if let Err(error) = api.patch(name, &params, &Patch::Apply(&object)).await {
                panic!("{block}: {error}");
            }
            let unhonoured = admit::not_implemented(&GroupKind::new(&gvk.group, &gvk.kind), &object);
            assert!(unhonoured.is_empty(), "the guide shows what does not work yet: {unhonoured:?}");
            kinds.push(gvk.kind);
        }
    }
    assert_eq!(kinds, ["Secret", "AttachedCluster", "Fleet", "Application", "Secret"]);
    hub.stop().await;
}

#[test]
fn both_languages_show_the_same() {
    assert_eq!(blocks(ENGLISH, "yaml test"), blocks(CHINESE, "yaml test"));
    assert_eq!(blocks(ENGLISH, "sh"), blocks(CHINESE, "sh"));
    let headings =
        |guide: &str| guide.lines().filter(|l| l.starts_with('#')).map(|l| l.matches('#').count()).collect::<Vec<_>>();
    let depth = |guide| headings(guide).len();
    assert!(depth(ENGLISH) > 10 && depth(CHINESE) > 10);
}

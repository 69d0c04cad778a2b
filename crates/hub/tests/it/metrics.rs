//! What a scrape of a running hub shows.

use std::collections::BTreeSet;

use crate::stage::Stage;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_a_hub_is_whole_and_every_name_in_it_is_documented() {
    let stage = Stage::new(&["beijing"]).await;
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = stage.client().request_text(request).await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    for name in ["apiserver_request", "kurator_members", "kurator_held_deletions", "kurator_queue_depth"] {
        assert!(families.contains(name), "{name} is not in {families:?}");
    }
    for name in families {
        assert!(DOCUMENT.contains(&format!("| `{name}")), "docs/metrics.md does not explain {name}");
    }
    let controllers: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("kurator_queue_depth{"))
        .filter_map(|line| line.split("controller=\"").nth(1)?.split('"').next())
        .collect();
    for name in ["application", "delivery", "fleet", "member", "status"] {
        assert!(controllers.contains(name), "no queue of {name} in {controllers:?}");
    }
}

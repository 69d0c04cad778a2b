//! What a scrape of a running hub shows.

use std::collections::BTreeSet;

use crate::stage::Stage;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

/// Families that begin when something goes wrong; a test beside the hub's metrics sees them.
const OF_FAULTS: [&str; 2] = ["kurator_queue_retries", "kurator_reconcile_panics"];

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_a_hub_is_whole_and_has_exactly_the_names_of_the_document() {
    let stage = Stage::new(&["beijing"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = stage.client().request_text(request).await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let mut families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    families.extend(OF_FAULTS);
    let tables = DOCUMENT.split("\n## What to watch").next().unwrap_or_default();
    let documented: BTreeSet<&str> =
        tables.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(families, documented, "left: the scrape; right: docs/metrics.md");
    let controllers: BTreeSet<&str> = text
        .lines()
        .filter(|line| line.starts_with("kurator_queue_depth{"))
        .filter_map(|line| line.split("controller=\"").nth(1)?.split('"').next())
        .collect();
    for name in ["application", "delivery", "fleet", "member", "status"] {
        assert!(controllers.contains(name), "no queue of {name} in {controllers:?}");
    }
}

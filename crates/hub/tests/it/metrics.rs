//! What a scrape of a running hub shows.

use std::collections::BTreeSet;

use crate::stage::Stage;

const DOCUMENT: &str = include_str!("../../../../docs/metrics.md");

#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_of_a_hub_is_whole_and_has_exactly_the_names_of_the_document() {
    let stage = Stage::new(&["beijing"]).await;
    stage.apply(stage.application()).await.unwrap();
    stage.synced().await;
    let request = http::Request::get("/metrics").body(Vec::new()).unwrap();
    let text = stage.client().request_text(request).await.unwrap();
    assert!(text.ends_with("# EOF\n"), "{text}");
    let families: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
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
    // What an alert watches is there before it happens: a rate does not see what begins with 1.
    for sample in [
        "kurator_reconcile_panics_total{controller=\"application\"} 0",
        "kurator_reconcile_panics_total{controller=\"applier\"} 0",
        "kurator_reconcile_panics_total{controller=\"probe\"} 0",
        "kurator_queue_retries_total{controller=\"fleet\"} ",
        "kurator_members{ready=\"True\"} 1",
        "kurator_members{ready=\"False\"} 0",
        "kurator_members{ready=\"Unknown\"} 0",
        "kurator_units{phase=\"Failed\"} 0",
        "kurator_units{phase=\"DeletionsHeld\"} 0",
        "kurator_held_deletions 0",
        "kurator_held_removals 0",
    ] {
        assert!(text.lines().any(|line| line.starts_with(sample)), "no {sample} in {text}");
    }
}

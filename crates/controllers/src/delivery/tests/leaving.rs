//! What a unit had in a member that it leaves, for an applier that finds no inventory there.

use api::delivery::{Inputs, Revision, RevisionSpec};
use plan::authenticator::HubKey;

use super::*;

/// Stores a revision of the first unit, and says what it is rendered to.
async fn revision(ctx: &Ctx, epoch: u64) -> Digest {
    let short = unit(1).short(&ctx.hub);
    let metadata = serde_json::json!({"name": format!("c{epoch}"), "namespace": "shop"});
    let object = serde_json::json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata});
    let (inputs, _) = plan::unit::objects::pack(&[object], &short, &HubKey::from_random([1; 32])).unwrap();
    let spec = RevisionSpec {
        unit: unit(1),
        epoch,
        inputs: Inputs::Objects(inputs),
        overrides: BTreeMap::new(),
        answers: BTreeMap::new(),
        renderer: render::VERSION.into(),
        time: Still.now(),
    };
    let digest = ctx.renderings.summary(&spec, true).await.unwrap().digest;
    let mut revision = Revision::new(&format!("r{epoch}"), spec);
    revision.metadata.namespace = Some("default".into());
    revision.metadata.resource_version = Some((10 + epoch).to_string());
    ctx.revisions.learn(revision);
    digest
}

#[tokio::test]
async fn what_a_unit_had_that_leaves_is_the_payload_that_was_applied_last_until_a_report_tells_what_is_there() {
    // The report names the revision of that payload, or one that came later and was not applied in full.
    for said in ["r1", "r2"] {
        let (_cache, controllers) = idle();
        let ctx = context(&controllers.deps, controllers.feed.clone());
        ctx.clusters.learn(cluster(member(1), "1"));
        let (applied, decided) = (revision(&ctx, 1).await, revision(&ctx, 2).await);
        let mut decision = decision(1);
        let entry = decision.spec.members.get_mut(&member(1)).unwrap();
        (entry.revision, entry.digest) = ("r2".into(), Some(decided));
        ctx.decisions.learn(decision);
        let had = async || observe::observe(&ctx, &member(1)).await.bundles[&unit(1)].digest;
        let nothing = api::feed::Payload::default().digest();
        assert_eq!(had().await, nothing, "it never had anything there");
        let objects = UnitCounts { inventory: 1, ..UnitCounts::default() };
        let had_there = UnitStatus { applied: Some(applied), revision: said.into(), objects, ..status(false) };
        ctx.statuses.learn(stored(member(1), 1, BTreeMap::from([(unit(1), had_there)])));
        assert_eq!(had().await, applied, "{said}");
        let feed = ctx.feed.member(&member(1));
        for (phase, expect) in [
            // The member does not answer, or its objects cannot be read.
            (UnitPhase::Unknown, applied),
            (UnitPhase::Failed, applied),
            (UnitPhase::Pending, applied),
            (UnitPhase::Removing, nothing),
        ] {
            feed.report(FeedReport::Unit(Arc::new(report(phase, b"")))).await;
            assert_eq!(had().await, expect, "{said}: {phase}");
        }
    }
}

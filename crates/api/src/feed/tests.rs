use model::MemberName;

use super::*;
use crate::delivery::{HubId, Removal, UnitId};

fn hub() -> HubId {
    HubId::from_random([7; 10])
}

#[test]
fn a_snapshot_digest_ignores_the_order_in_which_units_came() {
    let entry = |name: &str| {
        let unit = UnitId::new("apps.kurator.dev", "Application", "default", name, None);
        UnitEntry {
            short: unit.short(&hub()),
            unit,
            revision: "r-1".into(),
            epoch: 1,
            placed: None,
            known_since: None,
            given_back: None,
            payload: Payload::default().digest(),
            prune: true,
            suspend: false,
            force: false,
            overwrite: false,
            approved: None,
            approved_shown: None,
            claimed: None,
            frozen: None,
            removal: Removal::None,
            shown: None,
            unapproved: false,
        }
    };
    let member: MemberName = "beijing".parse().unwrap();
    let one = Snapshot::new(member.clone(), hub(), vec![entry("a"), entry("b")]);
    let other = Snapshot::new(member, hub(), vec![entry("b"), entry("a")]);
    assert_eq!(one, other);
}

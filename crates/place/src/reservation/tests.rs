use proptest::prelude::*;

use super::*;

fn decision(shares: &[(u8, i32)]) -> Decision {
    let target = |(member, replicas): &(u8, i32)| api::karmada::work::v1alpha2::TargetCluster {
        name: format!("m{member}"),
        replicas: *replicas,
        ..Default::default()
    };
    Decision { clusters: shares.iter().map(target).collect(), affinity: String::new() }
}

fn request(cpu: u8) -> Request {
    let requirements = serde_json::json!({"resourceRequest": {"cpu": cpu.to_string()}});
    Request { requirements: serde_json::from_value(requirements).ok(), ..Request::default() }
}

proptest! {
    #[test]
    fn the_sum_is_that_of_the_kinds_and_released_units_leave_nothing(
        steps in proptest::collection::vec((0..4_u8, 1..3_u8, 0..3_u8, 1..9_i32, 0..9_i64), 0..20),
    ) {
        let mut reserved = Reservations::default();
        for (unit, cpu, member, replicas, seen) in steps {
            reserved.reserve(&unit.to_string(), &request(cpu), &decision(&[(member, replicas)]));
            reserved.confirm(&unit.to_string(), &format!("m{member}"), seen);
            for reserves in reserved.members.values() {
                let pods: i64 = reserves.kinds.iter().map(|kind| kind.replicas).sum();
                let cpu: i64 = reserves.kinds.iter().map(|kind| kind.replicas * kind.requests[crate::resource::CPU]).sum();
                prop_assert_eq!(reserves.total.get(PODS), Some(&pods));
                prop_assert_eq!(reserves.total.get(crate::resource::CPU), Some(&cpu));
                prop_assert!(reserves.kinds.len() <= 2 && pods > 0);
            }
        }
        for unit in 0..4 {
            reserved.release(&unit.to_string());
        }
        prop_assert!(reserved.is_empty());
    }
}

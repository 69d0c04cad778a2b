use super::*;

fn conditions(ready: Option<&str>, deliverable: Option<&str>) -> Vec<Condition> {
    let one = |type_: &str, status: &str| Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: "R".to_owned(),
        message: String::new(),
        observed_generation: None,
        last_transition_time: String::new(),
    };
    let ready = ready.map(|status| one(condition::READY, status));
    let deliverable = deliverable.map(|status| one(condition::DELIVERABLE, status));
    ready.into_iter().chain(deliverable).collect()
}

#[test]
fn a_record_says_whether_its_member_can_be_reached() {
    for (ready, deliverable, expect) in [
        (Some("True"), Some("True"), Reach::Reachable),
        (Some("True"), None, Reach::Reachable),
        (Some("False"), Some("True"), Reach::NotReady),
        (Some("False"), Some("False"), Reach::Blocked),
        (Some("False"), None, Reach::Blocked),
        (Some("Unknown"), Some("True"), Reach::Unknown),
        (Some("Unknown"), Some("False"), Reach::Unknown),
        (None, None, Reach::Unknown),
    ] {
        assert_eq!(reach(&conditions(ready, deliverable)), expect, "{ready:?} {deliverable:?}");
    }
}

#[test]
fn a_report_is_current_only_while_prober_and_applier_get_through() {
    let link = |state| MemberLink { state, message: "why".into(), since: "2026-01-01T00:00:00Z".parse().unwrap() };
    let (lost, kept_out) = (link(LinkState::Unreachable), link(LinkState::Blocked));
    for (reach, link, expect) in [
        (Reach::Reachable, None, Standing::Current),
        (Reach::Reachable, Some(link(LinkState::Connected)), Standing::Current),
        (Reach::Reachable, Some(lost.clone()), Standing::Unknown(Some(&lost))),
        (Reach::Reachable, Some(kept_out.clone()), Standing::Blocked(Some(&kept_out))),
        (Reach::NotReady, None, Standing::NotReady),
        (Reach::NotReady, Some(link(LinkState::Connected)), Standing::NotReady),
        (Reach::NotReady, Some(lost.clone()), Standing::Unknown(Some(&lost))),
        (Reach::NotReady, Some(kept_out.clone()), Standing::Blocked(Some(&kept_out))),
        (Reach::Unknown, Some(link(LinkState::Connected)), Standing::Unknown(None)),
        (Reach::Unknown, Some(kept_out.clone()), Standing::Unknown(None)),
        (Reach::Blocked, Some(link(LinkState::Connected)), Standing::Blocked(None)),
        (Reach::Blocked, Some(lost.clone()), Standing::Blocked(None)),
    ] {
        let facts = MemberFacts { link, ..MemberFacts::new(reach) };
        assert_eq!(facts.standing(), expect, "{facts:?}");
        assert_eq!(facts.reports(), matches!(expect, Standing::Current | Standing::NotReady), "{facts:?}");
    }
}

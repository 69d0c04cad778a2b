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
        (Some("False"), Some("True"), Reach::Reachable),
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
fn a_member_is_waited_for_only_while_its_applier_gets_through() {
    for (reach, link, expect) in [
        (Reach::Reachable, None, true),
        (Reach::Reachable, Some(LinkState::Connected), true),
        (Reach::Reachable, Some(LinkState::Unreachable), false),
        (Reach::Reachable, Some(LinkState::Blocked), false),
        (Reach::Unknown, Some(LinkState::Connected), false),
        (Reach::Blocked, Some(LinkState::Connected), false),
    ] {
        assert_eq!(MemberFacts { reach, link }.reports(), expect, "{reach:?} {link:?}");
    }
}

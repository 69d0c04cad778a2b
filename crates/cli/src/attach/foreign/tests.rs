use api::delivery::{TakeOverState, TakenUnit};

use super::*;

fn list(hub: &str, units: &[(&str, u32)]) -> MemberTakeOver {
    let unit = |(policy, objects): &(&str, u32)| TakenUnit {
        unit: format!("apps.kurator.dev/Application/default/shop/{policy}").parse().unwrap(),
        objects: *objects,
        adopted: 0,
        first: vec!["Namespace shop".to_owned()],
    };
    MemberTakeOver {
        from: hub.parse().unwrap(),
        state: TakeOverState::Held,
        digest: model::Digest::of(hub.as_bytes()),
        units: u32::try_from(units.len()).unwrap(),
        objects: units.iter().map(|(_, objects)| objects).sum(),
        list: units.iter().map(unit).collect(),
        message: String::new(),
    }
}

#[test]
fn what_other_hubs_have_is_shown_and_taken_over_only_when_that_is_clear() {
    let one = || vec![list("lost", &[("web", 7), ("db", 1)])];
    let own = || vec![list("mine", &[("web", 7)])];
    let two = || [one(), vec![list("other", &[("logs", 2)])], own()].concat();
    let (mine, any) = (Some("mine"), Some(None));
    let hub = |name: &str| Some(Some(name.parse::<HubId>().unwrap()));
    let mut said = String::new();
    for (what, found, own, wanted) in [
        ("attach", one(), mine, None),
        ("attach, to where it was", own(), mine, None),
        ("attach, and the id is not seen", one(), None, None),
        ("attach, to an empty cluster", vec![], mine, None),
        ("take over", one(), mine, any.clone()),
        ("take over, and there is nothing", vec![], mine, any.clone()),
        ("take over, and only this hub is there", own(), mine, any.clone()),
        ("take over, and there are two", two(), mine, any.clone()),
        ("take over, and the id is not seen", one(), None, any),
        ("take over one of two", two(), mine, hub("lost")),
        ("take over a hub that is not there", one(), mine, hub("gone")),
        ("take over a hub that is not there, and only this hub is", own(), mine, hub("gone")),
        ("take over this hub", two(), mine, hub("mine")),
    ] {
        let foreign = Foreign { found, own: own.map(|own| own.parse().unwrap()) };
        let lines = match foreign.choose(wanted.as_ref()) {
            Ok(choice) => choice.lines(),
            Err(error) => vec![format!("refused: {error:#}")],
        };
        said.push_str(&format!("== {what}\n{}\n", lines.join("\n")));
    }
    insta::assert_snapshot!("choices", said);
}

//! What is said of a unit in a member beside its numbers.

use super::*;

#[test]
fn units_that_nothing_asks_for_are_named_on_the_page_of_their_member() {
    let unit = |name: &str| UnitId::new("apps.kurator.dev", "Application", "default", name, Some("p"));
    let here: Application = of(json!({"apiVersion": "apps.kurator.dev/v1alpha1", "kind": "Application",
        "metadata": {"name": "api", "namespace": "default"}, "spec": {"source": {}, "syncPolicies": []}}));
    let page = |reported: MemberStatus| {
        let (members, statuses) = (vec![cluster("beijing", answers())], vec![reported]);
        let lists = Lists { members, statuses, applications: vec![here.clone()], ..Lists::default() };
        let world = World::new(Scope::All, lists);
        assert_eq!(member::value(&world, &world.members[0])["unasked"]["count"], 2);
        member_text(&world, "beijing")
    };
    let mut beijing = reported("beijing", "large", self::unit("Applied", "Healthy", ""));
    let status = beijing.status.as_mut().unwrap();
    status.moving = std::mem::take(&mut status.moving).with_unasked(&[unit("api"), unit("web")]);
    let end = "
of this hub, and of no Application on it that asks for it here:
  app/web in namespace default, policy p
apply these Applications on this hub, under the same names and policies, and they have what is there; nothing is done to it until then
  app/api in namespace default, policy p
these Applications are here, and have no such policy or do not place it in this member: once one does, it has what is there; nothing is done \
to it until then
";
    assert!(page(beijing.clone()).ends_with(end), "{}", page(beijing));
    beijing.status.as_mut().unwrap().units.clear();
    assert!(page(beijing.clone()).ends_with(&format!("nothing is delivered here\n{end}")), "{}", page(beijing));
}

#[test]
fn what_is_left_alone_is_said_in_the_row_of_its_policy() {
    let asked = |count: u32| {
        json!([{"cause": "Asked", "count": count, "first": "Deployment.apps shop/web",
            "detail": "kurator.dev/reconcile: disabled"}])
    };
    for (count, expect) in [
        (1, "1 object is left alone, as kurator.dev/reconcile: disabled asks: Deployment.apps shop/web\n"),
        (
            3,
            "3 objects are left alone, as kurator.dev/reconcile: disabled asks: Deployment.apps shop/web (and 2 more)\n",
        ),
    ] {
        let mut unit = self::unit("Applied", "Healthy", "");
        unit["waiting"] = asked(count);
        let (members, statuses) = (vec![cluster("beijing", answers())], vec![reported("beijing", "large", unit)]);
        let world = World::new(Scope::All, Lists { members, statuses, ..Lists::default() });
        let page = member_text(&world, "beijing");
        assert!(page.contains(expect), "{page}");
    }
}

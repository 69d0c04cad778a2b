use serde_json::json;

use super::*;

fn sorted(options: &SortOptions, objects: &[(&str, &str, &str)]) -> Result<Vec<String>, RenderError> {
    let object = |(version, kind, name): &(&str, &str, &str)| {
        let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
        Resource::new(object, Default::default())
    };
    let mut all = Resources(objects.iter().map(object).collect());
    apply(options, Place { file: "k.yaml", dir: "", field: "sortOptions" }, &mut all)?;
    Ok(all.0.iter().map(|resource| resource.key().to_string()).collect())
}

#[test]
fn objects_are_sorted_by_kind_then_name() {
    let objects = [
        ("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "v"),
        ("example.com/v1", "Thing", "t"),
        ("apps/v1", "Deployment", "b"),
        ("apps/v1", "Deployment", "a"),
        ("v1", "Namespace", "n"),
    ];
    let options = |order: &str| SortOptions { order: order.into(), legacy_sort_options: None };
    assert_eq!(
        sorted(&options("legacy"), &objects).unwrap(),
        [
            "Namespace n",
            "Deployment.apps a",
            "Deployment.apps b",
            "Thing.example.com t",
            "ValidatingWebhookConfiguration.admissionregistration.k8s.io v",
        ]
    );
    assert_eq!(sorted(&options("fifo"), &objects).unwrap()[1], "Thing.example.com t");
    let error = sorted(&options("other"), &objects).unwrap_err().to_string();
    assert_eq!(error, "k.yaml: sortOptions.order: \"other\" is neither fifo nor legacy");
    let legacy = LegacySortOptions { order_first: vec!["Thing".into()], order_last: vec!["Namespace".into()] };
    let own = SortOptions { order: "legacy".into(), legacy_sort_options: Some(legacy.clone()) };
    let made = sorted(&own, &objects).unwrap();
    assert_eq!((made[0].as_str(), made[4].as_str()), ("Thing.example.com t", "Namespace n"));
    let fifo = SortOptions { order: "fifo".into(), legacy_sort_options: Some(legacy) };
    assert!(sorted(&fifo, &objects).unwrap_err().to_string().contains("for order: legacy only"));
}

use serde_json::json;

use super::*;

#[test]
fn values_stand_where_their_names_stood() {
    let values: BTreeMap<String, Value> = [
        ("HOST", json!("web")),
        ("PORT", json!(80)),
        ("FLAG", json!(true)),
        ("MAP", json!({"a": 1})),
        ("NESTED", json!("$(HOST)")),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    for (text, expect) in [
        ("$(HOST)", json!("web")),
        ("$(PORT)", json!(80)),
        ("$(FLAG)", json!(true)),
        ("http://$(HOST):$(PORT)/$(FLAG)", json!("http://web:80/true")),
        ("$$(HOST) is $(HOST)", json!("$(HOST) is web")),
        ("$(NONE) $(MAP)", json!("$(NONE) $(MAP)")),
        ("$(MAP)", json!("$(MAP)")),
        ("$(NESTED)", json!("$(HOST)")),
        ("$ $x $( $", json!("$ $x $( $")),
        ("€$(HOST)€$€", json!("€web€$€")),
    ] {
        assert_eq!(expanded(text, &values, &Budget::default()).unwrap(), expect, "{text}");
    }
}

#[test]
fn a_variable_reads_a_field() {
    let object = json!({"metadata": {"name": "n"}, "spec": {"ports": [{"port": 80}], "a.b": 1}});
    let read = |path: &str| {
        let variable = Variable {
            fieldref: super::super::entry::FieldReference { field_path: path.into() },
            ..Variable::default()
        };
        super::read(&variable, &object).cloned()
    };
    assert_eq!(read(""), Ok(json!("n")));
    assert_eq!(read("spec.ports[0].port"), Ok(json!(80)));
    assert_eq!(read("spec.[a.b]"), Ok(json!(1)));
    assert_eq!(read("spec.none"), Err("it has no spec.none".into()));
}

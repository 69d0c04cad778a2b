use super::*;

#[test]
fn the_first_form_that_is_served_wins() {
    let rows = [
        (None, Some(Form::Object)),
        (Some("*/*"), Some(Form::Object)),
        (Some("application/json"), Some(Form::Object)),
        (Some("application/vnd.kubernetes.protobuf,application/json"), Some(Form::Object)),
        (Some("application/vnd.kubernetes.protobuf"), None),
        (Some("text/html"), None),
        (Some("application/json;stream=watch"), Some(Form::Object)),
        (Some("application/json;as=Table;v=v1;g=meta.k8s.io,application/json"), Some(Form::Table)),
        (Some("application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"), Some(Form::Object)),
        (Some("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"), Some(Form::Metadata)),
        (Some("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"), Some(Form::Discovery)),
        (Some("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList"), None),
    ];
    for (header, expect) in rows {
        assert_eq!(accept(header, true).ok(), expect, "{header:?}");
    }
}

#[test]
fn an_answer_that_is_no_table_is_given_in_the_next_form() {
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    assert_eq!(accept(Some(table), false).ok(), None);
    assert_eq!(accept(Some(&format!("{table},application/json")), false).ok(), Some(Form::Object));
}

#[test]
fn a_patch_has_one_of_four_forms() {
    assert_eq!(patch_body(Some("application/apply-patch+yaml"), false).ok(), Some(Encoding::Apply));
    assert_eq!(
        patch_body(Some("application/strategic-merge-patch+json; charset=utf-8"), true).ok(),
        Some(Encoding::StrategicPatch)
    );
    let refused =
        patch_body(Some("application/strategic-merge-patch+json"), false).expect_err("custom kinds have none");
    assert!(refused.is(Reason::UnsupportedMediaType));
}

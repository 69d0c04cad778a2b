use super::*;

#[test]
fn paths_are_joined_and_cleaned() {
    for (dir, path, expect) in [
        ("", "a.yaml", "a.yaml"),
        ("../base", "./x/../a.yaml", "../base/a.yaml"),
        ("..", "../a", "../../a"),
        ("a/b", "../../..", ".."),
        ("a", "..", "."),
    ] {
        assert_eq!(join(dir, path), expect, "{dir} {path}");
    }
}

#[test]
fn an_origin_is_written_as_yaml() {
    let file = Origin { path: "../base/a.yaml".into(), ..Origin::default() };
    assert_eq!(file.write(""), "path: ../base/a.yaml\n");
    let configured_by = ["builtin", "PatchTransformer", "123", ""].map(str::to_owned);
    let step = Origin { configured_in: "kustomization.yaml".into(), configured_by, ..Origin::default() };
    assert_eq!(
        step.write("  "),
        "  configuredIn: kustomization.yaml\n  configuredBy:\n    apiVersion: builtin\n    kind: PatchTransformer\n    name: \"123\"\n"
    );
}

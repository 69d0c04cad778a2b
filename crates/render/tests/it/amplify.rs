//! What replacements, variables and definitions make of small trees: they are refused, or cost what they are.

use render::RenderError;

use crate::archive::render;

fn files(fields: &str, objects: &str, more: &str) -> String {
    format!("-- app/kustomization.yaml --\nresources: [a.yaml]\n{fields}\n-- app/a.yaml --\n{objects}\n{more}")
}

fn repeat(count: usize, one: impl Fn(usize) -> String) -> String {
    (0..count).map(one).collect()
}

/// Renders something that would take very long, or very much. Small, it is made.
fn check(
    fields: impl Fn(usize) -> String,
    objects: impl Fn(usize) -> String,
    more: impl Fn(usize) -> String,
    large: usize,
) {
    #[allow(clippy::disallowed_methods, reason = "this is about the time that it takes")]
    let start = std::time::Instant::now();
    let result = render(&files(&fields(large), &objects(large), &more(large)), "app");
    // time: each of these took minutes, or all memory; a refusal comes within seconds, also on a busy machine.
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
    let result = result.map(|rendered| rendered.objects.len());
    assert!(matches!(result, Err(RenderError::TooMuchWork { .. } | RenderError::TooLarge { .. })), "{result:?}");
    let small = render(&files(&fields(2), &objects(2), &more(2)), "app");
    assert!(small.is_ok(), "{small:?}");
}

fn config_map(name: &str, data: &str) -> String {
    format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: {name}}}, data: {data}}}\n")
}

#[test]
fn a_replacement_that_multiplies_a_text_is_refused() {
    // 1 MB goes into 1,000 objects.
    let fields = |_| {
        "replacements: [{source: {name: long, fieldPath: data.a}, targets: [{select: {name: s.*}, fieldPaths: [data.b]}]}]".to_owned()
    };
    let objects = |count: usize| {
        let long = "x".repeat(count * 1_000);
        config_map("long", &format!("{{a: {long}}}")) + &repeat(count, |n| config_map(&format!("s{n}"), "{b: c}"))
    };
    check(fields, objects, |_| String::new(), 1_000);
}

#[test]
fn a_replacement_that_doubles_itself_is_refused() {
    // Each time the text is put behind itself.
    let one = "\n- source: {name: m, fieldPath: data.a}\n  targets: [{select: {name: m}, fieldPaths: [data.a], options: {delimiter: '-', index: 9}}]";
    let fields = |count: usize| format!("replacements:{}", one.repeat(count));
    check(fields, |_| config_map("m", "{a: xxxxxxxxxxxxxxxx}"), |_| String::new(), 40);
}

#[test]
fn variables_that_multiply_a_text_are_refused() {
    let vars =
        "vars: [{name: V, objref: {kind: ConfigMap, name: long, apiVersion: v1}, fieldref: {fieldPath: data.a}}]";
    let objects = |count: usize| {
        let long = "x".repeat(count * 100);
        let args = vec!["'$(V) $(V)'"; count * 10].join(",");
        let pod = format!(
            "---\n{{apiVersion: v1, kind: Pod, metadata: {{name: p}}, spec: {{containers: [{{args: [{args}]}}]}}}}\n"
        );
        config_map("long", &format!("{{a: {long}}}")) + &pod
    };
    check(|_| vars.to_owned(), objects, |_| String::new(), 1_000);
}

#[test]
fn definitions_that_lead_to_each_other_end() {
    // Each definition has two fields of the next one: two to the power of 30.
    let definitions = |count: usize| {
        let kind =
            "\"x-kubernetes-group-version-kind\": [{\"group\": \"e.com\", \"version\": \"v1\", \"kind\": \"Thing\"}]";
        let one = |n: usize| {
            let next = format!("{{\"$ref\": \"#/definitions/d{}\"}}", n + 1);
            format!(
                "\"d{n}\": {{\"properties\": {{\"a\": {next}, \"b\": {next}}}, {}}},",
                if n == 0 { kind } else { "\"x\": 1" }
            )
        };
        format!("-- app/o.json --\n{{\"definitions\": {{{} \"end\": {{}}}}}}\n", repeat(count, one))
    };
    let fields = "openapi: {path: o.json}\npatches: [{target: {kind: Thing}, patch: 'spec: {a: b}'}]";
    let objects = "{apiVersion: e.com/v1, kind: Thing, metadata: {name: t}, spec: {}}\n";
    check(|_| fields.to_owned(), |_| objects.to_owned(), definitions, 30);
    // One that leads to itself is not followed twice.
    let itself = definitions(1).replace("d1", "d0");
    assert!(render(&files(fields, objects, &itself), "app").is_ok());
}

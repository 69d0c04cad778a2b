use api::kurator::apps::v1alpha1::KustomizeInputs;
use model::tree::{Entry, FileTree};

use super::*;
use crate::files::Files;
use crate::{Outcome, Rendered, Request};

#[test]
fn what_is_spent_is_not_there_a_second_time() {
    let budget = Budget::default();
    let half = usize::try_from(WORK_BYTES_MAX / 2).unwrap();
    assert_eq!(budget.spend(half), Ok(()));
    assert_eq!(budget.spend(half), Ok(()));
    assert_eq!(budget.spend(0), Ok(()));
    assert_eq!(budget.spend(1), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
}

#[test]
fn each_turn_makes_objects_from_the_start() {
    let budget = Budget::default();
    let most = usize::try_from(MADE_BYTES_MAX).unwrap();
    for _ in 0..2 {
        assert_eq!(budget.spend_made(most), Ok(()));
        assert_eq!(budget.spend_made(1), Err(RenderError::TooLarge { limit: MADE_BYTES_MAX }));
        budget.next_turn().unwrap();
    }
}

#[test]
fn turns_end() {
    let budget = Budget::default();
    for _ in 0..TURNS_MAX {
        assert_eq!(budget.next_turn(), Ok(()));
    }
    assert_eq!(budget.next_turn(), Err(RenderError::TooManyTurns { limit: TURNS_MAX }));
}

#[test]
fn a_file_counts_as_often_as_it_is_read() {
    // Finding it: its name, and a part.
    let find = 1 + 64 + 1;
    let budget = Budget::with_work(9 + 3 * find);
    let mut tree = FileTree::new();
    tree.insert_file("a", *b"1234");
    let none = crate::Remotes::new();
    let files = Files::new(&tree, &none, &budget);
    assert_eq!(files.text("a", "x"), Ok("1234".to_owned()));
    assert_eq!(files.text("a", "x"), Ok("1234".to_owned()));
    assert_eq!(files.text("a", "x"), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
    // Reading it as YAML is more work.
    assert_eq!(files.document("a", "x"), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
    let budget = Budget::with_work(find + 4 + 4 * 12);
    assert_eq!(Files::new(&tree, &Default::default(), &budget).document("a", "x"), Ok(1234.into()));
    assert_eq!(budget.work.get(), 0);
}

#[test]
fn a_small_text_that_repeats_itself_counts_as_what_it_becomes() {
    // 230 bytes that become 100,000 nodes.
    let mut text = format!("a0: &a0 [{}]\n", ["x"; 10].join(","));
    for level in 1..5 {
        text += &format!("a{level}: &a{level} [{}]\n", vec![format!("*a{}", level - 1); 10].join(","));
    }
    let (tree, budget) = (FileTree::new(), Budget::with_work(10_000_000));
    assert_eq!(
        Files::new(&tree, &Default::default(), &budget).documents(&text),
        Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX })
    );
}

#[test]
fn links_count_as_often_as_they_are_followed() {
    // Each is followed 40 times, until it is a loop: 160 kB. A link that is no manifest is not followed.
    const LINKS: u64 = 20;
    let mut tree = FileTree::new();
    for link in 0..LINKS {
        for name in [format!("l{link:02}.yaml"), format!("l{link:02}.txt")] {
            tree.insert(format!("app/{name}"), Entry::Link(format!("{name}{}", "/x".repeat(2043))));
        }
    }
    let inputs = KustomizeInputs { path: Some("app".into()), ..KustomizeInputs::default() };
    let render = |bytes: u64| {
        let budget = Budget::with_work(bytes);
        crate::render(&Request { tree: &tree, remotes: &Default::default(), inputs: &inputs, budget: &budget })
    };
    assert_eq!(render(LINKS * 160_000), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
    assert_eq!(render(LINKS * 180_000), Ok(Outcome::Rendered(Rendered::default())));
}

#[test]
fn what_is_made_is_work_in_each_turn() {
    let budget = Budget::with_work(10);
    for _ in 0..2 {
        assert_eq!(budget.spend_made(5), Ok(()));
        budget.next_turn().unwrap();
    }
    assert_eq!(budget.spend_made(1), Err(RenderError::TooMuchWork { limit: WORK_BYTES_MAX }));
}

/// The work of rendering an object with a kustomization file.
fn work(fields: &str) -> u64 {
    let mut tree = FileTree::new();
    let data = "x".repeat(100_000);
    let object = format!("{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{a: {data}}}}}");
    tree.insert_file("a.yaml", object.into_bytes());
    tree.insert_file("kustomization.yaml", format!("resources: [a.yaml]\n{fields}").into_bytes());
    let budget = Budget::default();
    let request =
        Request { tree: &tree, remotes: &Default::default(), inputs: &KustomizeInputs::default(), budget: &budget };
    crate::render(&request).unwrap();
    WORK_BYTES_MAX - budget.work_left()
}

#[test]
fn what_a_step_adds_is_work_of_the_steps_after_it() {
    let text = "y".repeat(500_000);
    let added = |step: &str| work(&format!("{step}\nimages: [{{name: i, newTag: t}}]")) - work(step);
    let grown = added(&format!("commonAnnotations: {{a: {text}}}"));
    assert!((600_000..700_000).contains(&grown), "{grown}");
    let patches = |last: &str| {
        work(&format!(
            "patches:\n- patch: '{{kind: ConfigMap, apiVersion: v1, metadata: {{name: a}}, data: {{b: {text}}}}}'\n{last}"
        ))
    };
    let one = "- patch: '{kind: ConfigMap, apiVersion: v1, metadata: {name: a}, data: {c: d}}'\n";
    let grown = patches(one) - patches("");
    // As the layer found it, and as the patch before this one left it.
    assert!((700_000..800_000).contains(&grown), "{grown}");
}

/// The work of rendering a tree of these files.
fn work_of(files: &[(&str, String)]) -> u64 {
    let budget = Budget::default();
    let mut tree = FileTree::new();
    files.iter().for_each(|(path, text)| tree.insert_file(*path, text.clone().into_bytes()));
    let result = crate::render(&Request {
        tree: &tree,
        remotes: &Default::default(),
        inputs: &KustomizeInputs::default(),
        budget: &budget,
    });
    assert!(matches!(result, Ok(Outcome::Rendered(_))), "{result:?}");
    WORK_BYTES_MAX - budget.work_left()
}

#[test]
fn replacements_are_work_for_each_object_that_they_may_mean() {
    let tree = |replacements: usize, objects: usize| {
        let one = "\n- {source: {name: m0}, targets: [{select: {kind: Secret}}]}";
        let object = |n: usize| format!("---\n{{apiVersion: v1, kind: ConfigMap, metadata: {{name: m{n}}}}}\n");
        let fields = format!("resources: [a.yaml]\nreplacements:{}", one.repeat(replacements));
        work_of(&[("kustomization.yaml", fields), ("a.yaml", (0..objects).map(object).collect())])
    };
    // Beside what each is by itself: twice a look at each object, for the source and for the target.
    let (few, more, many) = (tree(10, 10), tree(10, 100) + tree(100, 10), tree(100, 100));
    assert!(few + many >= more + 2 * 90 * 90 * 128, "{few} {more} {many}");
}

#[test]
fn added_fields_are_work_for_each_value_that_they_lead_to() {
    let tree = |fields: usize, items: usize| {
        let spec = |n: usize| format!("  - {{kind: Thing, path: spec/list/f{n}}}\n");
        let specs: String = (0..fields).map(spec).collect();
        let names = format!("nameReference:\n- kind: ConfigMap\n  fieldSpecs:\n{specs}");
        let items = vec!["{a: b}"; items].join(",");
        let things =
            format!("{{apiVersion: e.com/v1, kind: Thing, metadata: {{name: t}}, spec: {{list: [{items}]}}}}\n");
        let file = "namePrefix: p-\nresources: [a.yaml]\nconfigurations: [n.yaml]\n".to_owned();
        work_of(&[("kustomization.yaml", file), ("n.yaml", names), ("a.yaml", things)])
    };
    let (few, more, many) = (tree(10, 10), tree(10, 100) + tree(100, 10), tree(100, 100));
    assert!(few + many >= more + 90 * 90 * 16, "{few} {more} {many}");
}

#[test]
fn texts_that_steps_lengthen_are_work_each_time() {
    const LENGTH: u64 = 100_000;
    let tree = |field: &str, more: &str, file: &str| {
        let object = format!(
            "{{apiVersion: v1, kind: ConfigMap, metadata: {{name: a}}, data: {{long: {}, short: x}}}}",
            "x/".repeat(50_000)
        );
        let fields = format!("resources: [a.yaml]\n{more}\n");
        let file = file.replace("FIELD", field);
        work_of(&[("kustomization.yaml", fields), ("a.yaml", object), ("t.yaml", file)])
    };
    let values = |field: &str, steps: usize| {
        let header =
            "{apiVersion: builtin, kind: ValueAddTransformer, metadata: {name: t}, value: v, targetFilePath: t.yaml}";
        let more = format!("transformers: ['{header}']");
        tree(field, &more, &format!("targets:\n{}", "- {fieldPath: data/FIELD, filePathPosition: 1}\n".repeat(steps)))
    };
    // The names of the fields differ by a letter, so what is read costs a little more for one of them.
    let more = values("long", 10) - values("short", 10);
    assert!(more + 10_000 > 10 * LENGTH, "{more}");
    let names = |field: &str| {
        tree(field, "namePrefix: p-\nconfigurations: [t.yaml]", "namePrefix: [{kind: ConfigMap, path: data/FIELD}]")
    };
    let more = names("long") - names("short");
    assert!(more + 10_000 > LENGTH, "{more}");
}

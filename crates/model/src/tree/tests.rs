use super::*;

fn tree() -> FileTree {
    let mut tree = FileTree::new();
    tree.insert_file("a/one.yaml", *b"1");
    tree.insert_file("a/b/two.yaml", *b"2");
    tree.insert_file("a-c", *b"3");
    tree.insert("a/later.yaml", Entry::Known);
    tree.insert("link", Entry::Link("a/b".into()));
    tree.insert("a/up", Entry::Link("../../etc".into()));
    tree.insert("a/loop", Entry::Link("loop".into()));
    tree.insert("vendor", Entry::Submodule);
    tree
}

#[test]
fn reads_and_lists_through_links() {
    let tree = tree();
    assert_eq!(tree.read("./a//b/../one.yaml").unwrap().as_ref(), b"1");
    assert_eq!(tree.read("link/two.yaml").unwrap().as_ref(), b"2");
    assert_eq!(tree.node("/").unwrap(), (String::new(), Node::Directory));
    let names = |path| tree.list_and_work(path).0.unwrap();
    let expect = |list: &[(&str, Listed)]| list.iter().map(|(n, l)| ((*n).to_owned(), *l)).collect::<Vec<_>>();
    use Listed::{Directory, File, Link, Submodule};
    assert_eq!(names(""), expect(&[("a", Directory), ("a-c", File), ("link", Link), ("vendor", Submodule)]));
    let below_a = [("b", Directory), ("later.yaml", File), ("loop", Link), ("one.yaml", File), ("up", Link)];
    assert_eq!(names("a"), expect(&below_a));
    assert_eq!(names("link"), expect(&[("two.yaml", File)]));
}

#[test]
fn says_why_a_path_cannot_be_read() {
    let tree = tree();
    assert_eq!(tree.read("a/later.yaml"), Err(TreeError::NotLoaded { path: "a".into() }));
    assert_eq!(tree.read("a/up/passwd"), Err(TreeError::Escapes { path: "a/up -> ../../etc".into() }));
    assert_eq!(tree.read("../x"), Err(TreeError::Escapes { path: "../x".into() }));
    assert_eq!(tree.read("a/loop"), Err(TreeError::LinkLoop { path: "a/loop".into() }));
    assert_eq!(tree.read("vendor/x.yaml"), Err(TreeError::Submodule { path: "vendor".into() }));
    assert_eq!(tree.read("a/none"), Err(TreeError::NotFound { path: "a/none".into() }));
    assert_eq!(tree.read("a"), Err(TreeError::WrongNode { path: "a".into(), wanted: "file" }));
    assert_eq!(tree.list_and_work("a-c").0, Err(TreeError::WrongNode { path: "a-c".into(), wanted: "directory" }));
}

#[test]
fn what_was_left_out_and_pointers_of_lfs_are_said_and_are_no_entries() {
    let mut tree = tree();
    tree.insert_left_out("a/logo.png", "because");
    tree.insert_left_out("ci", "because");
    tree.insert_left_out("pictures/one.png", "because");
    tree.insert("a/large.bin", Entry::LfsPointer);
    let left_out = |path: &str| Err(TreeError::LeftOut { path: path.into(), why: "because".into() });
    assert_eq!(tree.read("a/logo.png"), left_out("a/logo.png"));
    assert_eq!(tree.node("ci/build/x.yaml").map(drop), left_out("ci").map(|_: Arc<[u8]>| ()));
    assert_eq!(
        left_out("ci").unwrap_err().to_string(),
        "ci is in the repository and left out of its artifact: because"
    );
    // A directory of which everything was left out is not there, as git has no empty ones.
    assert_eq!(tree.read("pictures/one.png"), left_out("pictures/one.png"));
    assert_eq!(tree.read("pictures"), Err(TreeError::NotFound { path: "pictures".into() }));
    let names: Vec<String> = tree.list_and_work("a").0.unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["b", "large.bin", "later.yaml", "loop", "one.yaml", "up"]);
    assert_eq!(tree.node("a/large.bin"), Ok(("a/large.bin".into(), Node::File)));
    assert_eq!(tree.read("a/large.bin"), Err(TreeError::LfsPointer { path: "a/large.bin".into() }));
    assert!(tree.is_loaded("a/large.bin"));
}

#[test]
fn a_path_or_a_link_that_no_disk_could_hold_is_refused() {
    let mut tree = tree();
    let longest = format!("a/{}", "./".repeat(2047));
    assert_eq!(longest.len(), PATH_BYTES_MAX);
    assert_eq!(tree.node(&longest), Ok(("a".into(), Node::Directory)));
    let error = tree.node(&(longest.clone() + "/")).unwrap_err().to_string();
    assert!(error.ends_with("the path has 4097 bytes; a path has at most 4096") && error.len() < 200, "{error}");
    tree.insert("long", Entry::Link(longest.clone()));
    assert_eq!(tree.node("long"), Ok(("a".into(), Node::Directory)));
    tree.insert("a/longer", Entry::Link(longest + "/"));
    let refused = TreeError::LinkTooLong { path: "a/longer".into(), length: 4097 };
    assert_eq!(tree.read("a/longer/x"), Err(refused.clone()));
    tree.insert("to-it", Entry::Link("a/longer".into()));
    assert_eq!(tree.read("to-it"), Err(refused));
}

#[test]
fn one_look_has_an_upper_limit_and_counts() {
    // The longest link that leads through itself, as deep as artifacts go.
    let dir = ["d"; 60].join("/");
    let mut tree = FileTree::new();
    tree.insert(format!("{dir}/l"), Entry::Link(format!("l{}", "/x".repeat(2047))));
    let (found, work) = tree.node_and_work(&format!("{dir}/l"));
    assert!(matches!(found, Err(TreeError::LinkLoop { .. })));
    // 40 targets, and 41 times the way to the link.
    assert!((40 * 4095..40 * 4095 + 41 * 60 * 200).contains(&work), "{work}");
    let (_, work) = tree.node_and_work("nothing");
    assert_eq!(work, "nothing".len() + PART_BYTES + "nothing".len());
}

#[test]
fn a_list_looks_at_its_own_directory_only() {
    let mut tree = FileTree::new();
    for file in 0..1_000 {
        tree.insert(format!("a/many/{file}"), Entry::Known);
        tree.insert(format!("a/link{file}"), Entry::Link("many".into()));
    }
    tree.insert("a/z", Entry::Known);
    let (names, work) = tree.list_and_work("a");
    assert_eq!(names.unwrap().len(), 1_002);
    assert!(work < 1_010 * (PART_BYTES + 10), "{work}");
}

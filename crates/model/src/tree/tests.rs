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
    let names = |path| tree.list(path).unwrap().into_iter().map(|(n, _)| n).collect::<Vec<_>>();
    assert_eq!(names(""), ["a", "a-c", "link"]);
    assert_eq!(names("a"), ["b", "later.yaml", "one.yaml"]);
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
    assert_eq!(tree.list("a-c"), Err(TreeError::WrongNode { path: "a-c".into(), wanted: "directory" }));
}

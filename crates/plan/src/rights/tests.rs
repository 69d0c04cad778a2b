use super::*;

fn key(kind: &str, namespace: &str, name: &str) -> ObjectKey {
    ObjectKey { kind: kind.into(), namespace: namespace.into(), name: name.into(), ..ObjectKey::default() }
}

fn limited(namespaces: &[&str]) -> Rights {
    Rights::in_namespaces(
        namespaces.iter().map(|n| (*n).to_owned()),
        "kurator attach CONTEXT --name beijing".to_owned(),
    )
}

#[test]
fn only_what_is_in_a_given_namespace_is_asked_for() {
    let (all, some) = (Rights::default(), limited(&["a", "b"]));
    let outside = |namespace: &str| Some(Lack::Namespace(namespace.to_owned()));
    for (key, lack) in [
        (key("ConfigMap", "a", "c"), None),
        (key("Secret", "b", "c"), None),
        (key("ConfigMap", "other", "c"), outside("other")),
        // Names that only begin or end alike are others.
        (key("ConfigMap", "ab", "c"), outside("ab")),
        (key("ConfigMap", "a,b", "c"), outside("a,b")),
        (key("Secret", "kurator-system", "c"), outside("kurator-system")),
        (key("ClusterRole", "", "a"), Some(Lack::Cluster)),
        // The namespace itself is cluster-scoped.
        (key("Namespace", "", "a"), Some(Lack::Cluster)),
    ] {
        assert_eq!(some.lack(&key), lack, "{key}");
        assert_eq!(all.lack(&key), None, "{key}");
        assert_eq!(all.listed_in(&key), "");
        assert_eq!(some.listed_in(&key), key.namespace);
        // Nothing is given, so nothing is asked for.
        assert!(limited(&[]).lack(&key).is_some(), "{key}");
    }
}

fn lacks(namespaces: &[&str]) -> BTreeSet<Lack> {
    namespaces.iter().map(|namespace| Lack::Namespace((*namespace).to_owned())).collect()
}

#[test]
fn a_refusal_says_what_is_given_and_what_widens_it() {
    let other = Lack::Namespace("other".to_owned());
    let map = key("ConfigMap", "other", "c");
    assert_eq!(
        limited(&["b", "a"]).sentence(&map, &other, &lacks(&["other"])),
        "it needs rights in namespace other, and the member gives them in a, b only, so it is not asked for: take it out, or \
         widen them with `kurator attach CONTEXT --name beijing --add-namespaces other`"
    );
    assert_eq!(
        limited(&["a"]).sentence(&key("ClusterRole", "", "a"), &Lack::Cluster, &BTreeSet::from([Lack::Cluster])),
        "it is in no namespace, so it needs rights in the whole cluster, and the member gives them in a only; it is not asked \
         for: take it out, or give all rights with `kurator attach CONTEXT --name beijing`"
    );
    let many: Vec<String> = (0..7).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let said = limited(&many).sentence(&map, &other, &BTreeSet::new());
    assert!(said.contains("gives them in n0, n1, n2, n3, n4 and 2 more only"), "{said}");
    assert!(said.ends_with("--add-namespaces other`"), "{said}");
    assert_eq!(
        (other.to_string().as_str(), Lack::Cluster.to_string().as_str()),
        ("namespace other", "the whole cluster")
    );
}

/// Two commands that each give what one object lacks would undo each other.
#[test]
fn every_object_of_a_unit_suggests_the_same_rights() {
    let rights = limited(&["web"]);
    let all = lacks(&["stock", "shop"]);
    for lack in &all {
        let said = rights.sentence(&key("ConfigMap", "shop", "c"), lack, &all);
        assert!(said.ends_with("`kurator attach CONTEXT --name beijing --add-namespaces shop,stock`"), "{said}");
    }
    for other in [Lack::Cluster, Lack::Namespace("kube-system".to_owned())] {
        let mut all = all.clone();
        all.insert(other);
        let said = rights.sentence(&key("ConfigMap", "shop", "c"), &Lack::Namespace("shop".to_owned()), &all);
        let command =
            "--add-namespaces shop,stock`, or, since other objects need rights in the whole cluster, give all rights";
        assert!(said.contains(command) && said.ends_with("with `kurator attach CONTEXT --name beijing`"), "{said}");
    }
}

/// `kurator attach` refuses some names, and more than it can give one by one.
#[test]
fn only_what_attach_takes_is_suggested() {
    let many: Vec<String> = (0..AttachedClusterSpec::NAMESPACES_MAX).map(|n| format!("n{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for (given, lacking) in [(&["web"][..], "kube-system"), (&["web"], "kurator-system"), (&many, "shop")] {
        let said = limited(given).sentence(
            &key("ConfigMap", lacking, "c"),
            &Lack::Namespace(lacking.to_owned()),
            &lacks(&[lacking, "stock"]),
        );
        assert!(
            said.ends_with("take it out, or give all rights with `kurator attach CONTEXT --name beijing`"),
            "{said}"
        );
    }
    let said = limited(&many[1..]).widened(&Lack::Namespace("shop".to_owned()), &lacks(&["kube-system"]));
    assert!(said.ends_with(" --add-namespaces shop"), "{said}");
}

#[test]
fn a_command_is_not_cut_in_the_middle() {
    let long: Vec<String> = (0..63).map(|n| format!("{n:0>63}")).collect();
    let long: Vec<&str> = long.iter().map(String::as_str).collect();
    for (given, lacking, expect) in
        [(&long[..], &["b"][..], "b"), (&["a"], &long[..7], long[0]), (&long[..7], &["b"], "b")]
    {
        let all = lacks(lacking);
        let said = limited(given).sentence(&key("ConfigMap", "b", "c"), all.first().unwrap(), &all);
        assert!(said.ends_with(&format!("--add-namespaces {expect}`")), "{said}");
    }
    // With the longest names of all, also where two commands would be said.
    let origin = api::delivery::Origin::new("g", "AttachedCluster", &"n".repeat(63), &"a".repeat(253));
    let attach = crate::credential::attach_command(None, &origin);
    let rights = Rights::in_namespaces(long.iter().take(5).map(|n| (*n).to_owned()), attach.clone());
    let namespace = "s".repeat(63);
    let mut all = lacks(&[&namespace]);
    all.insert(Lack::Cluster);
    for (key, lack) in [
        (key("ConfigMap", &namespace, "c"), Lack::Namespace(namespace.clone())),
        (key("ConfigMap", "kube-system", "c"), Lack::Namespace("kube-system".to_owned())),
        (key("ClusterRole", "", "c"), Lack::Cluster),
        (key("Namespace", "", long[0]), Lack::Cluster),
    ] {
        let said = rights.sentence(&key, &lack, &all);
        assert!(said.chars().count() <= SENTENCE_CHARS_MAX, "{}: {said}", said.len());
        assert!(said.contains(&attach) && said.ends_with('`'), "{said}");
    }
}

/// The Namespace of what is given is there, and what is in it is delivered: why that is not ready must be no riddle.
#[test]
fn what_is_said_of_the_namespace_of_what_is_given_says_what_to_do() {
    let said = |name: &str| limited(&["a"]).sentence(&key("Namespace", "", name), &Lack::Cluster, &BTreeSet::new());
    let own = said("a");
    assert!(own.contains("what is in it is delivered") && own.contains("kurator.dev/reconcile: disabled"), "{own}");
    assert!(!said("b").contains("is delivered"), "{}", said("b"));
}

#[test]
fn what_stays_is_said_with_what_has_it_deleted_unless_its_unit_leaves() {
    let (other, all) = (Lack::Namespace("other".to_owned()), lacks(&["stock"]));
    let staying = limited(&["a"]).why_it_stays(&other, &all, false);
    let command =
        "deleted when you widen them with `kurator attach CONTEXT --name beijing --add-namespaces other,stock`";
    assert!(staying.contains(command), "{staying}");
    let leaving = limited(&["a"]).why_it_stays(&other, &all, true);
    assert!(leaving.contains("no longer recorded when the unit has left") && !leaving.contains("attach"), "{leaving}");
}

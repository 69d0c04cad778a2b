use std::collections::BTreeSet;

use super::*;

/// Structures of Kubernetes itself, which a field says where it stands.
const ELSEWHERE: &str = ".placement.";

fn published() -> Vec<Value> {
    let ours = ["Application", "AttachedCluster", "Fleet"];
    crate::crd::all().into_iter().filter(|crd| ours.iter().any(|kind| crd["spec"]["names"]["kind"] == *kind)).collect()
}

#[test]
fn every_field_of_the_published_kinds_is_described() {
    for mut crd in published() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").unwrap();
        assert!(schema["description"].is_string(), "{kind}");
        let mut bare = Vec::new();
        walk(schema, &mut String::new(), &mut |path, field| {
            // Of an object's metadata Kubernetes lets a definition say nothing.
            if field.get("description").is_none() && !path.contains(ELSEWHERE) && path != "metadata" {
                bare.push(path.to_owned());
            }
        });
        assert!(bare.is_empty(), "{kind}: {bare:?}");
    }
}

#[test]
fn every_text_is_for_a_field() {
    let mut ends: BTreeSet<(String, String)> = BTreeSet::new();
    for mut crd in published() {
        let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
        let schema = crd.pointer_mut("/spec/versions/0/schema/openAPIV3Schema").unwrap();
        ends.insert((kind.clone(), ROOT.to_owned()));
        walk(schema, &mut String::new(), &mut |path, _| {
            ends.insert((kind.clone(), path.to_owned()));
            let mut end = Some(path);
            while let Some(at) = end {
                ends.insert((ANY.to_owned(), at.to_owned()));
                end = at.split_once('.').map(|(_, rest)| rest);
            }
        });
    }
    for (section, texts) in Texts::read().0 {
        for (path, text) in texts {
            assert!(ends.contains(&(section.to_owned(), path.to_owned())), "[{section}] {path} is no field");
            assert!(text.ends_with('.') || text.ends_with('?'), "[{section}] {path}: {text:?} is no sentence");
        }
    }
}

#[test]
fn the_longest_end_counts_and_a_kinds_own_text_goes_first() {
    let texts = Texts::read();
    let check = |kind: &str, path: &str, expect: &str| {
        assert!(
            texts.find(kind, path).is_some_and(|text| text.starts_with(expect)),
            "{path}: {:?}",
            texts.find(kind, path)
        );
    };
    check("Application", "spec.source.gitRepository.ref.tag", "The commit of this tag");
    check("Fleet", "spec.plugin.backup.chart.version", "Its version");
    check("Fleet", "spec.plugin.backup.chart", "Which chart");
    check("Fleet", "spec.clusters.*.name", "Name of the object");
    check("Application", "status.sourceStatus.ociRepoStatus.conditions.*.reason", "Why, in one word");
    assert_eq!(texts.find("Fleet", "spec.nothing"), None);
}

use api::karmada::policy::v1alpha1::{ImageComponent, OverriderOperator};
use serde_json::{Value, from_value};

use super::{Image, Version, split_registry};

const DIGEST: &str = "sha256:50d858e0985ecc7f60418aaf0cc5ab587f42c2570a884095a9e8ccacd0f6545c";

/// References, and what Karmada's `imageparser` made of them: nothing when it refuses, else registry, repository, tag, digest
/// and the reference written again, then a change and its result.
const CASES: &str = include_str!("cases.json");

#[test]
fn references_are_read_and_changed_as_by_karmada() {
    let cases: Vec<(String, Option<[String; 9]>)> = serde_json::from_str(CASES).unwrap();
    assert_eq!(cases.len(), 200);
    for (text, expect) in cases {
        check(&text, expect.as_ref());
    }
}

fn check(text: &str, expect: Option<&[String; 9]>) {
    let image = Image::parse(text);
    let Some([registry, repository, tag, digest, whole, component, operator, value, changed]) = expect else {
        assert!(image.is_err(), "{text:?}: {image:?}");
        return;
    };
    let mut image = image.unwrap_or_else(|why| panic!("{text:?}: {why}"));
    let version = match (tag.as_str(), digest.as_str()) {
        ("", "") => None,
        ("", digest) => Some(Version::Digest(digest.to_owned())),
        (tag, _) => Some(Version::Tag(tag.to_owned())),
    };
    assert_eq!((&image.registry, &image.repository, &image.version), (registry, repository, &version), "{text}");
    assert_eq!(image.to_string(), *whole);
    let component: ImageComponent = from_value(Value::from(component.as_str())).unwrap();
    let operator: OverriderOperator = from_value(Value::from(operator.as_str())).unwrap();
    image.change(component, operator, value);
    assert_eq!(image.to_string(), *changed, "{text}: {component:?} {operator:?} {value}");
}

/// Karmada's cases: `TestParse`.
#[test]
fn parts_of_references() {
    let host = "fictional.registry.example";
    let cases: [(&str, &str, &str, Option<Version>); 5] = [
        ("pause", "", "pause", None),
        ("subpath/imagename:v1.0.0", "", "subpath/imagename", Some(Version::Tag("v1.0.0".into()))),
        (&format!("{host}/imagename:v1.0.0"), host, "imagename", Some(Version::Tag("v1.0.0".into()))),
        (
            &format!("{host}:10443/subpath/imagename:v1.0.0"),
            &format!("{host}:10443"),
            "subpath/imagename",
            Some(Version::Tag("v1.0.0".into())),
        ),
        (
            &format!("{host}:10443/subpath/imagename@{DIGEST}"),
            &format!("{host}:10443"),
            "subpath/imagename",
            Some(Version::Digest(DIGEST.into())),
        ),
    ];
    for (text, registry, repository, version) in cases {
        let image = Image::parse(text).unwrap();
        assert_eq!(
            (image.registry.as_str(), image.repository.as_str(), &image.version),
            (registry, repository, &version)
        );
        assert_eq!(image.to_string(), text);
    }
}

/// Karmada's cases: `TestSplitHostname`.
#[test]
fn a_registry_has_a_dot_or_a_colon() {
    for (name, registry, repository) in [
        ("", "", ""),
        ("imagename", "", "imagename"),
        ("subpath/imagename", "", "subpath/imagename"),
        ("fictional.registry.example/subpath/imagename", "fictional.registry.example", "subpath/imagename"),
        ("fictional.registry.example:10443/subpath/imagename", "fictional.registry.example:10443", "subpath/imagename"),
        ("10.10.10.10:10443/subpath/imagename", "10.10.10.10:10443", "subpath/imagename"),
        ("localhost/imagename", "localhost", "imagename"),
    ] {
        assert_eq!(split_registry(name), (registry, repository), "{name}");
    }
}

/// Karmada's examples of `Components`: set, change and remove each part.
#[test]
fn parts_are_set_one_after_the_other() {
    let mut image = Image::parse("imagename:v1.0.0").unwrap();
    let steps = [
        (
            ImageComponent::Registry,
            OverriderOperator::Replace,
            "fictional.registry.example",
            "fictional.registry.example/imagename:v1.0.0",
        ),
        (ImageComponent::Registry, OverriderOperator::Replace, "gcr.io", "gcr.io/imagename:v1.0.0"),
        (ImageComponent::Repository, OverriderOperator::Replace, "kube-apiserver", "gcr.io/kube-apiserver:v1.0.0"),
        (ImageComponent::Tag, OverriderOperator::Remove, "", "gcr.io/kube-apiserver"),
        (ImageComponent::Tag, OverriderOperator::Replace, "v1.19.0", "gcr.io/kube-apiserver:v1.19.0"),
        (ImageComponent::Tag, OverriderOperator::Replace, DIGEST, &format!("gcr.io/kube-apiserver@{DIGEST}")),
        (ImageComponent::Tag, OverriderOperator::Remove, "", "gcr.io/kube-apiserver"),
        (ImageComponent::Registry, OverriderOperator::Remove, "", "kube-apiserver"),
    ];
    for (component, operator, value, expect) in steps {
        image.change(component, operator, value);
        assert_eq!(image.to_string(), expect);
    }
}

/// Longer than the data should have: a tag of 128 and a repository of 255 characters, and one more.
#[test]
fn lengths_are_bounded() {
    let long = |length: usize| "a".repeat(length);
    for (text, fits) in [
        (format!("a:{}", long(128)), true),
        (format!("a:{}", long(129)), false),
        (long(255), true),
        (long(256), false),
        (format!("host/{}", long(255)), true),
        (format!("host/{}", long(256)), false),
        (format!("un_der/{}", long(255)), false),
    ] {
        assert_eq!(Image::parse(&text).is_ok(), fits, "{} {}", text.len(), &text[..6]);
    }
}

#[test]
fn what_is_wrong_with_a_reference_is_said() {
    for (text, expect) in [
        ("", "there is no image"),
        ("Nginx", "a repository is in lower case"),
        ("nginx:", "a tag has up to 128"),
        ("nginx@sha256:abc", "a digest is ALGORITHM:HEX"),
        (&format!("nginx@md5:{}", "a".repeat(32)), "one of sha256, sha384 and sha512"),
        ("a//b", "the repository is not well formed"),
    ] {
        let why = Image::parse(text).unwrap_err();
        assert!(why.contains(expect), "{text:?}: {why}");
    }
}

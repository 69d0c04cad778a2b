use std::time::Duration;

use super::*;

fn refused(code: u16) -> client::Error {
    let (reason, message) = ("Why".to_owned(), "the server's sentence quotes s3cret".to_owned());
    client::Error::Refused { code, reason, message, fields: vec!["data[a]".to_owned()], missing: None }
}

fn namespace(name: &str) -> client::Missing {
    client::Missing { group: String::new(), kind: "namespaces".to_owned(), name: name.to_owned() }
}

fn foreign(said: &str) -> client::Error {
    client::Error::NotKubernetes { said: said.to_owned() }
}

#[test]
fn each_failed_request_says_that_it_was_the_member_and_who_acts() {
    let text = str::to_owned;
    let unanswered = || client::Error::Deadline(Duration::from_secs(30));
    let source = Box::new(kube::Error::Service("refused".into()));
    let table = [
        (refused(422), Class::AwaitChange, "Why", "the server's sentence quotes s3cret"),
        (refused(409), Class::Reread, "Why", "the server's sentence quotes s3cret"),
        (
            client::Error::Transport { cause: text("refused"), source },
            Class::Unreachable,
            "Unreachable",
            "the member cannot be reached: refused",
        ),
        (unanswered(), Class::Unreachable, "Timeout", "the member did not answer within 30 s"),
        (
            client::Error::Unavailable(Box::new(unanswered())),
            Class::Retry,
            "Unavailable",
            "the member did not answer within 30 s; the rest of the member answers",
        ),
        (
            client::Error::TooLarge { max: 4, of: "bytes" },
            Class::Retry,
            "BadAnswer",
            "the member's answer is larger than 4 bytes",
        ),
        (
            client::Error::Endless { max: 4, of: "pages" },
            Class::Retry,
            "BadAnswer",
            "the member's list does not end: it has more than 4 pages",
        ),
        (
            client::Error::Malformed(text("EOF")),
            Class::Retry,
            "BadAnswer",
            "the member answered with something that is not a Kubernetes object: EOF",
        ),
        (
            client::Error::Mismatch { asked: text("configmaps shop/a"), found: text("null") },
            Class::Retry,
            "BadAnswer",
            "the member was asked about configmaps shop/a, and its answer is about null",
        ),
        (
            client::Error::NoKind {
                kind: text("PodDisruptionBudget.policy"),
                version: text("policy/v1beta1"),
                served: Some(text("policy/v1")),
            },
            Class::AwaitChange,
            "NoKind",
            "the member serves no PodDisruptionBudget.policy in policy/v1beta1; the member serves it as policy/v1: correct \
             apiVersion, and what differs there",
        ),
        (
            client::Error::NoKind { kind: text("Rule.example.com"), version: text("example.com/v1"), served: None },
            Class::AwaitChange,
            "NoKind",
            "the member serves no Rule.example.com in example.com/v1; install its CustomResourceDefinition, or correct \
             apiVersion and kind",
        ),
        (
            client::Error::NoKind { kind: text("Deployment.apps"), version: text("apps/v1"), served: None },
            Class::AwaitChange,
            "NoKind",
            "the member says that it serves no Deployment.apps in apps/v1, which each Kubernetes serves: see what is in front of \
             its API server, and whether that runs as it should",
        ),
        (
            client::Error::NoKind { kind: text("Secret"), version: text("v1"), served: None },
            Class::AwaitChange,
            "NoKind",
            "the member says that it serves no Secret in v1, which each Kubernetes serves: see what is in front of its API \
             server, and whether that runs as it should",
        ),
        (client::Error::Gone { message: text("it is gone") }, Class::Reread, "NotFound", "it is gone"),
        (
            foreign("<html>"),
            Class::Unreachable,
            "BadAnswer",
            "what is in front of the member answered 404, and not by Kubernetes: <html>",
        ),
        (
            client::Error::Unavailable(Box::new(foreign(""))),
            Class::Retry,
            "BadAnswer",
            "what is in front of the member answered 404, and not by Kubernetes; the rest of the member answers",
        ),
        (
            client::Error::Request(text("uri too long")),
            Class::Bug,
            "InternalError",
            "internal error: not a request: uri too long",
        ),
    ];
    for (failure, class, reason, message) in table {
        let error = Error::from(failure);
        assert_eq!((error.class(), error.reason(), error.to_string().as_str()), (class, reason, message));
    }
}

#[test]
fn every_reason_of_a_failed_request_is_explained() {
    const DOCUMENT: &str = include_str!("../../../../docs/errors.md");
    for reason in
        ["Unreachable", "Timeout", "Unavailable", "BadAnswer", "ServerError", "NoKind", "InternalError", "NotVisible"]
    {
        assert!(DOCUMENT.contains(&format!("`{reason}`")), "docs/errors.md does not explain {reason}");
    }
}

#[test]
fn what_a_server_says_about_a_secret_is_not_repeated() {
    let plain = Error::from(refused(422)).about_secret(&[]);
    assert_eq!(plain, "the server refused the Secret (data[a])");
    let part = Error::from(client::Error::Unavailable(Box::new(refused(503)))).about_secret(&[]);
    assert_eq!(part, "the server refused the Secret (data[a]); the rest of the member answers");
    for (quoting, said) in [
        (foreign("hunter2"), "what is in front of the member answered 404, and not by Kubernetes"),
        (
            client::Error::Gone { message: "hunter2".to_owned() },
            "the server refused the Secret (NotFound: it is not there)",
        ),
    ] {
        assert_eq!(Error::from(quoting).about_secret(&[]), said);
    }
    let wrong = ["stringData[port]".to_owned()];
    for (code, not_text, said) in [
        (400, &wrong[..], "stringData[port] must be text: put the value in quotes"),
        (400, &[], "a field has a name or a type that Secrets do not have, or a value of data is not Base64"),
        (404, &wrong, "NotFound: its namespace is not there; deliver the namespace too, or make it"),
        (500, &[], "HTTP 500"),
    ] {
        let quoting = client::Error::Refused {
            code,
            reason: "hunter2".to_owned(),
            message: "hunter2".to_owned(),
            fields: Vec::new(),
            missing: (code == 404).then(|| Box::new(namespace("hunter2"))),
        };
        assert_eq!(Error::from(quoting).about_secret(not_text), format!("the server refused the Secret ({said})"));
    }
}

/// kubectl takes the namespace of its context for an object without one. A delivery has no context: where the object belongs is never
/// guessed.
#[test]
fn an_object_whose_namespace_does_not_go_with_its_kind_is_refused_with_what_to_do() {
    for (namespaced, said) in [
        (true, "Widget.example.com is namespaced; set metadata.namespace"),
        (false, "Widget.example.com is cluster-scoped; remove metadata.namespace"),
    ] {
        let error = Error::Scope { kind: "Widget.example.com".to_owned(), namespaced };
        assert_eq!((error.to_string().as_str(), error.reason()), (said, "WrongScope"));
        assert_eq!(error.class(), Class::AwaitChange);
    }
}

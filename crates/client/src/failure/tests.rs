use super::*;

fn refused(code: u16, body: &str) -> Error {
    Error::refused(code, body.as_bytes())
}

#[test]
fn the_class_says_who_acts_as_the_table_in_docs_errors_md_has_it() {
    let table: [(Class, &[u16]); 4] = [
        (Class::Retry, &[302, 408, 429, 500, 501, 507]),
        (Class::Reread, &[409, 410]),
        // Without a word, a 404 is not Kubernetes' own.
        (Class::Unreachable, &[401, 404, 502, 503, 504]),
        (Class::AwaitChange, &[400, 403, 405, 406, 413, 415, 418, 422]),
    ];
    for (class, codes) in table {
        for code in codes {
            assert_eq!(refused(*code, "").class(), class, "{code}");
        }
    }
    let others = [
        (refused(404, "404 page not found\n"), Class::Reread, "ServerError", false),
        (Error::Gone { message: String::new() }, Class::Reread, "NotFound", false),
        (Error::NotKubernetes { said: String::new() }, Class::Unreachable, "BadAnswer", true),
        (Error::Unavailable(Box::new(Error::NotKubernetes { said: String::new() })), Class::Retry, "BadAnswer", true),
        (Error::Deadline(Duration::from_secs(30)), Class::Unreachable, "Timeout", true),
        (Error::transport(kube::Error::Service("no route".into())), Class::Unreachable, "Unreachable", true),
        (Error::Unavailable(Box::new(refused(503, ""))), Class::Retry, "Unavailable", true),
        (Error::TooLarge { max: 1, of: "bytes" }, Class::Retry, "BadAnswer", true),
        (Error::Endless { max: 1, of: "pages" }, Class::Retry, "BadAnswer", true),
        (Error::Malformed(String::new()), Class::Retry, "BadAnswer", true),
        (Error::Mismatch { asked: String::new(), found: String::new() }, Class::Retry, "BadAnswer", true),
        (
            Error::NoKind { kind: "A.b".into(), version: "b/v1".into(), served: None },
            Class::AwaitChange,
            "NoKind",
            false,
        ),
        (Error::Request(String::new()), Class::Bug, "InternalError", false),
    ];
    for (error, class, reason, ambiguous) in others {
        assert_eq!((error.class(), error.reason(), error.is_ambiguous()), (class, reason, ambiguous), "{error:?}");
    }
}

#[test]
fn what_is_wrong_with_a_certificate_comes_with_what_to_do() {
    for (cause, advice) in [
        ("invalid peer certificate: UnknownIssuer", "certificate-authority-data"),
        ("invalid peer certificate: certificate not valid for name \"a\"; it is for b", "tls-server-name"),
        ("invalid peer certificate: certificate expired: verification time 5 (UNIX)", "set the clocks"),
    ] {
        let said = advised(cause);
        assert!(said.starts_with(cause) && said.contains(advice), "{said}");
    }
    for other in ["invalid peer certificate: Revoked", "Connection refused (os error 111)"] {
        assert_eq!(advised(other), other);
    }
}

#[test]
fn a_refusal_is_no_doubt_about_a_write_and_silence_is() {
    for (code, ambiguous) in [(400, false), (404, true), (408, true), (409, false), (422, false), (429, false)] {
        assert_eq!(refused(code, "").is_ambiguous(), ambiguous, "{code}");
    }
    for code in [500, 502, 503, 504] {
        assert!(refused(code, "").is_ambiguous(), "{code}");
    }
}

#[test]
fn a_refusal_says_what_the_server_said_cut_and_without_control_characters() {
    let body = serde_json::json!({
        "kind": "Status", "reason": "Invalid", "message": "spec.a:\u{7} wrong", "code": 422,
        "details": {"causes": [{"field": "spec.a", "message": "no"}, {"field": "spec.b"}, {"message": "no field"}]},
    });
    let error = refused(422, &body.to_string());
    assert_eq!((error.to_string().as_str(), error.reason(), error.code()), ("spec.a: wrong", "Invalid", Some(422)));
    assert_eq!(error.fields(), ["spec.a", "spec.b"]);
    let long = refused(500, &"x".repeat(10_000));
    assert_eq!((long.to_string().len(), long.reason()), (limit::WORDS_MAX, "ServerError"));
    assert_eq!(refused(503, "").to_string(), "503 Service Unavailable");
    let causes: Vec<Value> = (0..1000).map(|i| serde_json::json!({"field": format!("f{i}")})).collect();
    let many = refused(422, &serde_json::json!({"details": {"causes": causes}}).to_string());
    assert_eq!(many.fields().len(), limit::FIELDS_MAX);
}

#[test]
fn what_is_invalid_is_told_by_its_code() {
    for (code, expect) in [(422, Some("field is immutable")), (409, None), (400, None)] {
        let error = refused(code, &serde_json::json!({"message": "field is immutable"}).to_string());
        assert_eq!(error.invalid(), expect, "{code}");
    }
}

#[test]
fn the_innermost_cause_of_silence_is_named() {
    #[derive(Debug, thiserror::Error)]
    #[error("client error")]
    struct Outer(#[source] std::io::Error);
    let error = Error::transport(kube::Error::Service(Outer(std::io::Error::other("Connection refused")).into()));
    assert_eq!(error.to_string(), "Connection refused");
    assert_eq!(Error::Deadline(Duration::from_millis(1500)).to_string(), "no answer within 1.5 s");
    assert_eq!(Error::Deadline(Duration::from_secs(30)).to_string(), "no answer within 30 s");
}

#[test]
fn a_404_that_is_not_of_kubernetes_is_said_to_be_that_with_its_first_words() {
    let page =
        "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center>nginx</center>\r\n</body></html>";
    let kong = r#"{"message":"no Route matched with those values"}"#;
    let begin = "what is in front of the server answered 404, and not by Kubernetes";
    for (body, rest) in [
        (page, ": <html> <head><title>404 Not Found</title></head> <body> <center>nginx</center> <"),
        (kong, ": {\"message\":\"no Route matched with those values\"}"),
        ("", ""),
        ("404 page not found, sorry", ": 404 page not found, sorry"),
        // A gateway may quote what Kubernetes says.
        (r#"{"message":"404 page not found"}"#, ": {\"message\":\"404 page not found\"}"),
    ] {
        let error = refused(404, body);
        assert_eq!(error.to_string(), format!("{begin}{rest}"));
        assert_eq!((error.code(), error.is_gone(), error.is_path_unknown()), (None, false, false), "{body}");
    }
    // Other codes keep what they are.
    assert_eq!(refused(502, page).code(), Some(502));
}

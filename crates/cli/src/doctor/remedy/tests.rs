//! Every fault with a message as it comes, and what is said to do about it: read it as a user with that fault.

use std::collections::BTreeSet;

use client::Trust;
use client::credential::Credential;
use rustls::CertificateError;

use super::super::fault::{self, FAULTS, Names, Place, find_fault};
use super::*;
use Place::{Application, Fleet, Process, Store};

/// A kubeconfig as people have it, with this user and cluster, and what is said of it.
fn refused(user: &str, cluster: &str) -> String {
    let text = format!(
        "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\nclusters: [{{name: c, cluster: \
         {cluster}}}]\nusers: [{{name: u, user: {user}}}]\n"
    );
    let why = Credential::parse(text.as_bytes(), Trust { loopback: false }).unwrap_err();
    format!("Secret default/paris-kubeconfig: {why}")
}

fn unreachable(why: &dyn std::fmt::Display) -> String {
    format!("last seen 2026-11-27T01:02:03Z: {why}")
}

fn certificate(error: CertificateError) -> String {
    unreachable(&rustls::Error::InvalidCertificate(error))
}

fn examples_of_members() -> Vec<(&'static str, String)> {
    let https = "{server: 'https://paris.example.com:6443'}";
    let asked_name = rustls::pki_types::ServerName::try_from("paris.example.com").unwrap();
    let name = CertificateError::NotValidForNameContext {
        expected: asked_name,
        presented: vec!["DnsName(\"kubernetes\")".to_owned()],
    };
    let time = |secs| rustls::pki_types::UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs));
    let expired = CertificateError::ExpiredContext { time: time(1_800_000_000), not_after: time(1_700_000_000) };
    let os = |code| unreachable(&std::io::Error::from_raw_os_error(code));
    vec![
        (REFUSED, refused("{exec: {command: aws}}", https)),
        (REFUSED, refused("{auth-provider: {name: gcp}}", https)),
        (REFUSED, refused("{tokenFile: /token}", https)),
        (REFUSED, refused("{client-certificate: /crt}", https)),
        (REFUSED, refused("{token: t}", "{server: 'https://a:6443', certificate-authority: /ca.crt}")),
        (REFUSED, refused("{token: t}", "{server: 'http://a:6443'}")),
        (REFUSED, refused("{token: t}", "{server: 'https://127.0.0.1:6443'}")),
        (REFUSED, refused("{token: t}", "{server: 'https://u:p@a:6443'}")),
        (REFUSED, refused("{token: t}", "{server: 'https://a:6443', proxy-url: 'socks5://a:1'}")),
        (REFUSED, refused("{token: t}", "{server: 'https://127.1:6443'}")),
        (reason::KUBECONFIG_MALFORMED, "Secret default/paris-kubeconfig: not a kubeconfig: it is not valid YAML".into()),
        (
            reason::KUBECONFIG_MALFORMED,
            "Secret default/paris-kubeconfig: cannot connect with this kubeconfig: no private key in it".into(),
        ),
        (UNREACHABLE, certificate(CertificateError::UnknownIssuer)),
        (UNREACHABLE, certificate(name)),
        (UNREACHABLE, certificate(expired)),
        (UNREACHABLE, unreachable(&"failed to lookup address information: Name or service not known")),
        // ECONNREFUSED, EHOSTUNREACH, ENETUNREACH of Linux.
        (UNREACHABLE, os(111)),
        (UNREACHABLE, os(113)),
        (UNREACHABLE, os(101)),
        (UNREACHABLE, unreachable(&"no answer within 5 s")),
        (UNREACHABLE, unreachable(&"connection closed before message completed")),
        (reason::CLUSTER_NOT_READY, "[-]etcd failed: reason withheld".into()),
        (
            reason::CREDENTIAL_REFUSED,
            "the member refuses the credential: Unauthorized; make another one with `kurator attach CONTEXT --name paris`, or \
             replace the kubeconfig in its Secret"
                .into(),
        ),
        (
            reason::CREDENTIAL_REFUSED,
            "the member refuses the credential: Unauthorized; make another one with `kurator attach paris-admin --name paris`, \
             or replace the kubeconfig in its Secret"
                .into(),
        ),
        (
            reason::CREDENTIAL_REFUSED,
            "with the kubeconfig in Secret default/paris the member does not answer: Unauthorized; the credential before it \
             still works and stays in use"
                .into(),
        ),
        (
            reason::CREDENTIAL_EXPIRED,
            "the credential expired at 2026-11-27T01:02:03Z, and the member refuses it: Unauthorized; make another one with \
             `kurator attach CONTEXT --name paris`"
                .into(),
        ),
        (
            reason::CREDENTIAL_EXPIRED,
            "the credential expired at 2026-11-27T01:02:03Z, and the member refuses it: Unauthorized; make another one with \
             `kurator attach paris-admin --name paris`"
                .into(),
        ),
        (reason::RENEWAL_FAILED, "the credential cannot be renewed: serviceaccounts \"kurator\" not found".into()),
        (reason::APPLIER_NOT_ANSWERED, "no answer within 10 s".into()),
        (reason::APPLIER_REFUSED, "secrets is forbidden".into()),
        (reason::PROBING, "waiting for the first answer".into()),
        (reason::NAME_TAKEN, "member name \"paris\" is taken by AttachedCluster west/paris".into()),
        (reason::NAME_INVALID, "\"Paris\" is no name".into()),
        (reason::SAME_CLUSTER, "the cluster that answers is member \"rome\" already".into()),
        (
            reason::SAME_CLUSTER,
            "its kubeconfig leads to the cluster of member \"rome\" (kube-system UID b), and this member is another cluster (UID a)"
                .into(),
        ),
        (reason::IDENTITY_CHANGED, "another cluster answers at this address".into()),
        (reason::IDENTITY_UNKNOWN, "its namespace kube-system has no UID that can be read".into()),
        (reason::TOO_MANY_FACTS, "1000 resources are left out".into()),
        (reason::STATUS_REFUSED, "status is too large".into()),
        (reason::SECRET_NOT_FOUND, "Secret default/paris-kubeconfig does not exist".into()),
        (reason::SECRET_KEY_NOT_FOUND, "Secret default/paris-kubeconfig has no key \"value\" (it has: kubeconfig)".into()),
        (reason::SECRET_UNREADABLE, "Secret default/paris-kubeconfig cannot be read".into()),
        (reason::TAKE_OVER_HELD, "hub mxqz2ra7oykc4hbt has 12 objects of 3 units there".into()),
        (reason::TAKING_OVER, "12 objects of 3 units of hub mxqz2ra7oykc4hbt are being taken over".into()),
        (reason::TAKE_OVER_STUCK, "spec.takeOver.hub: it is no id of a hub".into()),
        (reason::TAKE_OVER_STUCK, "hub mxqz2ra7oykc4hbt: Secret kurator-system/inventory-1 cannot be read".into()),
        (reason::RELEASING, "everything that this hub has in the member is given back before it goes: 2 units".into()),
    ]
}

const SOURCES: [&str; 21] = [
    "spec.source.gitRepository is not set: only git sources are followed so far",
    "git://a/b: it is no address; use a URL that begins with https://, http:// or ssh://",
    "https://a/b: no git repository there (HTTP 404); check the URL, and the credentials if it is private",
    "https://a/b: access refused (HTTP 401); check the credentials in secretRef",
    "https://a/b: branch \"main\" does not exist; there is master",
    "https://a/b: branch \"main\" does not exist; there is none of that kind",
    "https://a/b: the repository has no commit yet; push one",
    "ssh://a/b: `known_hosts` in the Secret of secretRef does not have the server.",
    "ssh://a/b: the server does not accept the key for the user git; add the public key of `identity` there",
    "ssh://a/b: git over ssh needs a private key and the server's in the Secret of secretRef: there is no identity",
    "https://a/b: no answer within 60 s; check the network or raise spec.timeout",
    "https://a/b: TLS failed: UnknownIssuer; check the certificate of the server or give its CA",
    "https://a/b: cannot connect: Connection refused",
    "https://a/b: the pack exceeds the limit of 1000000",
    "the source cache at /d/cache: No space left on device",
    "https://a/b: the server answered HTTP 503",
    "https://a/b: what was fetched is damaged: a checksum is wrong",
    "remote base of app/kustomization.yaml: resources[0]: https://a/b: no git repository there (HTTP 404); check the URL, and \
     the credentials if it is private",
    "remote base of app/kustomization.yaml: resources[0]: https://a/b: branch or tag \"gone\" does not exist; there is main",
    "remote base of app/kustomization.yaml: resources[0]: https://a/b: no answer within 60 s; check the network or raise \
     spec.timeout",
    "remote base of app/kustomization.yaml: resources[0]: the source cache at /d/cache: No space left on device",
];

const UNITS: [(&str, &str); 15] = [
    ("Immutable", "Service shop/web: spec.clusterIP: field is immutable"),
    ("Immutable", "PersistentVolumeClaim shop/data: spec: Forbidden: spec is immutable after creation"),
    ("Forbidden", "Deployment.apps shop/web: deployments.apps is forbidden: User \"kurator\" cannot create it"),
    ("Forbidden", "Pod shop/web: pods \"web\" is forbidden: exceeded quota: small, requested: cpu=2"),
    ("Forbidden", "Pod shop/web: admission webhook \"policy.example\" denied the request: no latest tags"),
    ("Forbidden", "Pod shop/web: pods \"web\" is forbidden: violates PodSecurity \"restricted:latest\""),
    ("NotFound", "Deployment.apps shop/web: namespaces \"shop\" not found"),
    ("NotFound", "Role shop/web: clusterroles.rbac.authorization.k8s.io \"admin\" not found"),
    ("Invalid", "Deployment.apps shop/web: spec.replicas is invalid"),
    ("ForeignHub", "ConfigMap shop/settings: hub mxqz2ra7oykc4hbt delivers it"),
    ("AdoptionRefused", "Deployment.apps shop/web: its pods would restart: spec.template"),
    ("NoKind", "Certificate shop/web: Certificate.cert-manager.io is not served in v1"),
    (
        "NoKind",
        "the member says that it serves no Deployment.apps in apps/v1, which each Kubernetes serves: see what is in front",
    ),
    (
        "Contested",
        "ConfigMap shop/settings is changed again and again by hpa; it is left alone until 2026-11-27T14:06:50Z, then reverted again",
    ),
    (
        "Contested",
        "ConfigMap shop/settings is changed again and again under Kurator's own name: probably a second hub runs from the same backup",
    ),
];

/// Every row of the table with the messages that there are examples of; of a reason whose words choose nothing, one without.
fn examples() -> Vec<(Place, &'static str, String)> {
    let members = examples_of_members().into_iter().map(|(reason, message)| (Member, reason, message));
    let sources = SOURCES.map(|message| (Source, NOT_FETCHED, message.to_owned()));
    let units = UNITS.map(|(reason, message)| (Unit, reason, message.to_owned()));
    let others = [
        (Process, fault::UNREADABLE, "cannot read the kubeconfig /d/kubeconfig: Permission denied (os error 13)"),
        (Process, fault::UNREADABLE, "cannot list members: 500: it is broken"),
        (Application, reason::NO_MEMBER_SELECTED, "policy large selects no member: fleet demo has none"),
        (
            Application,
            reason::NO_MEMBER_SELECTED,
            "policy large selects none of 3 candidates in fleet demo: labels differ",
        ),
    ];
    let others = others.map(|(place, reason, message)| (place, reason, message.to_owned()));
    let mut all: Vec<_> = members.chain(sources).chain(units).chain(others).collect();
    for row in FAULTS {
        if !all.iter().any(|(place, reason, _)| (*place, *reason) == (row.place, row.reason)) {
            all.push((row.place, row.reason, String::new()));
        }
    }
    all
}

fn said(place: Place, reason: &str, message: &str) -> String {
    let (namespace, name) = match place {
        Process | Store => ("", ""),
        Member => ("", "paris"),
        Fleet | Application | Source | Unit => ("east", "shop"),
    };
    let names = Names { namespace: namespace.to_owned(), name: name.to_owned(), member: "rome".to_owned() };
    fault::remedy(template(find_fault(place, reason), place, reason, message), &[&names])
}

#[test]
fn each_fault_is_answered_with_what_mends_it() {
    let line = |(place, reason, message): (Place, &str, String)| {
        let to_do = said(place, reason, &message);
        let message = if message.is_empty() { String::new() } else { format!("\n  {message}") };
        format!("{} {reason}{message}\n  → {to_do}\n", place.as_str())
    };
    insta::assert_snapshot!(examples().into_iter().map(line).collect::<String>());
}

#[test]
fn every_cause_has_an_example_that_chooses_it() {
    let chosen: BTreeSet<&str> = examples()
        .iter()
        .map(|(place, reason, message)| template(find_fault(*place, reason), *place, reason, message))
        .collect();
    for cause in CAUSES {
        assert!(chosen.contains(cause.remedy), "no example is answered with {:?}", cause.remedy);
        assert!(find_fault(cause.place, cause.reason).is_some(), "{} is no reason of that place", cause.reason);
    }
}

/// Causes of a fetch that fails are told by the words of another crate, which this one cannot make.
#[test]
fn the_words_of_a_source_are_those_that_it_says() {
    const ERRORS: &str = include_str!("../../../../source/src/error.rs");
    const REMOTE: &str = include_str!("../../../../controllers/src/fetch/remote.rs");
    const OBSERVED: &str = include_str!("../../../../controllers/src/application/observe.rs");
    for cause in CAUSES.iter().filter(|cause| cause.place == Source) {
        let is_known = [ERRORS, OBSERVED, REMOTE].iter().any(|text| text.contains(cause.words));
        // The list of what there is comes from a value.
        assert!(is_known || cause.words.ends_with("; there is"), "no code says {:?}", cause.words);
    }
}

#[test]
fn the_advice_about_a_loopback_address_and_a_program_are_not_the_same() {
    let exec = said(Member, REFUSED, &refused("{exec: {command: aws}}", "{server: 'https://a:6443'}"));
    let loopback = said(Member, REFUSED, &refused("{token: t}", "{server: 'https://127.0.0.1:6443'}"));
    assert!(
        exec.contains("kurator attach CONTEXT") && loopback.contains("--allow-loopback-members"),
        "{exec} {loopback}"
    );
}

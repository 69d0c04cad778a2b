//! How the hub's objects are found by what they name: the indexes of the shared stores. Those of the records of delivery are
//! in [`crate::record`].

use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Index, NamespacedName};

/// Applications by their Fleet, as `NAMESPACE/NAME`.
pub(crate) const FLEET: &str = "fleet";
/// Applications by the repository that they follow ([`repository`]).
pub(crate) const SOURCE: &str = "source";
/// Fleets by an object that they list, as `NAMESPACE/NAME`.
pub(crate) const ENTRY: &str = "entry";
/// AttachedClusters by the member name that they want.
pub(crate) const CLAIM: &str = "claim";
/// Applications, AttachedClusters and members' records by the Secret that they name, as `NAMESPACE/NAME`.
pub(crate) const SECRET: &str = "secret";
/// Members' records by the object that made them.
pub(crate) const ORIGIN: &str = "origin";
/// Members' records by the identity of the cluster.
pub(crate) const IDENTITY: &str = "identity";

/// Of Applications.
pub(crate) fn applications() -> Vec<Index<Application>> {
    let fleets = |a: &Application| -> Vec<String> {
        let spec = &a.spec;
        let named = spec.sync_policies.iter().filter_map(|p| spec.destination_of(p)).chain(&spec.destination);
        let mut out: Vec<String> = named.map(|d| NamespacedName::of(a).beside(&d.fleet).to_string()).collect();
        out.sort();
        out.dedup();
        out
    };
    let secrets = |a: &Application| -> Vec<String> {
        let git = a.spec.source.git_repository.as_ref();
        let secret = git.and_then(|g| g.secret_ref.as_ref());
        secret.map(|s| NamespacedName::of(a).beside(&s.name).to_string()).into_iter().collect()
    };
    let sources = |a: &Application| -> Vec<String> {
        let git = a.spec.source.git_repository.as_ref();
        git.map(|git| repository(&git.url)).into_iter().collect()
    };
    vec![
        Index { name: FLEET, terms: fleets },
        Index { name: SECRET, terms: secrets },
        Index { name: SOURCE, terms: sources },
    ]
}

/// The repository of a URL, as far as two URLs that are written otherwise can be told to be of the same: without user information,
/// and without `.git` at its end.
pub(crate) fn repository(url: &str) -> String {
    let url = url.trim().trim_end_matches('/');
    let url = url.strip_suffix(".git").unwrap_or(url);
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{}://{}/{path}", scheme.to_ascii_lowercase(), host.to_ascii_lowercase())
}

/// Of Fleets.
pub(crate) fn fleets() -> Vec<Index<Fleet>> {
    let terms = |fleet: &Fleet| -> Vec<String> {
        let me = NamespacedName::of(fleet);
        fleet.spec.clusters.iter().map(|entry| me.beside(&entry.name).to_string()).collect()
    };
    vec![Index { name: ENTRY, terms }]
}

/// Of AttachedClusters.
pub(crate) fn attached() -> Vec<Index<AttachedCluster>> {
    vec![
        Index {
            name: CLAIM,
            terms: |a| crate::origin::wanted_name(a).map(|name| name.to_string()).into_iter().collect(),
        },
        Index { name: SECRET, terms: |a| vec![NamespacedName::of(a).beside(&a.spec.kubeconfig.name).to_string()] },
    ]
}

/// Of members' records.
pub(crate) fn clusters() -> Vec<Index<Cluster>> {
    vec![
        Index { name: ORIGIN, terms: |c| crate::origin::of_record(c).map(|o| o.to_string()).into_iter().collect() },
        Index { name: IDENTITY, terms: |c| c.spec.id.clone().into_iter().collect() },
        Index {
            name: SECRET,
            terms: |c| {
                let secret = c.spec.secret_ref.as_ref();
                secret
                    .map(|s| NamespacedName::new(s.namespace.clone(), s.name.clone()).to_string())
                    .into_iter()
                    .collect()
            },
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_repository_is_known_again() {
        for url in ["https://git.example/a/b", "HTTPS://Git.Example/a/b.git", "https://u:p@git.example/a/b/"] {
            assert_eq!(repository(url), "https://git.example/a/b", "{url}");
        }
        assert_eq!(repository("git@git.example:a/b.git"), "git@git.example:a/b");
        assert_ne!(repository("https://git.example/a/B"), repository("https://git.example/a/b"));
    }
}

//! From a commit to an artifact: its objects, and those of its submodules.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::address::Address;
use super::objects::{Objects, Part};
use super::submodule::{self, DEPTH_MAX, SUBMODULES_MAX};
use super::walk::{Layers, Request, Submodule, Totals};
use super::wire::Remote;
use super::{Commit, GitSource, http};
use crate::artifact::Artifact;
use crate::cache::{Cache, Repository};
use crate::error::Error;

/// A tree that is to be fetched, and where it is in the artifact.
struct Tree {
    commit: String,
    dir: String,
    layers: Layers,
}

/// A submodule, and the URL of the repository that has it.
struct Found {
    submodule: Submodule,
    parent: String,
    depth: usize,
}

impl GitSource {
    pub(super) async fn fetch_now(&self, asked: &Commit, cache: &Cache) -> Result<Artifact, Error> {
        let (key, content) = (self.remote.cache_key(), self.content());
        let repository = cache.repository(&key, &content).await;
        let (known, wanted) = (repository.clone(), asked.clone());
        if let Some(artifact) = blocking(move |_| known.artifact(&wanted)).await? {
            return Ok(artifact);
        }
        let tree = Tree { commit: asked.sha.clone(), dir: String::new(), layers: Vec::new() };
        let (part, sha) = self.part(&self.remote, &tree, Totals::default(), &repository).await?;
        let (asked, commit) = (asked.sha.clone(), Commit { sha, name: asked.name.clone() });
        if part.submodules.is_empty() {
            return blocking(move |_| {
                let artifact = repository.publish(part.file, &part.digest, &commit)?;
                repository.remember(&asked, &commit, &artifact)?;
                Ok(artifact)
            })
            .await;
        }
        // Two repositories may have each other as submodules: one is held at a time.
        drop(repository);
        let parts = self.with_submodules(part, cache).await?;
        let repository = cache.repository(&key, &content).await;
        let url = self.url().to_owned();
        blocking(move |stop| {
            let (file, digest) = repository.join(&parts, &url, stop)?;
            let artifact = repository.publish(file, &digest, &commit)?;
            repository.remember(&asked, &commit, &artifact)?;
            Ok(artifact)
        })
        .await
    }

    /// What decides which files of a commit are in its artifact.
    fn content(&self) -> String {
        format!("{}\n{}", if self.submodules { "with submodules" } else { "" }, self.ignore.key())
    }

    /// A repository's part of an artifact, and those of its submodules, one after the other.
    async fn with_submodules(&self, part: Part, cache: &Cache) -> Result<Vec<Artifact>, Error> {
        let mut todo = VecDeque::new();
        let mut parts = Vec::new();
        let mut count = 0;
        let mut totals = self.collect_part(part, self.url(), 1, &mut todo, &mut parts)?;
        while let Some(found) = todo.pop_front() {
            count += 1;
            let limits = [
                ("the number of submodules", count, SUBMODULES_MAX),
                ("the nesting of submodules", found.depth, DEPTH_MAX),
            ];
            for (what, is, limit) in limits {
                if is > limit {
                    let (url, what) = (self.url().to_owned(), what.to_owned());
                    return Err(Error::TooLarge { url, what, limit: limit as u64 });
                }
            }
            let path = found.submodule.path.clone();
            let fetched = self.submodule(&found, totals, cache).await;
            let (part, url) = fetched.map_err(|source| Error::Submodule { path, source: Box::new(source) })?;
            totals = self.collect_part(part, &url, found.depth + 1, &mut todo, &mut parts)?;
        }
        Ok(parts)
    }

    /// Keeps what was fetched, and notes what is to be fetched.
    fn collect_part(
        &self,
        part: Part,
        parent: &str,
        depth: usize,
        todo: &mut VecDeque<Found>,
        parts: &mut Vec<Artifact>,
    ) -> Result<Totals, Error> {
        // The file stays readable when its name is gone.
        parts.push(Artifact::open(part.file.path(), &part.digest, String::new())?);
        let found = part.submodules.into_iter();
        todo.extend(found.map(|submodule| Found { submodule, parent: parent.to_owned(), depth }));
        Ok(part.totals)
    }

    async fn submodule(&self, found: &Found, totals: Totals, cache: &Cache) -> Result<(Part, String), Error> {
        let submodule = &found.submodule;
        let url = submodule::resolve(&found.parent, &submodule.url).ok_or_else(|| Error::UnsupportedUrl {
            url: submodule.url.clone(),
            why: format!("it leads out of {}", found.parent),
        })?;
        let remote = self.access.remote(&url, &found.parent, self.url())?;
        let repository = cache.repository(&remote.cache_key(), &self.content()).await;
        let (commit, dir) = (submodule.commit.clone(), submodule.path.clone());
        let tree = Tree { commit, dir, layers: submodule.layers.clone() };
        let (part, sha) = self.part(&remote, &tree, totals, &repository).await?;
        blocking(move |_| repository.remember_tip(&sha)).await?;
        Ok((part, remote.url().to_owned()))
    }

    /// What a commit of a repository, or of a tag that names one, makes of an artifact; and the commit.
    async fn part(
        &self,
        remote: &Remote,
        tree: &Tree,
        totals: Totals,
        repository: &Arc<Repository>,
    ) -> Result<(Part, String), Error> {
        let tips = repository.tips();
        let from_nothing = tips.is_empty();
        match self.transfer(remote, tree, totals, tips, repository).await {
            // What the cache holds may be damaged, or its objects gone: once more from nothing.
            Err(Error::BadObjects { .. }) if !from_nothing => {}
            Err(Error::Cache { .. }) => {}
            other => return other,
        }
        repository.clear()?;
        self.transfer(remote, tree, totals, Vec::new(), repository).await
    }

    async fn transfer(
        &self,
        remote: &Remote,
        tree: &Tree,
        mut totals: Totals,
        tips: Vec<String>,
        repository: &Arc<Repository>,
    ) -> Result<(Part, String), Error> {
        let pack = match tips.contains(&tree.commit) {
            true => None,
            false => Some(remote.pack(&tree.commit, &tips, repository, &mut totals.pack_bytes).await?),
        };
        let (asked, dir, layers) = (tree.commit.clone(), tree.dir.clone(), tree.layers.clone());
        let (url, ignore, follow) = (remote.url().to_owned(), self.ignore.clone(), self.submodules);
        let repository = repository.clone();
        blocking(move |stop| {
            let objects = Objects::open(&repository, url)?;
            if let Some(pack) = pack {
                objects.add_pack(pack, stop)?;
            }
            let commit = objects.peel(&asked)?;
            let request = Request { dir: &dir, layers, ignore: &ignore, follow, stop };
            Ok((objects.part(&commit, &request, totals)?, commit))
        })
        .await
    }
}

/// How servers are reached, for the repository and its submodules.
pub(super) struct Access {
    pub(super) http: http::Http,
    pub(super) credentials: Option<super::Credentials>,
    pub(super) ca: Option<Vec<u8>>,
}

impl Access {
    /// A submodule's repository, which a file in the repository at `parent` names. When its server is the server of the source it is given the credentials of the source, also
    /// where the URL names a user, and is known by the certificates of the source.
    fn remote(&self, url: &str, parent: &str, source: &str) -> Result<Remote, Error> {
        let address = Address::parse(url)?;
        let (to, own) = match &address {
            Address::Http { url, credentials } => (url.clone(), credentials.clone()),
            Address::Ssh(address) => (address.url.clone(), None),
        };
        // The parent passed the same check, and so on up to the source: none of them widens what the source may reach.
        http::check_reach(&to, parent)?;
        let same = http::is_same_server(source, &to);
        let credentials = self.credentials.clone().filter(|_| same).or(own);
        if credentials.is_none() && matches!(address, Address::Ssh(_)) {
            let why = "the identity of the source is given to its own server alone; a relative URL in .gitmodules stays there";
            return Err(Error::SshCredentials { url: to, why: why.to_owned() });
        }
        Remote::new(&self.http, address, credentials, self.ca.as_deref().filter(|_| same))
    }
}

/// Runs work that reads the disk. It is told to stop when the future that waits for it is dropped.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce(&AtomicBool) -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    let stop = Stop(Arc::new(AtomicBool::new(false)));
    let flag = stop.0.clone();
    tokio::task::spawn_blocking(move || work(&flag)).await.map_err(|_| Error::Stopped)?
}

struct Stop(Arc<AtomicBool>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitmodules_do_not_send_the_hub_to_itself() {
        let access = Access { http: http::Http::new().unwrap(), credentials: None, ca: None };
        let (outside, here) = ("https://git.example/org/app", "http://127.0.0.1:8080/app");
        for url in ["http://127.0.0.1:8080/org/lib", "http://localhost/org/lib", "http://169.254.169.254/latest"] {
            for source in [outside, here] {
                let error = access.remote(url, outside, source).err().unwrap();
                assert!(matches!(error, Error::OwnMachine { .. }), "{url} from {source}: {error}");
            }
            assert!(access.remote(url, here, here).is_ok(), "{url}");
        }
        assert!(access.remote("http://10.0.0.7/org/lib", outside, outside).is_ok());
    }
}

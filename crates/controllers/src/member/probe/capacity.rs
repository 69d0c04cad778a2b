//! Lists what a member holds: its nodes, and what pods ask of them. What is kept of it is decided by [`Census`].

use client::{Api, Error, Resource, Selection};
use plan::member::facts::Census;
use serde_json::Value;

use super::Silent;

/// Items per page of nodes and pods.
pub(super) const PAGE: usize = 500;
/// Most pages that are counted: 10,000 pods. A larger member reports its nodes' capacity and no allocation.
pub(super) const PAGES_MAX: usize = 20;
/// Largest page, in bytes. A node with all its images listed has 40 kB, a pod with its managed fields 20 kB.
pub(super) const PAGE_BYTES_MAX: usize = 32 << 20;

/// Counts nodes and the pods that have not ended.
pub(super) async fn count(api: &Api) -> Result<Census, Silent> {
    let mut census = Census::default();
    let nodes = Resource::core("Node", "nodes", false);
    for_each(api, &nodes, &Selection::default(), |node| census.node(node)).await?;
    let pods = Resource::core("Pod", "pods", true);
    let running = "status.phase!=Succeeded,status.phase!=Failed";
    let running = Selection { fields: running.to_owned(), ..Selection::default() };
    if !for_each(api, &pods, &running, |pod| census.pod(pod)).await? {
        census.forget_pods();
    }
    Ok(census)
}

/// Shows every object of a kind; says whether those were all.
async fn for_each(
    api: &Api,
    resource: &Resource,
    selection: &Selection,
    mut see: impl FnMut(&Value) + Send,
) -> Result<bool, Silent> {
    let seen = api.list_as(resource, "", selection, |object| {
        see(&object);
        None::<()>
    });
    match seen.await {
        Ok(_) => Ok(true),
        Err(Error::Endless { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

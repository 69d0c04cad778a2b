//! Which proxy stands before an API server: the one that its kubeconfig names, and no other.
//!
//! The client library would also take `HTTPS_PROXY`, which is about the web: members and the hub itself would be asked
//! for through it, loopback addresses included.

use kube::Config;
use kube::config::Kubeconfig;

/// Makes a configuration use its cluster's `proxy-url`, and nothing that the environment says. `context` is the one that
/// the configuration was made for; the current one by default.
///
/// # Errors
/// What is wrong with the URL.
pub fn keep_own(config: &mut Config, kubeconfig: &Kubeconfig, context: Option<&str>) -> Result<(), String> {
    let url = of(kubeconfig, context.or(kubeconfig.current_context.as_deref()));
    config.proxy_url =
        url.map(|url| url.parse().map_err(|e| format!("proxy-url {:?}: {e}", without_user(url)))).transpose()?;
    Ok(())
}

/// A proxy's URL as an error repeats it: its user may have a password.
fn without_user(url: &str) -> String {
    url.rsplit_once('@').map_or_else(|| url.to_owned(), |(_, rest)| format!("…@{rest}"))
}

/// `proxy-url` of a context's cluster.
fn of<'a>(kubeconfig: &'a Kubeconfig, context: Option<&str>) -> Option<&'a str> {
    let context = kubeconfig.contexts.iter().find(|c| Some(c.name.as_str()) == context)?.context.as_ref()?;
    let cluster = kubeconfig.clusters.iter().find(|c| c.name == context.cluster)?.cluster.as_ref()?;
    cluster.proxy_url.as_deref().filter(|url| !url.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clusters_own_proxy_counts() {
        let with = |proxy: &str| {
            let text = format!(
                "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
                 clusters: [{{name: k, cluster: {{server: 'https://a.example'{proxy}}}}}]\n"
            );
            let mut config = Config::new("https://a.example".parse().unwrap());
            // As if the environment had named it.
            config.proxy_url = Some("http://proxy.example:3128".parse().unwrap());
            keep_own(&mut config, &Kubeconfig::from_yaml(&text).unwrap(), None).map(|()| config.proxy_url)
        };
        assert_eq!(with("").unwrap(), None);
        assert_eq!(with(", proxy-url: ''").unwrap(), None);
        assert_eq!(with(", proxy-url: 'http://own:1'").unwrap().unwrap(), "http://own:1");
        assert!(with(", proxy-url: 'a b'").unwrap_err().starts_with("proxy-url \"a b\": "));
        let secret = with(", proxy-url: 'http://me:secret@a b'").unwrap_err();
        assert!(secret.starts_with("proxy-url \"…@a b\": "), "{secret}");
    }
}

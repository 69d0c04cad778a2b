//! Real sockets: an address that leads to another cluster.

use std::convert::Infallible;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{Method, Request};
use http_body_util::Full;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use super::*;
use crate::{Api, Credential, Document, Trust};

/// What a cluster was asked.
#[derive(Default)]
struct Asked {
    writes: AtomicUsize,
    reads: AtomicUsize,
    identity: AtomicUsize,
}

/// A cluster; its port and what it was asked.
async fn cluster(uid: &'static str, acceptor: &TlsAcceptor, keeps_alive: bool) -> (u16, Arc<Asked>) {
    let (listener, asked) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), Arc::<Asked>::default());
    let (port, acceptor, seen) = (listener.local_addr().unwrap().port(), acceptor.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, seen) = (acceptor.clone(), seen.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let service = hyper::service::service_fn(move |request| answer(uid, request, seen.clone()));
                let mut server = auto::Builder::new(TokioExecutor::new());
                server.http1().keep_alive(keeps_alive);
                let _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    (port, asked)
}

async fn answer(
    uid: &'static str,
    request: Request<hyper::body::Incoming>,
    asked: Arc<Asked>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    body.collect().await.unwrap();
    let counter = match head.method {
        _ if head.uri.path().ends_with("/kube-system") => &asked.identity,
        Method::GET => &asked.reads,
        _ => &asked.writes,
    };
    counter.fetch_add(1, Ordering::SeqCst);
    let (code, said) = if head.uri.path().ends_with("/kube-system") {
        (200, json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "kube-system", "uid": uid}}))
    } else if head.uri.path().ends_with(ABSENT) {
        let details = json!({"name": ABSENT, "kind": "configmaps"});
        (404, json!({"kind": "Status", "apiVersion": "v1", "reason": "NotFound", "code": 404, "details": details}))
    } else {
        let metadata = json!({"name": "c", "namespace": "n", "uid": "u"});
        (200, json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata}))
    };
    Ok(Response::builder().status(code).body(Full::from(said.to_string())).unwrap())
}

/// An address that leads to one cluster after the other.
struct Address {
    port: u16,
    /// Where connections lead, one after the other, and from the first one again.
    to: Arc<Mutex<Vec<u16>>>,
    cut: watch::Sender<()>,
}

impl Address {
    async fn leading_to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (cut, to) = (watch::channel(()).0, Arc::new(Mutex::new(vec![port])));
        let address = Self { port: listener.local_addr().unwrap().port(), to: to.clone(), cut: cut.clone() };
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut cut = cut.subscribe();
                let port = {
                    let mut to = to.lock().unwrap();
                    to.rotate_left(1);
                    *to.last().unwrap()
                };
                tokio::spawn(async move {
                    let mut there = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut stream, &mut there) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        address
    }

    /// Moves, and breaks the connections that there are.
    fn lead_to(&self, port: u16) {
        self.lead_to_each_of([port]);
    }

    fn lead_to_each_of(&self, ports: impl Into<Vec<u16>>) {
        *self.to.lock().unwrap() = ports.into();
        self.cut.send_replace(());
    }
}

/// Two clusters with one certificate, and an address that leads to the first.
struct Moving {
    ports: [u16; 2],
    asked: [Arc<Asked>; 2],
    address: Address,
    api: Api,
}

impl Moving {
    async fn new(protocol: &[u8]) -> Self {
        Self::with(protocol, true).await
    }

    async fn with(protocol: &[u8], keeps_alive: bool) -> Self {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&key).unwrap();
        let private = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder().with_no_client_auth();
        let mut config = config.with_single_cert(vec![certificate.der().clone()], private).unwrap();
        config.alpn_protocols = vec![protocol.to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (first, second) = (cluster("a", &acceptor, keeps_alive).await, cluster("b", &acceptor, keeps_alive).await);
        let address = Address::leading_to(first.0).await;
        let kubeconfig = format!(
            "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u}}}}]\n\
             clusters: [{{name: k, cluster: {{server: 'https://127.0.0.1:{}', certificate-authority-data: {}}}}}]\n\
             users: [{{name: u, user: {{token: x}}}}]\n",
            address.port,
            STANDARD.encode(certificate.pem())
        );
        let credential = Credential::parse(kubeconfig.as_bytes(), Trust { loopback: true }).unwrap();
        let api = credential.api("test").await.unwrap();
        Self { ports: [first.0, second.0], asked: [first.1, second.1], address, api }
    }

    fn writes(&self) -> [usize; 2] {
        [0, 1].map(|index| self.asked[index].writes.load(Ordering::SeqCst))
    }

    fn reads(&self) -> [usize; 2] {
        [0, 1].map(|index| self.asked[index].reads.load(Ordering::SeqCst))
    }

    fn questions(&self) -> [usize; 2] {
        [0, 1].map(|index| self.asked[index].identity.load(Ordering::SeqCst))
    }
}

/// No cluster has it.
const ABSENT: &str = "absent";

const PROTOCOLS: [&[u8]; 2] = [b"h2", b"http/1.1"];

fn config_maps() -> Resource {
    Resource::core("ConfigMap", "configmaps", true)
}

async fn write(api: &Api) -> Result<(), Error> {
    let (kind, document) = (config_maps(), Document::from_bytes("{}".into()));
    api.apply(&kind.target("n", "c"), document).await.map(drop)
}

/// What comes of it, but for requests that a connection took along that broke just then.
async fn settled<T>(mut ask: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 0..100 {
        match ask().await {
            Err(Error::Transport { .. }) => {}
            settled => return settled,
        }
    }
    panic!("nothing but broken connections");
}

#[tokio::test]
async fn nothing_is_written_to_another_cluster_at_the_same_address() {
    for protocol in PROTOCOLS {
        let moving = Moving::new(protocol).await;
        let (uid, certain) = moving.api.identified().await.unwrap();
        assert_eq!(uid, "a");
        write(&certain).await.unwrap();
        moving.address.lead_to(moving.ports[1]);
        // A client that does not insist writes there.
        settled(async || write(&moving.api).await).await.unwrap();
        assert_eq!(moving.writes(), [1, 1]);
        // Over the connection that has come about since, and over a new one.
        for _ in 0..2 {
            let refused = settled(async || write(&certain).await).await;
            assert!(
                matches!(&refused, Err(Error::OtherCluster { expected, found }) if expected == "a" && found == "b")
            );
            assert_eq!(moving.writes(), [1, 1]);
            moving.address.lead_to(moving.ports[1]);
        }
        moving.address.lead_to(moving.ports[0]);
        settled(async || write(&certain).await).await.unwrap();
        assert_eq!(moving.writes()[1], 1);
    }
}

#[tokio::test]
async fn nothing_is_read_from_another_cluster_at_the_same_address() {
    for protocol in PROTOCOLS {
        let moving = Moving::new(protocol).await;
        let (_, certain) = moving.api.identified().await.unwrap();
        let read = async || certain.get(&config_maps().target("n", "c")).await.map(drop);
        read().await.unwrap();
        moving.address.lead_to(moving.ports[1]);
        let refused = settled(read).await;
        assert!(matches!(refused, Err(Error::OtherCluster { .. })), "{refused:?}");
        // What is not there, or refused, is an answer as well.
        let refused = settled(async || certain.get(&config_maps().target("n", ABSENT)).await.map(drop)).await;
        assert!(matches!(refused, Err(Error::OtherCluster { .. })), "{refused:?}");
        assert_eq!(moving.reads(), [1, 0]);
    }
}

#[tokio::test]
async fn an_address_of_two_clusters_gives_the_answers_of_one() {
    for protocol in PROTOCOLS {
        let moving = Moving::new(protocol).await;
        let (_, certain) = moving.api.identified().await.unwrap();
        let (mut found, mut refused) = (0, 0);
        for round in 0..12 {
            // Each connection ends, and the next one leads to the other cluster.
            moving.address.lead_to_each_of([moving.ports[round % 2], moving.ports[(round + 1) % 2]]);
            let kind = config_maps();
            let target = kind.target("n", "c");
            let asked = futures::future::join_all((0..3).map(|_| certain.get(&target))).await;
            for answer in asked {
                match answer {
                    Ok(_) => found += 1,
                    Err(Error::OtherCluster { .. }) => refused += 1,
                    Err(Error::Transport { .. }) => {}
                    Err(other) => panic!("{other:?}"),
                }
            }
        }
        assert!(found > 0 && refused > 0, "{found} {refused}");
        assert_eq!(moving.reads(), [found, 0]);
    }
}

#[tokio::test]
async fn a_connection_to_where_the_address_led_once_is_not_kept() {
    let moving = Moving::new(PROTOCOLS[0]).await;
    let (_, certain) = moving.api.identified().await.unwrap();
    let read = async || certain.get(&config_maps().target("n", "c")).await.map(drop);
    moving.address.lead_to(moving.ports[1]);
    assert!(matches!(settled(read).await, Err(Error::OtherCluster { .. })));
    // Nothing breaks the connection that there is.
    *moving.address.to.lock().unwrap() = vec![moving.ports[0]];
    read().await.unwrap();
    // One that insists on nothing finds it out itself.
    moving.address.lead_to(moving.ports[1]);
    let uid = async || moving.api.identified().await.map(|(uid, _)| uid);
    assert_eq!(settled(uid).await.unwrap(), "b");
    *moving.address.to.lock().unwrap() = vec![moving.ports[0]];
    assert_eq!(uid().await.unwrap(), "b");
    moving.api.renew_connection();
    assert_eq!(uid().await.unwrap(), "a");
}

#[tokio::test]
async fn a_server_that_closes_after_each_answer_is_told_from_one_that_answers_nothing() {
    let moving = Moving::with(PROTOCOLS[1], false).await;
    let (_, certain) = moving.api.identified().await.unwrap();
    let refused = write(&certain).await.unwrap_err().to_string();
    assert!(refused.starts_with("the server closes each connection after one answer"), "{refused}");
    assert_eq!(moving.writes(), [0, 0]);
    // Who insists on nothing may write.
    write(&moving.api).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_asked_once() {
    let moving = Moving::new(PROTOCOLS[0]).await;
    let (_, certain) = moving.api.identified().await.unwrap();
    for _ in 0..3 {
        write(&certain).await.unwrap();
        certain.get(&config_maps().target("n", "c")).await.unwrap();
    }
    assert_eq!(moving.questions(), [1, 0]);
    moving.address.lead_to(moving.ports[0]);
    for _ in 0..3 {
        settled(async || write(&certain).await).await.unwrap();
    }
    assert_eq!(moving.questions(), [2, 0]);
}

#[tokio::test]
async fn many_writes_at_once_find_connections_that_were_asked() {
    for protocol in PROTOCOLS {
        let moving = Moving::new(protocol).await;
        let (_, certain) = moving.api.identified().await.unwrap();
        let all = futures::future::join_all((0..8).map(|_| write(&certain))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!(moving.writes(), [8, 0]);
    }
}

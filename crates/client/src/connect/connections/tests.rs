//! Connections within the process, with a clock that is set forward: a server that closes, is silent or is not there.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;
use h2::{RecvStream, server};
use http::header;
use hyper_util::client::legacy::connect::Connected;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;

use super::*;
use crate::transport::Transport;
use crate::watch::{Event, Watch};
use crate::{Api, Resource};

const SERVER: &str = "https://server/";

/// The client's end of a connection with HTTP/2.
struct End(TokioIo<DuplexStream>);

impl Connection for End {
    fn connected(&self) -> Connected {
        Connected::new().negotiated_h2()
    }
}

impl Read for End {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_read(cx, into)
    }
}

impl Write for End {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, from: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, from)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}

/// Makes connections whose other ends somebody takes.
#[derive(Clone)]
struct Wire {
    ends: mpsc::UnboundedSender<DuplexStream>,
    refuses: Arc<AtomicBool>,
}

impl Service<Uri> for Wire {
    type Response = End;
    type Error = io::Error;
    type Future = std::future::Ready<io::Result<End>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        if self.refuses.load(Ordering::SeqCst) {
            return std::future::ready(Err(io::ErrorKind::ConnectionRefused.into()));
        }
        let (ours, theirs) = tokio::io::duplex(64 * 1024);
        self.ends.send(theirs).unwrap();
        std::future::ready(Ok(End(TokioIo::new(ours))))
    }
}

fn wire() -> (Connections<Wire>, mpsc::UnboundedReceiver<DuplexStream>) {
    let (ends, receiver) = mpsc::unbounded_channel();
    (Connections::new(Wire { ends, refuses: Arc::default() }, Uri::from_static(SERVER)), receiver)
}

/// The request is on its way, whether somebody waits for its answer or not.
fn ask(
    connections: &Connections<Wire>,
) -> impl Future<Output = Result<Response<AnswerStream>, BoxError>> + Send + 'static {
    let body = Body::from(b"what is asked".to_vec());
    let asked = connections.clone().call(Request::post(SERVER).body(body).unwrap());
    tokio::spawn(asked).map(Result::unwrap)
}

async fn text(answer: Response<AnswerStream>) -> Result<Bytes, BoxError> {
    Ok(answer.into_body().collect().await?.to_bytes())
}

/// Answers the requests of a connection with what they say, until it is closed.
async fn echo(theirs: DuplexStream) -> usize {
    let (mut connection, mut count) = (server::handshake(theirs).await.unwrap(), 0);
    while let Some(Ok((request, respond))) = connection.accept().await {
        count += 1;
        tokio::spawn(answer(request, respond));
    }
    count
}

async fn answer(request: Request<RecvStream>, mut respond: server::SendResponse<Bytes>) {
    let length = request.headers()[header::CONTENT_LENGTH].to_str().unwrap().parse::<usize>().unwrap();
    let mut body = request.into_body();
    let said = body.data().await.unwrap().unwrap();
    assert_eq!(said.len(), length);
    let mut rest = respond.send_response(Response::new(()), false).unwrap();
    rest.send_data(said, true).unwrap();
}

/// Does time pass until a connection is closed?
async fn is_closed_within<T>(time: Duration, served: impl Future<Output = T>) -> bool {
    tokio::time::timeout(time, served).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn requests_share_a_connection_that_ends_with_the_client() {
    let (connections, mut wires) = wire();
    let served = tokio::spawn(async move {
        let first = wires.recv().await.unwrap();
        let count = echo(first).await;
        (count, wires.try_recv().is_err())
    });
    let answers = join_all((0..8).map(|_| ask(&connections))).await;
    for answer in answers {
        let answer = answer.unwrap();
        assert!(answer.extensions().get::<ClusterCell>().is_some());
        assert_eq!(text(answer).await.unwrap(), "what is asked");
    }
    drop(connections);
    assert_eq!(served.await.unwrap(), (8, true), "and no other connection");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_nobody_uses_is_closed_and_one_with_an_open_answer_is_not() {
    let (connections, mut wires) = wire();
    let answer = ask(&connections);
    let mut served = tokio::spawn(echo(wires.recv().await.unwrap()));
    let answer = answer.await.unwrap();
    assert!(!is_closed_within(limit::PING_INTERVAL * 10, &mut served).await, "its answer was not read");
    text(answer).await.unwrap();
    assert!(is_closed_within(limit::PING_INTERVAL * 2, &mut served).await);
    let again = ask(&connections);
    tokio::spawn(echo(wires.recv().await.unwrap()));
    text(again.await.unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_silent_peer_fails_what_waits_for_it_and_the_next_request_takes_another_connection() {
    let (connections, mut wires) = wire();
    let began = Instant::now();
    let waits = ask(&connections);
    // It takes what is sent, and says nothing.
    let _silent = wires.recv().await.unwrap();
    waits.await.map(|_| "an answer").unwrap_err();
    assert!(began.elapsed() <= limit::PING_INTERVAL + limit::PING_TIMEOUT + Duration::from_secs(1));
    let again = ask(&connections);
    tokio::spawn(echo(wires.recv().await.unwrap()));
    text(again.await.unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_more_requests_answers_those_that_it_has() {
    let (connections, mut wires) = wire();
    let (let_answer, mut may_answer) = mpsc::channel::<()>(1);
    let waits = ask(&connections);
    let theirs = wires.recv().await.unwrap();
    tokio::spawn(async move {
        let mut connection = server::handshake(theirs).await.unwrap();
        let (request, respond) = connection.accept().await.unwrap().unwrap();
        connection.graceful_shutdown();
        tokio::spawn(async move {
            may_answer.recv().await.unwrap();
            answer(request, respond).await;
        });
        while connection.accept().await.is_some() {}
    });
    let first = tokio::spawn(waits);
    // The goodbye comes while the first request waits.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let second = tokio::spawn(ask(&connections));
    tokio::spawn(echo(wires.recv().await.unwrap()));
    text(second.await.unwrap().unwrap()).await.unwrap();
    let_answer.send(()).await.unwrap();
    assert_eq!(text(first.await.unwrap().unwrap()).await.unwrap(), "what is asked");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_broke_is_replaced_before_anything_is_sent() {
    let (connections, mut wires) = wire();
    for _ in 0..3 {
        let asked = ask(&connections);
        let served = tokio::spawn(echo(wires.recv().await.unwrap()));
        text(asked.await.unwrap()).await.unwrap();
        served.abort();
        let _ = served.await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_connection_that_fails_is_told_why() {
    let refusing = Wire { ends: mpsc::unbounded_channel().0, refuses: Arc::new(true.into()) };
    let connections = Connections::new(refusing, Uri::from_static(SERVER));
    for answer in join_all((0..3).map(|_| ask(&connections))).await {
        let why = answer.map(|_| "an answer").unwrap_err();
        assert_eq!(why.to_string(), "connection refused");
    }
}

#[tokio::test(start_paused = true)]
async fn what_failed_while_nobody_waited_is_tried_again() {
    let (refuse, mut wires) = (Arc::new(AtomicBool::new(true)), mpsc::unbounded_channel());
    let connections = Connections::new(Wire { ends: wires.0, refuses: Arc::clone(&refuse) }, Uri::from_static(SERVER));
    let request = Request::post(SERVER).body(Body::empty()).unwrap();
    assert!(connections.clone().call(request).now_or_never().is_none());
    tokio::time::sleep(Duration::from_millis(1)).await;
    refuse.store(false, Ordering::SeqCst);
    let asked = ask(&connections);
    tokio::spawn(echo(wires.1.recv().await.unwrap()));
    text(asked.await.unwrap()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_made_to_its_end_where_nobody_waits_any_longer() {
    let (connections, mut wires) = wire();
    let request = Request::post(SERVER).body(Body::empty()).unwrap();
    assert!(connections.clone().call(request).now_or_never().is_none());
    tokio::spawn(echo(wires.recv().await.unwrap()));
    text(ask(&connections).await.unwrap()).await.unwrap();
    assert!(wires.try_recv().is_err(), "it is the same");
}

/// Makes connections in so much time.
#[derive(Clone)]
struct Slow(Wire, Duration);

impl Service<Uri> for Slow {
    type Response = End;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<End>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, server: Uri) -> Self::Future {
        let (made, pause) = (self.0.call(server), self.1);
        tokio::time::sleep(pause).then(|()| made).boxed()
    }
}

/// What a member was asked, with the numbers of connections.
type Asked = Arc<Mutex<Vec<(usize, String)>>>;

/// A member that is reached in so much time and answers each request after as much. Those for which `answers` says no, by the
/// number of the connection and the path, are never answered.
fn slow(pause: Duration, answers: fn(usize, &str) -> bool) -> (Api, Asked) {
    let (ends, mut wires) = mpsc::unbounded_channel();
    let connector = Slow(Wire { ends, refuses: Arc::default() }, pause);
    let connections = Connections::new(connector, Uri::from_static(SERVER));
    let (newest, asked) = (Arc::clone(connections.newest()), Asked::default());
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        let mut number = 0;
        while let Some(theirs) = wires.recv().await {
            let log = Arc::clone(&log);
            tokio::spawn(async move {
                let mut connection = server::handshake(theirs).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let path = request.uri().path_and_query().unwrap().to_string();
                    log.lock().unwrap().push((number, path.clone()));
                    tokio::spawn(async move {
                        tokio::time::sleep(pause).await;
                        if !answers(number, &path) {
                            std::future::pending::<()>().await;
                        }
                        // Nobody may wait for it any longer.
                        let Ok(mut body) = respond.send_response(Response::new(()), false) else { return };
                        if path.contains("watch=true") {
                            std::future::pending::<()>().await;
                        }
                        let said = match path.contains("kube-system") {
                            true => {
                                r#"{"apiVersion":"v1","kind":"Namespace","metadata":{"name":"kube-system","uid":"a"}}"#
                            }
                            false => {
                                r#"{"apiVersion":"v1","kind":"ConfigMapList","metadata":{"resourceVersion":"5"},"items":[]}"#
                            }
                        };
                        body.send_data(said.into(), true).unwrap();
                    });
                }
            });
            number += 1;
        }
    });
    let service = tower::service_fn(move |mut request: Request<Body>| {
        *request.uri_mut() = format!("https://server{}", request.uri()).parse().unwrap();
        connections.clone().call(request)
    });
    (Api::new(Transport::renewing(service, newest), "test"), asked)
}

/// Asks like a prober: so many times without an answer within 4 s, before there is one.
async fn lost_before_an_answer(api: &Api) -> usize {
    for lost in 0..10 {
        let began = Instant::now();
        match tokio::time::timeout(Duration::from_secs(4), api.read_bytes("/readyz", 1_000)).await {
            Ok(answer) => {
                answer.unwrap();
                return lost;
            }
            Err(_) => api.renew_late_connection(began),
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    panic!("no answer at all");
}

#[tokio::test(start_paused = true)]
async fn a_connection_has_the_time_that_a_slow_server_needs() {
    for (millis, lost) in [(1_200, 0), (1_900, 1), (2_000, 2), (3_500, 2)] {
        let (api, asked) = slow(Duration::from_millis(millis), |_, _| true);
        assert_eq!(lost_before_an_answer(&api.insisting_on("a")).await, lost, "{millis} ms");
        assert!(asked.lock().unwrap().iter().all(|(number, _)| *number == 0), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_answers_no_requests_is_given_up_and_watches_leave_it() {
    // The first connection is well until something else is asked, and answers pings for ever.
    let (api, asked) = slow(Duration::from_millis(1), |number, path| number > 0 || !path.contains("readyz"));
    let api = api.insisting_on("a");
    let mut watch = Watch::new(api.clone(), Arc::new(Resource::core("ConfigMap", "configmaps", true)), |_| Some(()));
    assert!(matches!(watch.next().await, Event::Listed(..)));
    let following = tokio::spawn(async move { watch.next().await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(lost_before_an_answer(&api).await, 1);
    // time: it is about how soon.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let asked = asked.lock().unwrap();
    let watches = asked.iter().filter(|(_, path)| path.contains("watch=true"));
    assert!(watches.clone().all(|(_, path)| path.ends_with("resourceVersion=5")), "{asked:?}");
    assert_eq!(watches.map(|(number, _)| *number).collect::<Vec<_>>(), [0, 1]);
    following.abort();
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_never_said_anything_has_a_second_chance_and_no_third() {
    let (api, asked) = slow(Duration::from_millis(1), |number, _| number > 0);
    assert_eq!(lost_before_an_answer(&api.insisting_on("a")).await, 2);
    assert_eq!(asked.lock().unwrap().iter().filter(|(number, _)| *number == 0).count(), 2);
}

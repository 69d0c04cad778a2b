use std::convert::Infallible;

use super::*;

/// A member that answers everything with the same.
fn member(status: u16, body: Vec<u8>) -> Transport {
    let answer = move |_: Request<Body>| {
        let body = body.clone();
        async move { Ok::<_, Infallible>(http::Response::builder().status(status).body(Body::from(body)).unwrap()) }
    };
    kube::Client::new(tower::service_fn(answer), "default").into()
}

async fn said(status: u16, body: &[u8]) -> (u16, String) {
    match read(&member(status, body.to_vec()), "/readyz", 8).await {
        Err(kube::Error::Api(said)) => (said.code, said.message.clone()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_a_member_says_is_read_up_to_a_limit() {
    assert_eq!(read(&member(200, b"ok".to_vec()), "/readyz", 8).await.unwrap(), b"ok");
    assert_eq!(said(200, b"123456789").await, (413, "the answer is larger than 8 bytes".into()));
    let long = said(500, "x".repeat(10_000).as_bytes()).await;
    assert_eq!((long.0, long.1.len()), (500, limit::WORDS_MAX));
    assert_eq!(said(503, &vec![b'x'; limit::REFUSAL_BYTES_MAX + 1]).await, (503, "503 Service Unavailable".into()));
    assert_eq!(said(403, br#"{"kind":"Status","message":"no\u0007 rights","code":403}"#).await.1, "no rights");
}

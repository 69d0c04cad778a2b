use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

fn request() -> Request<Body> {
    Request::get("/").body(Body::empty()).unwrap()
}

#[tokio::test]
async fn each_request_goes_by_itself_and_none_waits_for_another() {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let transport = Transport::new(tower::service_fn(move |_: Request<Body>| {
        let nth = counted.fetch_add(1, Ordering::Relaxed);
        async move {
            if nth == 0 {
                std::future::pending::<()>().await;
            }
            Ok::<_, BoxError>(Response::new(Body::empty()))
        }
    }));
    let (first, second) = (transport.clone(), transport);
    let silent = tokio::spawn(async move { first.send(request()).await.map(drop) });
    while asked.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    second.send(request()).await.unwrap();
    assert!(!silent.is_finished());
    silent.abort();
}

#[tokio::test]
async fn an_error_of_the_client_library_stays_what_it_is_and_any_other_is_one_of_the_service() {
    let failing = |own: bool| {
        Transport::new(tower::service_fn(move |_: Request<Body>| async move {
            let error: BoxError = match own {
                true => kube::Error::LinesCodecMaxLineLengthExceeded.into(),
                false => "broken".into(),
            };
            Err::<Response<Body>, _>(error)
        }))
    };
    let said = async |own| failing(own).send(request()).await.map(drop).unwrap_err();
    assert!(matches!(said(true).await, kube::Error::LinesCodecMaxLineLengthExceeded));
    assert!(matches!(said(false).await, kube::Error::Service(why) if why.to_string() == "broken"));
}

#[tokio::test]
async fn a_switch_turns_later_requests_and_leaves_those_that_are_under_way() {
    let named = |status: u16, waits: bool| {
        Transport::new(tower::service_fn(move |_: Request<Body>| async move {
            if waits {
                // time: it is paused; the request is under way until it goes on.
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
            Ok::<_, BoxError>(Response::builder().status(status).body(Body::empty())?)
        }))
    };
    tokio::time::pause();
    let (api, switch) = crate::Api::new(named(201, true), "test").switched();
    let old = api.transport().clone();
    let began = tokio::spawn(async move { old.send(request()).await.map(|answer| answer.status().as_u16()) });
    tokio::task::yield_now().await;
    switch.turn_to(&crate::Api::new(named(202, false), "test"));
    let later = api.with_manager("other").transport().send(request()).await.unwrap();
    assert_eq!(later.status().as_u16(), 202);
    assert!(!began.is_finished());
    assert_eq!(began.await.unwrap().unwrap(), 201);
}

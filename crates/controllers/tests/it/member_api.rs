//! A member's API server in this process, and whether the hub gets an answer from it.

use std::future::pending;

use apiserver::ApiServer;
use client::{Api, Raw};
use futures::{StreamExt as _, TryStreamExt as _};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use kube::client::Body;
use test_apiserver::client_of;
use tokio::sync::watch;
use tower::BoxError;

/// What becomes of the hub's requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answers {
    /// The server answers them.
    Well,
    /// Nothing listens there.
    Refused,
    /// They are taken and never answered.
    Never,
}

pub(crate) struct MemberApi {
    pub(crate) server: ApiServer,
    /// For the test, which gets an answer always.
    pub(crate) api: Raw,
    answers: watch::Sender<Answers>,
}

impl MemberApi {
    pub(crate) async fn start() -> Self {
        let server = test_apiserver::start().await;
        let api = Api::new(client_of(&server), "test").raw();
        Self { server, api, answers: watch::Sender::new(Answers::Well) }
    }

    /// From now on the hub's requests are treated so. Answers that are still coming, such as watches, break off when the
    /// member goes away.
    pub(crate) fn answers(&self, how: Answers) {
        self.answers.send_replace(how);
    }

    /// A connection of the hub.
    pub(crate) fn connect(&self) -> Api {
        let (client, answers) = (client_of(&self.server), self.answers.subscribe());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (client, mut answers) = (client.clone(), answers.clone());
            async move {
                let how = *answers.borrow_and_update();
                match how {
                    Answers::Well => {}
                    Answers::Refused => return Err(BoxError::from("connection refused")),
                    Answers::Never => pending().await,
                }
                let (parts, body) = client.send(request).await?.into_parts();
                let gone = async move { drop(answers.wait_for(|how| *how != Answers::Well).await) };
                let frames = body.into_data_stream().map_ok(Frame::data).take_until(Box::pin(gone));
                Ok(Response::from_parts(parts, StreamBody::new(frames)))
            }
        });
        Api::new(kube::Client::new(service, "default"), "kurator")
    }
}

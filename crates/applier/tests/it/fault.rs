//! What goes wrong with single requests of an applier.

use std::sync::Mutex;

use http::{Method, Response};
use kube::client::Body;
use serde_json::{Value, json};

/// What happens to a request.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// It is answered so and not carried out.
    Refuse(u16),
    /// It is carried out and answered so.
    Lie(u16),
    /// Somebody creates this just before it arrives.
    After(String, Value),
}

struct Fault {
    method: Method,
    part: String,
    times: usize,
    act: Act,
}

/// The faults that wait for their request.
#[derive(Default)]
pub(crate) struct Faults(Mutex<Vec<Fault>>);

impl Faults {
    /// Lets the next so many requests with this in their path and query meet a fault.
    pub(crate) fn add(&self, method: Method, part: &str, times: usize, act: Act) {
        self.0.lock().unwrap().push(Fault { method, part: part.to_owned(), times, act });
    }

    /// From now on everything is well.
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// What happens to a request.
    pub(crate) fn meet(&self, method: &Method, uri: &str) -> Option<Act> {
        let mut faults = self.0.lock().unwrap();
        let fault = faults.iter_mut().find(|f| f.times > 0 && f.method == *method && uri.contains(&f.part))?;
        fault.times -= 1;
        Some(fault.act.clone())
    }
}

/// An answer as Kubernetes gives it when something is wrong.
pub(crate) fn answer(code: u16) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "it is broken",
        "reason": "Broken", "code": code});
    Response::builder().status(code).body(Body::from(status.to_string().into_bytes())).unwrap()
}

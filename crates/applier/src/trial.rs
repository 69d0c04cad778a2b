//! What a member would say to a send: its requests, of which nothing is carried out. What they mean is decided by [`plan::send`] and
//! [`plan::difference::trial`].

use client::{Api, Document, Resource};
use model::Timestamp;
use plan::difference::trial::Trial;
use plan::prepare::{self, Prepared};
use plan::send::{Answer, Job, Next, Send, Sent, Terms};

use crate::error::Error;
use crate::immutable::is_change_refused;

/// Codes of answers that refuse an object for good: by a policy or for a lack of rights, and since it is invalid.
const REFUSED: [u16; 2] = [403, 422];

/// Asks whether an object would be taken. `None`: it is about to go, is somebody else's, or the member cannot tell.
///
/// # Errors
/// The member cannot be asked.
pub async fn try_send(
    api: &Api,
    resource: &Resource,
    job: &Job,
    terms: &Terms,
    now: Timestamp,
) -> Result<Option<Trial>, Error> {
    let key = &job.object.key;
    let target = resource.target(&key.namespace, &key.name);
    let (mut send, mut next) = Send::begin(job, terms, now);
    let mut fields = Vec::new();
    loop {
        let answer = match next {
            Next::Read => Answer::Live(api.get(&target).await?),
            // Replicas can change in each kind that has them.
            Next::AskAutoscalers => Answer::Autoscalers(Vec::new()),
            Next::Apply(body) => match api.apply_dry_run(&target, Document::from_bytes(body)).await {
                Ok(_) => return Ok(Some(Trial::Taken)),
                Err(error) if is_change_refused(api, resource, &job.object, &error).await => {
                    fields = error.fields().to_vec();
                    Answer::Immutable
                }
                Err(error) => return refusal(&job.object, error),
            },
            Next::Delete(_) => return Ok(Some(Trial::Renewed(fields))),
            Next::Done(Sent::Refused(keeps)) => return Ok(Some(Trial::Immutable(fields, keeps))),
            Next::Done(_) => return Ok(None),
        };
        (send, next) = send.step(answer, now);
    }
}

fn refusal(object: &Prepared, error: client::Error) -> Result<Option<Trial>, Error> {
    let is_refused = error.code().is_some_and(|code| REFUSED.contains(&code));
    let error = Error::from(error);
    match is_refused {
        true if prepare::is_secret(&object.key) => {
            Ok(Some(Trial::Refused(error.about_secret(&prepare::not_text(&object.object)))))
        }
        true => Ok(Some(Trial::Refused(error.to_string()))),
        false if error.code() == Some(400) => Ok(None),
        false => Err(error),
    }
}

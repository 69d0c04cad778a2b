//! Following one collection: a list, then a watch from there, for ever.
//!
//! The caller asks for one event after the other ([`Watch::next`]), so a slow caller slows the server and nothing piles
//! up here. Each object is projected as it is read; its body is not kept. An idle watch holds no buffer.
//!
//! What a watch did not say is known only by a list. A server says something each minute, if only a bookmark; so after
//! [`limit::WATCH_SILENCE`] without a word everything is listed, also where several requests were ended meanwhile.

mod line;

use std::sync::Arc;

use model::Weigh;
use serde_json::Value;
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::answer::{Question, version};
use crate::api::{Api, Each, Keeper, Project, Selection, keep_projected, weighed};
use crate::exchange::{Ask, open_answer, within};
use crate::failure::{Class, Error};
use crate::json;
use crate::limit;
use crate::proof::ClusterCell;
use crate::resource::{Resource, encode};
use crate::retry::{Backoff, Jitter, later, steady};
use line::Lines;

/// A resourceVersion as a number, as Kubernetes allows to compare it since 1.35 (KEP-5504). `None` where an aggregated API
/// has its own kind.
pub type Position = Option<u64>;

/// What happened to a collection.
#[derive(Debug)]
pub enum Event<T> {
    /// This is all there is, as of this position; forget anything else. Comes first, and again whenever continuity was
    /// lost.
    Listed(Vec<T>, Position),
    /// An object was created or changed.
    Applied(T, Position),
    /// An object is gone; its last state.
    Deleted(T, Position),
    /// The server does not serve the kind. Asked for another event, the watch tries again after a pause.
    Absent,
    /// The server does not let us see the kind, or cannot show it. Asked for another event, the watch tries again.
    Refused(Error),
    /// The server cannot be reached. Asked for another event, the watch tries again.
    Lost(Error),
}

/// Where a watch is.
enum State {
    List,
    /// Is to be opened. When it is `doubted`, watches ended as soon as they were open: everything is listed when one lasts.
    Open {
        version: String,
        doubted: bool,
    },
    Stream(Box<Stream>),
}

/// An open watch request.
struct Stream {
    lines: Lines,
    /// Where the client makes its connections itself.
    connection: Option<ClusterCell>,
    version: String,
    began: Instant,
    /// The server has said something.
    spoke: bool,
    /// The ones before ended as soon as they were open.
    doubted: bool,
}

/// What a request or a line says. What was made of objects is with the one who gets them.
enum Told {
    Listed(Position),
    Applied(Position),
    Deleted(Position),
    Absent,
    Refused(Error),
    Lost(Error),
}

/// Who gets the objects of a watch.
trait Seer: Keeper {
    /// Sees an object of an event. False when it is skipped.
    fn see_object(&mut self, object: Value) -> bool;
}

/// What a projection made of objects, until it is handed on.
struct Projected<T> {
    project: Box<dyn Project<T> + Send>,
    listed: Vec<T>,
    seen: Option<T>,
}

impl<T: Send> Keeper for Projected<T> {
    fn begin(&mut self) {
        self.listed.clear();
    }

    fn keep_object(&mut self, text: &str, parse: &mut dyn FnMut() -> Result<Value, Error>) -> Result<usize, Error> {
        keep_projected(&mut *self.project, &mut self.listed, text, parse)
    }

    fn end(&mut self) {
        self.project.list_ended();
    }
}

impl<T: Send> Seer for Projected<T> {
    fn see_object(&mut self, object: Value) -> bool {
        self.seen = self.project.project(object, None).map(|(item, _)| item);
        self.seen.is_some()
    }
}

/// A watch of one collection.
pub struct Watch<T> {
    follower: Follower,
    projected: Projected<T>,
}

/// Follows a collection, whatever is made of its objects: it is compiled once, and not for each type.
struct Follower {
    api: Api,
    resource: Arc<Resource>,
    namespace: String,
    selection: Selection,
    backoff: Backoff,
    jitter: Jitter,
    state: State,
    failures: u32,
    /// When the server last said something of the collection.
    heard: Instant,
    /// Watches that have ended without a word since then.
    unsaid: u32,
    /// How often in a row it was given up because it said too much.
    floods: u32,
    /// Nothing is asked before this time.
    not_before: Option<Instant>,
}

impl<T: Send> Watch<T> {
    /// Follows all objects of a kind. `project` makes of each object what is handed on; `None` skips it. Objects in lists
    /// may leave out `apiVersion` and `kind`. What is handed on of a list is weighed, as by [`Api::list_as`].
    pub fn new(api: Api, resource: Arc<Resource>, mut project: impl FnMut(Value) -> Option<T> + Send + 'static) -> Self
    where
        T: Weigh,
    {
        Self::projecting(api, resource, Each(move |object| project(object).map(weighed)))
    }

    /// The same for the server that this process is or belongs to, whose size is ours: what is kept of it is not weighed.
    pub fn of_own_server(
        api: Api,
        resource: Arc<Resource>,
        mut project: impl FnMut(Value) -> Option<T> + Send + 'static,
    ) -> Self {
        Self::projecting(api, resource, Each(move |object| project(object).map(|item| (item, 0))))
    }

    /// The same with a projection that says what its items weigh, and may know objects by how they are written.
    pub fn projecting(api: Api, resource: Arc<Resource>, project: impl Project<T> + Send + 'static) -> Self {
        let follower = Follower {
            api,
            resource,
            namespace: String::new(),
            selection: Selection::default(),
            backoff: Backoff::NEAR,
            jitter: steady(),
            state: State::List,
            failures: 0,
            heard: Instant::now(),
            unsaid: 0,
            floods: 0,
            not_before: None,
        };
        Self { follower, projected: Projected { project: Box::new(project), listed: Vec::new(), seen: None } }
    }

    /// Only objects of one namespace.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.follower.namespace = namespace.into();
        self
    }

    /// Only some objects, or only their metadata.
    pub fn selection(mut self, selection: Selection) -> Self {
        self.follower.selection = selection;
        self
    }

    /// How long it waits after failures.
    pub fn backoff(mut self, backoff: Backoff, jitter: Jitter) -> Self {
        (self.follower.backoff, self.follower.jitter) = (backoff, jitter);
        self
    }

    /// Goes on from a version that an earlier watch was at, without a list. Where the server no longer keeps it, the
    /// first event is a list after all.
    #[cfg(test)]
    pub(crate) fn resume(mut self, version: impl Into<String>) -> Self {
        self.follower.state = State::Open { version: version.into(), doubted: false };
        self
    }

    /// The version that another watch may go on from; `None` before the first list.
    pub fn version(&self) -> Option<&str> {
        match &self.follower.state {
            State::List => None,
            State::Open { version, .. } => Some(version),
            State::Stream(stream) => Some(&stream.version),
        }
    }

    /// Forgets where it is, so that the next event of an object is a list: for a caller that has forgotten what it was told.
    pub fn relist(&mut self) {
        // Listed before a watch lasts, it would be forgotten again with the next one.
        if !matches!(self.follower.state, State::Open { doubted: true, .. }) {
            self.follower.state = State::List;
        }
    }

    /// The kind that is followed.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.follower.resource
    }

    /// Follows until the future is dropped; `sink` gets the events in order and must not block.
    pub async fn follow(mut self, mut sink: impl FnMut(Event<T>)) {
        loop {
            let event = self.next().await;
            sink(event);
        }
    }

    /// The next event. Dropped while it lists, it lists from the beginning when it is called again; otherwise nothing is
    /// lost.
    pub async fn next(&mut self) -> Event<T> {
        loop {
            let seen = |projected: &mut Projected<T>| projected.seen.take();
            let event = match self.follower.next(&mut self.projected).await {
                Told::Listed(position) => Some(Event::Listed(std::mem::take(&mut self.projected.listed), position)),
                Told::Applied(position) => seen(&mut self.projected).map(|item| Event::Applied(item, position)),
                Told::Deleted(position) => seen(&mut self.projected).map(|item| Event::Deleted(item, position)),
                Told::Absent => Some(Event::Absent),
                Told::Refused(error) => Some(Event::Refused(error)),
                Told::Lost(error) => Some(Event::Lost(error)),
            };
            if let Some(event) = event {
                return event;
            }
        }
    }
}

impl Follower {
    async fn next(&mut self, seer: &mut dyn Seer) -> Told {
        loop {
            if let Some(at) = self.not_before {
                sleep_until(at).await;
                self.not_before = None;
            }
            // What lists and opens is boxed: an idle watch, of which there are thousands, has no room for it.
            let step = match &mut self.state {
                State::List => Box::pin(self.list(seer)).await,
                State::Open { version, doubted } => {
                    let (version, doubted) = (version.clone(), *doubted);
                    Box::pin(self.open(version, doubted)).await
                }
                State::Stream(_) => self.read(seer).await,
            };
            let told = match step {
                Ok(told) => told,
                Err(error) => self.fail(error),
            };
            if let Some(told) = told {
                return told;
            }
        }
    }

    fn pause(&mut self, failures: u32) {
        self.not_before = Some(later(Instant::now(), self.backoff.pause(failures, (self.jitter)())));
    }

    /// What a failure says. The first one in a row says nothing, since one lost connection is no outage; but one that took
    /// until a deadline has been an outage already.
    fn fail(&mut self, error: Error) -> Option<Told> {
        self.failures = self.failures.saturating_add(1);
        self.pause(self.failures);
        tracing::debug!(kind = %self.resource, %error, failures = self.failures, "a watch is interrupted");
        if error.is_path_unknown() {
            self.state = State::List;
            return Some(Told::Absent);
        }
        match error.class() {
            Class::AwaitChange => Some(Told::Refused(error)),
            _ if self.failures < limit::WATCH_FAILURES_MAX && !error.is_silence() => None,
            // The server answers: what it cannot show, such as a kind whose conversion fails, is that kind.
            Class::Retry | Class::Reread => Some(Told::Refused(error)),
            Class::Unreachable | Class::Bug => Some(Told::Lost(error)),
        }
    }

    async fn list(&mut self, seer: &mut dyn Seer) -> Result<Option<Told>, Error> {
        let Self { api, resource, namespace, selection, .. } = self;
        let listed = api.list_into(resource, namespace, selection, seer).await;
        if listed.is_err() {
            // What was read of it is not kept until the next one.
            seer.begin();
        }
        let version = listed?;
        let position = version.parse().ok();
        self.state = State::Open { version, doubted: false };
        (self.heard, self.unsaid) = (Instant::now(), 0);
        Ok(Some(Told::Listed(position)))
    }

    async fn open(&mut self, version: String, doubted: bool) -> Result<Option<Told>, Error> {
        let limits = self.api.limits();
        let path = format!(
            "{}?watch=true&allowWatchBookmarks=true&timeoutSeconds={}&resourceVersion={}{}",
            self.resource.collection(&self.namespace),
            limits.watch_life.as_secs().max(1),
            encode(&version),
            self.selection.query(),
        );
        let ask = Ask::get(path, self.selection.content.accept(), limits.object_bytes);
        let answer =
            match within(limits.request.min(limit::WATCH_OPEN_TIMEOUT), open_answer(self.api.transport(), ask)).await {
                Ok(answer) => answer,
                Err(error) if error.is_expired() => {
                    self.expire();
                    return Ok(None);
                }
                Err(error) => {
                    let error = self.api.judge(error).await;
                    // The version may be what is refused, which does not get better: a list brings another one.
                    let is_about_request =
                        matches!(error.code(), Some(400 | 414 | 422 | 431)) || error.class() == Class::Bug;
                    return Err(if is_about_request { self.restart(error) } else { error });
                }
            };
        let connection = answer.extensions().get::<ClusterCell>().cloned();
        let lines = Lines::new(answer.into_body(), limits.object_bytes, limits.watch_lines);
        let stream = Stream { lines, connection, version, began: Instant::now(), spoke: false, doubted };
        self.state = State::Stream(Box::new(stream));
        Ok(None)
    }

    /// The position is no longer kept: everything is listed again. A server that says so at once, again and again, is
    /// not asked in a tight loop.
    fn expire(&mut self) {
        if let State::Stream(stream) = &self.state
            && stream.began.elapsed() >= limit::WATCH_LEAST
        {
            self.failures = 0;
        } else {
            self.failures = self.failures.saturating_add(1);
            self.pause(self.failures);
        }
        self.state = State::List;
    }

    /// The request is over; the next one goes on from here.
    ///
    /// # Errors
    /// [`Error::Mute`]: it ended as soon as it was open, and said nothing.
    fn end(&mut self) -> Result<(), Error> {
        let State::Stream(stream) = &mut self.state else { return Ok(()) };
        let (version, began, spoke) = (std::mem::take(&mut stream.version), stream.began, stream.spoke);
        let lasted = began.elapsed();
        let is_short = lasted < limit::WATCH_LEAST;
        if spoke {
            self.state = State::Open { version, doubted: false };
            self.failures = u32::from(is_short);
            if is_short {
                self.pause(1);
            }
            return Ok(());
        }
        if is_short {
            let doubted = self.failures + 1 >= limit::WATCH_FAILURES_MAX;
            self.state = State::Open { version, doubted };
            return Err(Error::Mute);
        }
        self.unsaid += 1;
        self.state = match self.unsaid {
            limit::WATCH_UNSAID_MAX.. => State::List,
            _ => State::Open { version, doubted: false },
        };
        // The sooner it ended, the longer the pause.
        self.failures = if lasted < self.backoff.longest { self.failures.saturating_add(1) } else { 0 };
        self.not_before = Some(later(began, self.backoff.pause(self.failures, (self.jitter)())));
        Ok(())
    }

    /// Reads one event of an open watch; `None` when there is nothing to hand on.
    async fn read(&mut self, seer: &mut dyn Seer) -> Result<Option<Told>, Error> {
        let State::Stream(stream) = &mut self.state else { return Ok(None) };
        let Stream { lines, connection, version, began, doubted, .. } = &mut **stream;
        let (limits, began, doubted) = (self.api.limits(), *began, *doubted);
        let until = match doubted {
            true => later(began, limit::WATCH_LEAST),
            false => later(self.heard, limits.watch_silence),
        };
        let given_up = async {
            match connection {
                Some(connection) => connection.given_up().await,
                None => std::future::pending().await,
            }
        };
        let read = tokio::select! {
            biased;
            read = timeout_at(until, lines.next()) => read,
            () = given_up => {
                // It may say nothing for ever, where another connection works.
                self.state = State::Open { version: std::mem::take(version), doubted };
                return Ok(None);
            }
        };
        let line = match read {
            // It lasts, or says something.
            Ok(Ok(Some(_))) | Err(_) if doubted => {
                self.state = State::List;
                return Ok(None);
            }
            Ok(Ok(Some(line))) => line,
            Ok(Err(error @ Error::TooLarge { .. })) => return Err(self.restart(error)),
            Ok(Err(error @ Error::Flood { .. })) => return Err(self.give_up(error)),
            // Not even a bookmark came: a server that sends none, or a proxy that keeps what it says. A list tells.
            Err(_) => {
                self.state = State::List;
                return Ok(None);
            }
            // The connection is over; what was read counts.
            Ok(Ok(None) | Err(_)) => return self.end().map(|()| None),
        };
        // The server should have ended it. Here it ends with a word, so that the next one has time to say its first.
        let is_over = began.elapsed() >= limits.watch_life + limit::WATCH_GRACE;
        match self.decode_line(&line, seer) {
            Ok(event) => {
                if is_over {
                    self.end()?;
                }
                Ok(event)
            }
            Err(error) if error.is_expired() => {
                self.expire();
                Ok(None)
            }
            Err(error) => Err(self.restart(error)),
        }
    }

    /// It says more than it may cost to read. Its connection is closed; it is said, and each time in a row the pause before
    /// everything is listed again is longer. What it said meanwhile does not count as success.
    fn give_up(&mut self, error: Error) -> Error {
        let State::Stream(stream) = &self.state else { return error };
        let again = stream.began.elapsed() < limit::WATCH_FLOOD_MEMORY;
        self.floods = if again { self.floods.saturating_add(1) } else { 1 };
        self.failures = self.floods;
        self.restart(error)
    }

    /// What was read cannot be trusted: everything is listed again.
    fn restart(&mut self, error: Error) -> Error {
        self.state = State::List;
        error
    }

    /// The server said something of the collection.
    fn note_heard(&mut self) {
        if let State::Stream(stream) = &mut self.state {
            stream.spoke = true;
        }
        (self.failures, self.unsaid, self.heard) = (0, 0, Instant::now());
    }

    /// The event that a line of the stream says; `None` when it is a bookmark, or an object that is passed over.
    fn decode_line(&mut self, line: &[u8], seer: &mut dyn Seer) -> Result<Option<Told>, Error> {
        let State::Stream(stream) = &mut self.state else { return Ok(None) };
        let mut event = json::parse(line, limit::OBJECT_MEMORY_MAX)?;
        let object = event.get_mut("object").map(Value::take).unwrap_or_default();
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        let version = version(&object)?;
        let gone = match kind {
            "ADDED" | "MODIFIED" => false,
            "DELETED" => true,
            "BOOKMARK" => {
                if !version.is_empty() {
                    version.clone_into(&mut stream.version);
                }
                self.note_heard();
                return Ok(None);
            }
            "ERROR" => {
                let code = object.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
                return Err(Error::refused(code.unwrap_or(500), object.to_string().as_bytes()));
            }
            other => return Err(Error::Malformed(format!("a watch event of type {:?}", crate::failure::words(other)))),
        };
        Question::any(&self.resource, &self.namespace, false).check(&object)?;
        if !version.is_empty() {
            version.clone_into(&mut stream.version);
        }
        self.note_heard();
        let position = version.parse().ok();
        let told = if gone { Told::Deleted(position) } else { Told::Applied(position) };
        Ok(seer.see_object(object).then_some(told))
    }
}

#[cfg(test)]
mod tests;

//! Events expire: an hour after they happened last, as with kube-apiserver (`--event-ttl`), and the oldest before that when there
//! are very many.
//!
//! kube-apiserver leaves it to etcd; here they are looked at now and then. Nothing is written in a cluster without old events.

use std::time::Duration;

use client::{Api, Delete, Error, Resource, Selection};
use futures::{StreamExt as _, stream};
use model::{Clock, Timestamp, Weigh, object};
use serde_json::Value;
use tokio::time::sleep;

/// How long an Event is kept after it happened last.
pub const EVENT_TTL: Duration = Duration::from_secs(3_600);
/// Most Events that are kept: about 1 kB each on disk, and half of it in memory.
pub const EVENTS_MAX: usize = 5_000;
/// How often they are looked at: one list.
pub const LOOK_EVERY: Duration = Duration::from_secs(300);
/// Deletions at the same time.
const DELETES_AT_ONCE: usize = 4;

/// What is read of an Event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Aged {
    /// When it happened last; the first are the oldest.
    pub last: Timestamp,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Version that was read: one that happens again stays.
    pub resource_version: String,
}

impl Weigh for Aged {
    fn weight(&self) -> usize {
        self.namespace.weight() + self.name.weight() + self.resource_version.weight()
    }
}

impl Aged {
    /// Reads an Event of `events.k8s.io/v1`. One without any time is as old as it can be.
    pub fn read(event: &Value) -> Self {
        let time = |path: &[&str]| object::get_str(event, path).and_then(|text| text.parse::<Timestamp>().ok());
        let times = [
            time(&["series", "lastObservedTime"]),
            time(&["deprecatedLastTimestamp"]),
            time(&["eventTime"]),
            time(&["metadata", "creationTimestamp"]),
        ];
        let text = |text: Option<&str>| text.unwrap_or_default().to_owned();
        Self {
            last: times.into_iter().flatten().max().unwrap_or(Timestamp::UNIX_EPOCH),
            namespace: text(object::namespace(event)),
            name: text(object::name(event)),
            resource_version: text(object::resource_version(event)),
        }
    }
}

/// Which Events go.
pub fn expired(mut events: Vec<Aged>, now: Timestamp) -> Vec<Aged> {
    events.sort_by(|a, b| (a.last, &a.namespace, &a.name).cmp(&(b.last, &b.namespace, &b.name)));
    let old =
        |event: &Aged| now.as_second().saturating_sub(event.last.as_second()) >= EVENT_TTL.as_secs().cast_signed();
    let count = events.iter().take_while(|event| old(event)).count();
    let gone = count.max(events.len().saturating_sub(EVENTS_MAX));
    events.truncate(gone);
    events
}

/// Looks again and again, until it is dropped.
pub(crate) async fn run(api: &Api, clock: &dyn Clock) {
    loop {
        sleep(LOOK_EVERY).await;
        if let Err(error) = expire(api, clock.now()).await {
            tracing::debug!(%error, "events cannot be looked at");
        }
    }
}

/// Deletes what has expired.
async fn expire(api: &Api, now: Timestamp) -> Result<(), Error> {
    let resource = &Resource::new("events.k8s.io", "v1", "Event", "events", true);
    let read = |event: Value| Some(Aged::read(&event));
    let events = api.list_as(resource, "", &Selection::default(), read).await?.items;
    let delete = |event: Aged| async move {
        let exactly = Delete { resource_version: Some(&event.resource_version), ..Delete::default() };
        match api.delete(&resource.target(&event.namespace, &event.name), &exactly).await {
            // It has happened again.
            Err(error) if error.is_conflict() => Ok(()),
            done => done.map(drop),
        }
    };
    let mut deleted = stream::iter(expired(events, now)).map(delete).buffer_unordered(DELETES_AT_ONCE);
    // One that is refused keeps no other. What is said is the first refusal.
    let mut first = Ok(());
    while let Some(done) = deleted.next().await {
        first = first.and(done);
    }
    first
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + secs).unwrap()
    }

    fn event(name: &str, secs: i64) -> Aged {
        Aged { last: at(secs), namespace: "n".into(), name: name.into(), resource_version: "1".into() }
    }

    #[test]
    fn the_last_time_counts_however_it_is_written() {
        let read = |value: Value| Aged::read(&value).last;
        let early = "2027-01-15T08:00:00Z";
        let late = "2027-01-15T08:00:07.000000Z";
        assert_eq!(read(json!({"metadata": {"creationTimestamp": early}})), early.parse().unwrap());
        assert_eq!(read(json!({"eventTime": early, "series": {"lastObservedTime": late}})), late.parse().unwrap());
        assert_eq!(
            read(json!({"deprecatedLastTimestamp": late, "metadata": {"creationTimestamp": early}})),
            late.parse().unwrap()
        );
        assert_eq!(read(json!({})), Timestamp::UNIX_EPOCH);
    }

    #[test]
    fn old_events_go_and_the_oldest_of_very_many() {
        let names = |events: Vec<Aged>, now| expired(events, at(now)).into_iter().map(|e| e.name).collect::<Vec<_>>();
        assert_eq!(names(vec![event("a", 0), event("b", 1)], 3_599), Vec::<String>::new());
        assert_eq!(names(vec![event("b", 1), event("a", 0)], 3_600), ["a"]);
        // A clock that was set back takes nothing.
        assert_eq!(names(vec![event("a", 10_000)], 0), Vec::<String>::new());
        let many = (0..EVENTS_MAX + 2).map(|n| event(&format!("e{n:05}"), 0)).collect();
        assert_eq!(names(many, 1), ["e00000", "e00001"]);
    }
}

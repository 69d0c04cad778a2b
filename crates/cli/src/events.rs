//! `kurator events`: what happened to the kinds of the hub, as `kubectl events` shows it, the newest last.

use std::collections::HashMap;
use std::sync::Arc;

use api::delivery::Origin;
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::annotation::ORIGIN;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use client::{Event as News, Resource, Selection, Watch};
use k8s_openapi::api::events::v1::Event;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use model::{Clock as _, Timestamp, words};
use serde_json::json;

use crate::args::{Common, DEFAULT_NAMESPACE, Events, Format, Target};
use crate::connect::{self, asked};
use crate::duration::since;
use crate::output::{self, Cell, Line, Table, Tone};
use crate::sync::FIELD_MANAGER;

/// Most events that are listed: as many as a hub keeps.
const EVENTS_MAX: u32 = 5_000;

/// Longest note that is shown.
const NOTE_MAX: usize = 500;

pub(crate) async fn run(common: &Common, what: &Events) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let places = match &what.object {
        None => vec![(common.namespace.clone(), String::new())],
        Some(Target::App(name)) => vec![(common.namespace.clone(), fields("Application", name))],
        Some(Target::Member(name)) => of_member(name, made_by(&client, common, name).await.as_ref()),
    };
    let (mut events, places) = read(&client, places).await?;
    events.sort_by_key(last);
    // Events of what was deleted are still shown; of a name that never was there are none.
    match what.object.as_ref().filter(|_| events.is_empty()) {
        Some(Target::App(name)) => drop(connect::application(&client, common, name).await?),
        Some(Target::Member(name)) => check_member(&client, common, name).await?,
        None => {}
    }
    if common.output == Format::Text {
        let about = match &what.object {
            Some(Target::App(name)) => format!("of app/{name}"),
            Some(Target::Member(name)) => format!("of member/{name}"),
            None => format!("in namespace {}", common.namespace),
        };
        if events.is_empty() {
            output::print_stderr(format_args!("no events {about}; they are kept for an hour"));
        }
        output::print(&lines(&events, hub::SystemClock.now(), output::colour()))?;
    } else if !what.watch {
        output::structured(common.output, &json!({"apiVersion": "v1", "kind": "List", "items": events}))?;
        return Ok(());
    }
    if what.watch
        && let Some((namespace, fields)) = places.first()
    {
        follow(common, client, (namespace, fields), &events).await?;
    }
    Ok(())
}

/// A namespace, and the fields of the events in it that are meant.
type Place = (String, String);

/// Reads the events of these places, and returns the places that this user may read.
///
/// # Errors
/// The hub does not answer, or refuses all of them.
async fn read(client: &Client, places: Vec<Place>) -> anyhow::Result<(Vec<Event>, Vec<Place>)> {
    let (mut events, mut readable, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for (namespace, fields) in places {
        let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
        let field_selector = Some(fields.clone()).filter(|fields| !fields.is_empty());
        let params = ListParams { field_selector, limit: Some(EVENTS_MAX), ..ListParams::default() };
        match api.list(&params).await {
            Ok(list) => {
                events.extend(list.items);
                readable.push((namespace, fields));
            }
            Err(error) => {
                let is_denied = matches!(&error, kube::Error::Api(status) if status.code == 403);
                let why = asked(&format!("cannot read events in namespace {namespace}"))(error);
                if !is_denied {
                    return Err(why);
                }
                refused.push(why);
            }
        }
    }
    if readable.is_empty()
        && let Some(why) = refused.pop()
    {
        return Err(why);
    }
    refused.iter().for_each(|why| output::print_stderr(format_args!("{why:#}")));
    Ok((events, readable))
}

/// Is there such a member? Who may not read its record may read the object that made it.
async fn check_member(client: &Client, common: &Common, name: &str) -> anyhow::Result<()> {
    let Err(why) = connect::record(client, common, name).await else { return Ok(()) };
    let attached: Api<AttachedCluster> = Api::namespaced(client.clone(), &common.namespace);
    match attached.get_opt(name).await {
        Ok(Some(_)) => Ok(()),
        _ => Err(why),
    }
}

/// What events of an object say that they are about.
fn fields(kind: &str, name: &str) -> String {
    format!("regarding.kind={kind},regarding.name={name}")
}

/// Where events of a member are. Those of its life are of the object that made it, which is the first place; that its record went
/// is said of the record. What has no namespace has its events in the default one, as in every cluster.
fn of_member(name: &str, origin: Option<&Origin>) -> Vec<Place> {
    let made = origin.map(|origin| (origin.namespace.clone(), fields(&origin.kind, &origin.name)));
    made.into_iter().chain([(DEFAULT_NAMESPACE.to_owned(), fields("Cluster", name))]).collect()
}

/// The object that made a member. Where there is no record, or the user may not read it, it is looked for in the user's namespace
/// under the same name: a team has rights in its own namespace only.
async fn made_by(client: &Client, common: &Common, name: &str) -> Option<Origin> {
    let records: Api<Cluster> = Api::all(client.clone());
    match records.get(name).await {
        Ok(record) => record.annotations().get(ORIGIN)?.parse().ok(),
        Err(_) => Some(Origin::new("cluster.kurator.dev", "AttachedCluster", &common.namespace, name)),
    }
}

/// Prints what happens from now on.
async fn follow(common: &Common, client: Client, place: (&str, &str), shown: &[Event]) -> anyhow::Result<()> {
    let version = |event: &Event| (event.uid().unwrap_or_default(), event.resource_version().unwrap_or_default());
    let mut shown: HashMap<String, String> = shown.iter().map(version).collect();
    let api = client::Api::new(client, FIELD_MANAGER);
    let selection = Selection { fields: place.1.to_owned(), ..Selection::default() };
    let watch = Watch::new(api, Arc::new(Resource::typed::<Event>()), Some);
    let mut watch = watch.namespace(place.0).selection(selection);
    loop {
        let news = match watch.next().await {
            News::Listed(events, _) => events,
            News::Applied(event, _) => vec![event],
            // Events go after an hour.
            News::Deleted(..) => continue,
            News::Absent => anyhow::bail!("the hub serves no events of events.k8s.io/v1"),
            News::Refused(error) | News::Lost(error) => {
                output::print_stderr(format_args!(
                    "the hub does not answer, and is asked again: {}",
                    model::cause::innermost(&error)
                ));
                continue;
            }
        };
        let mut news: Vec<Event> = news.into_iter().map(serde_json::from_value).collect::<Result<_, _>>()?;
        news.sort_by_key(last);
        for event in news {
            let (uid, version) = version(&event);
            if shown.insert(uid, version.clone()).is_some_and(|before| before == version) {
                continue;
            }
            if common.output == Format::Text {
                output::print(&lines(&[event], hub::SystemClock.now(), output::colour())[1..])?;
            } else {
                output::structured(common.output, &serde_json::to_value(&event)?)?;
            }
        }
    }
}

/// When it happened last.
fn last(event: &Event) -> Option<Timestamp> {
    let series = event.series.as_ref().map(|series| series.last_observed_time.0);
    let time = series
        .or(event.event_time.as_ref().map(|time| time.0))
        .or(event.deprecated_last_timestamp.as_ref().map(|t| t.0));
    time.or_else(|| event.creation_timestamp().map(|time| time.0))
}

fn lines(events: &[Event], now: Timestamp, colour: bool) -> Vec<Line> {
    let mut table = Table::new(&["LAST SEEN", "TYPE", "REASON", "OBJECT", "COUNT", "MESSAGE"]);
    for event in events {
        let kind = event.type_.as_deref().unwrap_or_default();
        let tone = if kind == "Warning" { Tone::Waiting } else { Tone::Plain };
        let object = event.regarding.as_ref();
        let part = |text: Option<&String>| text.cloned().unwrap_or_default();
        let object = format!(
            "{}/{}",
            part(object.and_then(|o| o.kind.as_ref())).to_lowercase(),
            part(object.and_then(|o| o.name.as_ref()))
        );
        let count =
            event.series.as_ref().map_or(1, |series| series.count).max(event.deprecated_count.unwrap_or_default());
        table.row(vec![
            last(event).map(|at| since(at, now)).unwrap_or_default().into(),
            Cell::new(kind, tone),
            event.reason.clone().unwrap_or_default().into(),
            object.into(),
            count.to_string().into(),
            words::bounded(event.note.as_deref().unwrap_or_default(), NOTE_MAX).into(),
        ]);
    }
    table.lines(colour)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(kind: &str, reason: &str, at: &str, series: Option<(i32, &str)>, note: &str) -> Event {
        let series = series.map(|(count, at)| json!({"count": count, "lastObservedTime": at}));
        let mut value = json!({
            "apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "a", "namespace": "default"},
            "type": kind, "reason": reason, "note": note, "eventTime": at,
            "regarding": {"kind": "Application", "name": "shop"},
        });
        if let Some(series) = series {
            value["series"] = series;
        }
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn events_of_a_member_are_those_of_what_made_it_and_of_its_record() {
        let record = ("default".to_owned(), "regarding.kind=Cluster,regarding.name=east".to_owned());
        let made = ("team".to_owned(), "regarding.kind=AttachedCluster,regarding.name=paris".to_owned());
        let origin = Origin::new("cluster.kurator.dev", "AttachedCluster", "team", "paris");
        assert_eq!(of_member("east", Some(&origin)), [made, record.clone()]);
        assert_eq!(of_member("east", None), [record]);
    }

    #[tokio::test]
    async fn a_team_with_rights_in_its_namespace_only_sees_the_events_of_its_member() {
        use crate::approve::tests::{Hub, refusal};
        let mut said =
            serde_json::to_value(event("Normal", "Ready", "2026-11-27T10:00:00.000000Z", None, "a")).unwrap();
        said["metadata"]["namespace"] = "team".into();
        let list = json!({"apiVersion": "events.k8s.io/v1", "kind": "EventList", "metadata": {}, "items": [said]});
        let denied = || (403, refusal(403, "you may not"));
        let Ok(crate::args::Args { common, .. }) =
            crate::args::read(["kurator", "events", "member/paris", "-n", "team"])
        else {
            panic!("it is a command")
        };
        let hub = Hub::new([denied(), (200, list), denied()]);
        let places = of_member("paris", made_by(&hub.client(), &common, "paris").await.as_ref());
        let (events, readable) = read(&hub.client(), places).await.unwrap();
        let made = ("team".to_owned(), "regarding.kind=AttachedCluster,regarding.name=paris".to_owned());
        assert_eq!((events.len(), readable), (1, vec![made]));

        let hub = Hub::new([denied(), denied()]);
        let none = read(&hub.client(), of_member("paris", Some(&Origin::new("g", "K", "team", "paris")))).await;
        assert!(none.unwrap_err().to_string().starts_with("cannot read events in namespace"));

        // Without events it is looked whether there is such a member.
        let attached = json!({"apiVersion": "cluster.kurator.dev/v1alpha1", "kind": "AttachedCluster",
            "metadata": {"name": "paris", "namespace": "team"}, "spec": {"kubeconfig": {"name": "s", "key": "value"}}});
        let hub = Hub::new([denied(), (200, attached)]);
        check_member(&hub.client(), &common, "paris").await.unwrap();
        let hub = Hub::new([denied(), (404, refusal(404, "no"))]);
        assert!(check_member(&hub.client(), &common, "paris").await.is_err());
    }

    #[test]
    fn events_are_shown_with_what_happened_last_and_how_often() {
        let now: Timestamp = "2026-11-27T10:10:00Z".parse().unwrap();
        let mut events = [
            event("Normal", "Ready", "2026-11-27T10:09:30.000000Z", None, "3 of 3 ready"),
            event(
                "Warning",
                "FetchFailed",
                "2026-11-27T10:00:00.000000Z",
                Some((7, "2026-11-27T10:08:00.000000Z")),
                "https://git.example.com/shop: cannot connect\nconnection refused",
            ),
        ];
        events.sort_by_key(last);
        insta::assert_snapshot!("events", output::text(&lines(&events, now, false)));
    }
}

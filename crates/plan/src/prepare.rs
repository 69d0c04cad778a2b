//! A payload as it is sent: labelled, in the form in which the server will own it, with digests.
//!
//! Made once per unit and payload and shared by all members that get it.

use std::sync::{Arc, Mutex, PoisonError};

use api::delivery::{HubId, ShortId, label};
use api::feed::{Payload, Wait};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use model::{Digest, HashedKey, KeyMap, KeySet, ObjectKey};
use serde_json::{Value, json};

use crate::apply::Wanted;
use crate::authenticator::HubKey;
use crate::drift;
use crate::instruction::{self, Asked};
use crate::inventory;
use crate::keep;
use crate::mark::Mark;
use crate::pool::Pools;
use crate::serverside;

/// An object ready to be sent.
#[derive(Clone, Debug)]
pub struct Prepared {
    /// Its key, shared by all that know the object.
    pub key: Arc<HashedKey>,
    /// API version to send it to.
    pub version: Arc<str>,
    /// Digest of the object without the annotation that says it. Keyed for a Secret.
    pub digest: Digest,
    /// What is sent.
    pub object: Arc<Value>,
    /// The same as JSON: written once, however many members get it.
    pub body: Bytes,
    /// It asks to stay when the unit lets go of it.
    pub stays: bool,
    /// How it asks to be treated.
    pub asked: Option<Asked>,
    /// It asks to be made again when a field cannot change.
    pub forced: bool,
    /// It asks to be taken over, whatever that restarts.
    pub overwrites: bool,
    /// Something in it may be filled by another manager ([`drift::left_to_others`]).
    pub has_placeholders: bool,
    /// Paths that were not sent, since only servers set them.
    pub unsent: Arc<[String]>,
    /// Annotations that ask for something that is not done.
    pub unhonoured: Arc<[String]>,
}

impl Prepared {
    /// Makes an object ready: takes its digest and writes that onto it. `unsent` was taken out of it.
    fn new((mut object, unsent): (Value, Vec<String>), key: &HubKey, pools: &Pools) -> Self {
        let object_key = ObjectKey::of(&object);
        let keyed = is_secret(&object_key);
        let digest = if keyed { key.digest_sent(object.to_string().as_bytes()) } else { Digest::of_json(&object) };
        Mark { digest, keyed, scaled: false }.write(&mut object);
        Self {
            version: pools.versions.share(model::object::gvk(&object).unwrap_or_default().version),
            key: pools.keys.share(object_key),
            digest,
            stays: keep::asks_to_stay(&object),
            asked: instruction::asked(&object),
            forced: instruction::is_forced(&object),
            overwrites: instruction::overwrites(&object),
            has_placeholders: drift::has_placeholders(&object),
            unsent: unsent.into(),
            unhonoured: instruction::unhonoured(&object).into(),
            body: Bytes::from(object.to_string()),
            object: Arc::new(object),
        }
    }

    /// What is compared with the member.
    pub fn wanted(&self) -> Wanted {
        Wanted { digest: self.digest, asked: self.asked }
    }

    /// What the object says of itself when its replicas are an autoscaler's (`scaled`) or the unit's.
    pub fn mark(&self, scaled: bool) -> Mark {
        Mark { digest: self.digest, keyed: is_secret(&self.key), scaled }
    }
}

/// Is it a Secret, of which nothing may be said that lets its values be guessed?
pub fn is_secret(key: &ObjectKey) -> bool {
    key.group.is_empty() && key.kind == "Secret"
}

/// The fields of a Secret whose values have to be text and are not, such as a port without quotes.
pub fn not_text(secret: &Value) -> Vec<String> {
    let values = |field: &'static str| {
        let entries = secret.get(field).and_then(Value::as_object).into_iter().flatten();
        entries
            .filter(|(_, value)| !value.is_string() && !value.is_null())
            .map(move |(name, _)| format!("{field}[{name}]"))
    };
    values("stringData").chain(values("data")).take(NOT_TEXT_MAX).collect()
}

/// How many such fields are named.
const NOT_TEXT_MAX: usize = 8;

/// Objects that are applied together.
#[derive(Clone, Debug)]
pub struct Batch {
    /// Name of the phase.
    pub name: String,
    /// Its objects. Shared: a pass keeps those that it works on, in each member.
    pub objects: Vec<Arc<Prepared>>,
    /// What to wait for.
    pub wait: Wait,
    /// For how long, in seconds.
    pub timeout_secs: u32,
}

/// How a unit's payload differs from another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The keys of objects that differ; `None` when objects came, went or changed places.
    pub changed: Option<Vec<Arc<HashedKey>>>,
}

/// Differences that a bundle remembers. Members that lag behind are at one of the last few payloads.
const DIFFERENCES_MAX: usize = 4;

/// A payload ready to be sent.
#[derive(Debug)]
pub struct Bundle {
    /// Digest of the payload.
    pub digest: Digest,
    /// Its phases.
    pub batches: Vec<Batch>,
    /// The keys of all objects.
    pub keys: KeySet,
    places: KeyMap<(usize, usize)>,
    /// To earlier payloads, for all members that had those.
    differences: Mutex<Vec<(Digest, Arc<Difference>)>>,
}

impl Bundle {
    /// Prepares a payload for the members of a hub. `digest` is the payload's.
    pub fn new(digest: Digest, payload: &Payload, hub: &HubId, short: &ShortId, key: &HubKey, pools: &Pools) -> Self {
        let part_of = inventory::applyset_id(short);
        let prepare = |object: &Arc<Value>| Arc::new(Prepared::new(sent(object, hub, &part_of), key, pools));
        let batches: Vec<Batch> = payload
            .phases
            .iter()
            .map(|phase| Batch {
                name: phase.name.clone(),
                objects: phase.objects.iter().map(prepare).collect(),
                wait: phase.wait,
                timeout_secs: phase.timeout_secs,
            })
            .collect();
        let places: KeyMap<(usize, usize)> = batches
            .iter()
            .enumerate()
            .flat_map(|(s, batch)| batch.objects.iter().enumerate().map(move |(i, o)| (o.key.clone(), (s, i))))
            .collect();
        Self { digest, batches, keys: places.keys().cloned().collect(), places, differences: Mutex::default() }
    }

    /// One object.
    pub fn get(&self, key: &HashedKey) -> Option<&Arc<Prepared>> {
        let (batch, index) = self.places.get(key)?;
        self.batches.get(*batch)?.objects.get(*index)
    }

    /// In which batch an object is, and how many objects come before it.
    pub fn place(&self, key: &HashedKey) -> Option<(&Batch, usize)> {
        let (batch, index) = *self.places.get(key)?;
        let before: usize = self.batches.iter().take(batch).map(|batch| batch.objects.len()).sum();
        Some((self.batches.get(batch)?, before + index))
    }

    /// How this differs from an earlier payload. Found out once, however many members had that.
    pub fn difference(&self, earlier: &Self) -> Arc<Difference> {
        // What is in it is complete at every moment.
        let mut known = self.differences.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, difference)) = known.iter().find(|(digest, _)| *digest == earlier.digest) {
            return Arc::clone(difference);
        }
        let differs =
            |(new, old): (&Arc<Prepared>, &Arc<Prepared>)| (new.digest != old.digest).then(|| new.key.clone());
        let same_places = self.places == earlier.places;
        let changed = same_places.then(|| self.objects().zip(earlier.objects()).filter_map(differs).collect());
        let difference = Arc::new(Difference { changed });
        if known.len() == DIFFERENCES_MAX {
            known.remove(0);
        }
        known.push((earlier.digest, Arc::clone(&difference)));
        difference
    }

    /// Every object in order.
    pub fn objects(&self) -> impl Iterator<Item = &Arc<Prepared>> {
        self.batches.iter().flat_map(|batch| &batch.objects)
    }
}

/// Our labels; no field that only a server sets, with the paths of those; a Secret's `stringData` as `data`, since the server
/// converts it and nobody would own the result. What is not text there is sent as it is: the server refuses it and names the field.
fn sent(object: &Value, hub: &HubId, part_of: &str) -> (Value, Vec<String>) {
    let mut out = object.clone();
    let unsent = serverside::take_out(&mut out);
    *model::object::slot(&mut out, &["metadata", "labels", label::HUB]) = json!(hub.as_str());
    *model::object::slot(&mut out, &["metadata", "labels", label::APPLYSET_PART_OF]) = json!(part_of);
    let key = ObjectKey::of(&out);
    if is_secret(&key)
        && let Some(texts) = texts(&out)
    {
        model::object::remove(&mut out, &["stringData"]);
        for (name, text) in texts {
            *model::object::slot(&mut out, &["data", &name]) = json!(STANDARD.encode(text));
        }
    }
    (out, unsent)
}

/// The `stringData` of a Secret, if all of it can become `data`.
fn texts(secret: &Value) -> Option<Vec<(String, String)>> {
    let data = secret.get("data").unwrap_or(&Value::Null);
    let texts = secret.get("stringData")?.as_object().filter(|_| data.is_null() || data.is_object())?;
    texts.iter().map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use api::delivery::UnitId;

    use super::*;

    #[test]
    fn a_bundle_is_labelled_and_owns_what_the_server_will_hold() {
        let object = json!({"apiVersion": "v1", "kind": "Secret", "stringData": {"a": "hello", "b": "hi"}, "status": {},
            "metadata": {"name": "s", "namespace": "n", "creationTimestamp": null}});
        let hub = HubId::from_random([1; 10]);
        let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
        let (payload, _) = crate::phase::plan(vec![object]);
        let key = HubKey::from_random([1; 32]);
        let bundle = Bundle::new(payload.digest(), &payload, &hub, &short, &key, &Pools::default());
        let sent = bundle.objects().next().unwrap();
        assert_eq!(sent.object["data"], json!({"a": "aGVsbG8=", "b": "aGk="}));
        assert!(sent.object.get("stringData").is_none() && sent.object.get("status").is_none());
        assert_eq!(model::object::label(&sent.object, label::HUB), Some(hub.as_str()));
        let part_of = model::object::label(&sent.object, label::APPLYSET_PART_OF).unwrap();
        assert!(part_of.starts_with("applyset-") && part_of.ends_with("-v1") && part_of.len() == 55, "{part_of}");
        assert_eq!(bundle.get(&sent.key).unwrap().digest, sent.digest);
        assert_eq!(serde_json::from_slice::<Value>(&sent.body).unwrap(), *sent.object);
        assert_eq!(Mark::read(&sent.object), Some(sent.mark(false)));
    }

    #[test]
    fn values_of_a_secret_that_are_no_text_are_named() {
        let secret = json!({"stringData": {"port": 5432, "user": "a"}, "data": {"tls": true, "none": null}});
        assert_eq!(not_text(&secret), ["stringData[port]", "data[tls]"]);
        assert!(not_text(&json!({"data": 7})).is_empty());
    }

    #[test]
    fn what_a_server_would_refuse_in_a_secret_reaches_it() {
        let hub = HubId::from_random([1; 10]);
        for (given, expect) in [
            (json!({"stringData": {"a": "x"}}), json!({"data": {"a": "eA=="}})),
            (
                json!({"stringData": {"a": "x"}, "data": {"a": "eQ==", "b": "eQ=="}}),
                json!({"data": {"a": "eA==", "b": "eQ=="}}),
            ),
            (json!({"stringData": {"a": "x"}, "data": null}), json!({"data": {"a": "eA=="}})),
            (json!({"stringData": {}}), json!({})),
            // A number, no mapping, and data that is no mapping: nothing is dropped.
            (json!({"stringData": {"port": 8080, "host": "h"}}), json!({"stringData": {"port": 8080, "host": "h"}})),
            (json!({"stringData": {"a": null}}), json!({"stringData": {"a": null}})),
            (json!({"stringData": "nonsense"}), json!({"stringData": "nonsense"})),
            (json!({"stringData": {"a": "x"}, "data": "no"}), json!({"stringData": {"a": "x"}, "data": "no"})),
        ] {
            let mut object = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "n"}});
            object.as_object_mut().unwrap().extend(given.as_object().unwrap().clone());
            let (mut sent, _) = sent(&object, &hub, "p");
            for field in ["apiVersion", "kind", "metadata"] {
                model::object::remove(&mut sent, &[field]);
            }
            assert_eq!(sent, expect, "{given}");
        }
    }

    #[test]
    fn a_difference_names_what_changed_while_everything_has_its_place() {
        let hub = HubId::from_random([1; 10]);
        let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
        let bundle = |objects: &[(&str, &str)]| {
            let object = |(name, value): &(&str, &str)| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n"}, "data": {"a": value}});
            let (payload, _) = crate::phase::plan(objects.iter().map(object).collect());
            Bundle::new(payload.digest(), &payload, &hub, &short, &HubKey::from_random([1; 32]), &Pools::default())
        };
        let first = bundle(&[("a", "1"), ("b", "1"), ("c", "1")]);
        let second = bundle(&[("a", "1"), ("b", "2"), ("c", "1")]);
        let names = |difference: Arc<Difference>| {
            let names = |keys: &Vec<Arc<HashedKey>>| keys.iter().map(|key| key.name.clone()).collect::<Vec<_>>();
            difference.changed.as_ref().map(names)
        };
        assert_eq!(names(second.difference(&first)), Some(vec!["b".to_owned()]));
        assert!(Arc::ptr_eq(&second.difference(&first), &second.difference(&first)));
        assert_eq!(names(bundle(&[("a", "1")]).difference(&first)), None);
        assert_eq!(second.place(&second.objects().nth(2).unwrap().key).unwrap().1, 2);
    }

    #[test]
    fn the_digest_of_a_secret_cannot_be_guessed_and_others_are_plain() {
        let hub = HubId::from_random([1; 10]);
        let short = UnitId::new("g", "K", "n", "u", None).short(&hub);
        let digests = |kind: &str, key: u8| {
            let object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "s", "namespace": "n"}});
            let (payload, _) = crate::phase::plan(vec![object]);
            let bundle = Bundle::new(
                payload.digest(),
                &payload,
                &hub,
                &short,
                &HubKey::from_random([key; 32]),
                &Pools::default(),
            );
            let sent = bundle.objects().next().unwrap();
            let mut bare = Value::clone(&sent.object);
            model::object::remove(&mut bare, &["metadata", "annotations"]);
            (sent.digest, Digest::of_json(&bare), Mark::read(&sent.object).unwrap().keyed)
        };
        let (secret, plain, keyed) = digests("Secret", 1);
        assert!(keyed && secret != plain && secret != digests("Secret", 2).0 && secret == digests("Secret", 1).0);
        let (digest, plain, keyed) = digests("ConfigMap", 1);
        assert!(!keyed && digest == plain);
    }
}

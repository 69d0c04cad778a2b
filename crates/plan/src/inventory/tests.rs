use super::shard::{Place, Sealed, Unverified, decode, decode_own, encode};
use super::*;
use crate::authenticator::{HubKey, MemberKey};

fn hub() -> HubId {
    HubId::from_random([1; 10])
}

fn unit() -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"))
}

const CLUSTER: &str = "0d9c4f5e-2f0b-4c39-9a3c-1d4f3d1c6f10";

fn member_key() -> MemberKey {
    HubKey::from_random([5; 32]).of_member(&hub(), CLUSTER)
}

fn key(i: u32) -> Arc<HashedKey> {
    let (group, kind, namespace, name) = ("apps".into(), "Deployment".into(), "shop".into(), format!("d{i:06}"));
    ObjectKey { group, kind, namespace, name }.into()
}

fn entry() -> Entry {
    Entry { version: "v1".into(), uid: Some("b1946ac9-2492-4d23-87d6-21a7c0ea7d22".into()), ..Entry::default() }
}

fn unit_entry(epoch: u64, placed: i64) -> UnitEntry {
    UnitEntry {
        unit: unit(),
        short: unit().short(&hub()),
        revision: "r".into(),
        epoch,
        placed: Some(Timestamp::from_second(placed).unwrap()),
        known_since: None,
        given_back: None,
        payload: Digest::of(b"payload"),
        prune: true,
        suspend: false,
        force: false,
        overwrite: false,
        approved: None,
        approved_shown: None,
        claimed: None,
        frozen: None,
        removal: api::delivery::Removal::None,
        shown: None,
        unapproved: false,
    }
}

fn filled() -> Inventory {
    let mut inventory = Inventory::empty(unit());
    inventory.raise(&unit_entry(7, 1_800_000_000));
    inventory.put_entry(key(1), entry());
    inventory.put_entry(key(2), Entry { adopted: true, kept: true, uid: None, ..entry() });
    inventory
}

/// What shards say, and what is wrong with them.
fn read(shards: &BTreeMap<u32, Sealed>) -> Result<Inventory, InventoryError> {
    let (hub, unit, key) = (hub(), unit(), member_key());
    decode_own(&Place { hub: &hub, cluster: CLUSTER, group: &unit, key: &key }, shards)
}

fn write(inventories: &[&Inventory]) -> BTreeMap<u32, Sealed> {
    let (hub, unit, key) = (hub(), unit(), member_key());
    encode(&Place { hub: &hub, cluster: CLUSTER, group: &unit, key: &key }, inventories)
}

#[test]
fn an_inventory_round_trips() {
    let mut inventory = filled();
    inventory.doom([&*key(1)], Released { epoch: 7, digest: Digest::of(b"list"), count: 3 }, &unit_entry(7, 1), true);
    inventory.behind = true;
    let read = read(&write(&[&inventory])).unwrap();
    inventory.set_written();
    assert_eq!(read, inventory);
}

#[test]
fn the_format_is_what_members_hold() {
    let inventory = filled();
    // Members out there hold this: it may grow, and what is in it keeps its meaning.
    let shard = write(&[&inventory]).remove(&0).unwrap();
    insta::assert_snapshot!("format", String::from_utf8(shard.json).unwrap());
    let hex: String = shard.authenticator.iter().map(|byte| format!("{byte:02x}")).collect();
    insta::assert_snapshot!("authenticator", hex);
    insta::assert_yaml_snapshot!("metadata", inventory.metadata(&hub(), &unit().short(&hub()), 0));
}

#[test]
fn a_group_keeps_its_units_apart() {
    let other = UnitId::new("apps", "Deployment", "shop", "web", None);
    let (mut own, mut second) = (filled(), Inventory::empty(other.clone()));
    second.raise(&unit_entry(3, 5));
    // Two units of a group may name the same object, as while it moves.
    second.put_entry(key(1), Entry { adopted: true, ..entry() });
    let shards = write(&[&own, &second]);
    let (hub, unit, key_of) = (hub(), unit(), member_key());
    let place = Place { hub: &hub, cluster: CLUSTER, group: &unit, key: &key_of };
    let mut units = decode(&place, &shards).unwrap();
    own.set_written();
    second.set_written();
    assert_eq!(units.remove(&unit), Some(own));
    assert_eq!(units.remove(&other), Some(second));
    assert!(matches!(read(&shards), Err(InventoryError::Shared { unit }) if *unit == other));
}

#[test]
fn what_cannot_be_checked_proves_nothing() {
    let good = write(&[&filled()]);
    let check = |change: fn(&mut Sealed), expect: Unverified| {
        let mut shards = good.clone();
        change(shards.get_mut(&0).unwrap());
        match read(&shards) {
            Err(InventoryError::Unverified { shard: 0, why }) => assert_eq!(why, expect),
            other => panic!("{other:?}"),
        }
    };
    check(|shard| shard.authenticator.clear(), Unverified::Missing);
    check(|shard| shard.authenticator[3] ^= 1, Unverified::Mismatch);
    check(
        |shard| shard.json = String::from_utf8(shard.json.clone()).unwrap().replace("d000001", "innocent").into(),
        Unverified::Mismatch,
    );
    let stranger = HubKey::from_random([6; 32]);
    let forged = |shard: &mut Sealed| {
        let stranger = HubKey::from_random([6; 32]);
        let text = String::from_utf8(shard.json.clone()).unwrap();
        let own = HubKey::from_random([5; 32]).id().to_string();
        shard.json = text.replace(&own, &stranger.id().to_string()).into();
        shard.authenticator = stranger.of_member(&hub(), CLUSTER).sign(&hub(), CLUSTER, 0, &shard.json);
    };
    check(forged, Unverified::UnknownKey(stranger.id()));
    // A shard of this hub in another place is no proof there.
    let elsewhere = BTreeMap::from([(1, good[&0].clone())]);
    assert!(matches!(read(&elsewhere), Err(InventoryError::Unverified { shard: 1, why: Unverified::Mismatch })));
    let other = UnitId::new("g", "K", "n", "other", None);
    let (hub, key) = (hub(), member_key());
    let copied = decode_own(&Place { hub: &hub, cluster: CLUSTER, group: &other, key: &key }, &good);
    assert!(matches!(copied, Err(InventoryError::Foreign { .. })), "{copied:?}");
}

#[test]
fn big_inventories_are_sharded_and_entries_stay_where_they_are() {
    let mut inventory = Inventory::empty(unit());
    (0..2_000).for_each(|i| inventory.put_entry(key(i), entry()));
    let before = write(&[&inventory]);
    assert!(before.len() > 1);
    let sizes: Vec<usize> = before.values().map(|shard| shard.json.len()).collect();
    assert!(sizes.iter().all(|size| *size <= shard::SHARD_BYTES_MAX), "{sizes:?}");
    let mut again = read(&before).unwrap();
    inventory.set_written();
    assert_eq!(again, inventory);
    // Taking one out of the first shard changes only that shard; the next one fills the gap.
    assert!(again.remove(&key(5)));
    let after = write(&[&again]);
    assert_ne!(before[&0], after[&0]);
    assert_eq!(before[&1], after[&1]);
    again.put_entry(key(5), entry());
    assert_eq!(write(&[&again]), before);
}

#[test]
fn a_shard_that_is_lost_is_missed_and_one_too_many_counts() {
    let mut inventory = Inventory::empty(unit());
    inventory.put_entries((0..9).map(|i| (key(i), entry())), 800);
    let all = write(&[&inventory]);
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [0, 1, 2]);
    inventory.set_written();
    assert_eq!(read(&all).unwrap(), inventory);
    for lost in 0..3 {
        let mut shards = all.clone();
        shards.remove(&lost);
        assert!(matches!(read(&shards), Err(InventoryError::Missing { shard }) if shard == lost), "{lost}");
    }
    assert_eq!(read(&BTreeMap::new()).unwrap().entries().len(), 0);
    // The first one as it is written before any other, and after the others are given up, names none.
    let (hub, unit, key_of) = (hub(), unit(), member_key());
    let place = Place { hub: &hub, cluster: CLUSTER, group: &unit, key: &key_of };
    let first = BTreeMap::from([(0, super::shard::encode_first(&place, &[&inventory]).unwrap())]);
    assert_eq!(read(&first).unwrap().entries().len(), 3);
    let begun = BTreeMap::from([(0, first[&0].clone()), (1, all[&1].clone())]);
    assert_eq!(read(&begun).unwrap().entries().len(), 6);
    // A gap stays one when the shards around it are full.
    assert!((3..6).all(|i| inventory.remove(&key(i))));
    let gap = write(&[&inventory]);
    assert_eq!(gap.keys().copied().collect::<Vec<_>>(), [0, 2]);
    assert_eq!(read(&gap).unwrap().entries().len(), 6);
}

#[test]
fn a_shard_of_another_format_or_without_sense_is_not_read() {
    let shard = |json: &str| BTreeMap::from([(0, Sealed { json: json.into(), authenticator: vec![1] })]);
    let words = |json: &str| read(&shard(json)).unwrap_err().to_string();
    assert!(words(r#"{"format": 99}"#).contains("use the newer one"));
    assert!(words(r#"{"format": 1, "hub": "x"}"#).contains("delete the Secret to have its objects adopted"));
    for bad in ["", "{", "[]", r#"{"format": "two"}"#] {
        assert!(matches!(read(&shard(bad)), Err(InventoryError::Malformed { .. })), "{bad}");
    }
}

#[test]
fn only_what_differs_from_the_member_is_a_change() {
    let mut inventory = read(&write(&[&filled()])).unwrap();
    assert!(!inventory.is_changed());
    assert!(!inventory.update(&key(1), |entry| entry.doomed = None) && !inventory.remove(&key(9)));
    inventory.put_entry(key(1), entry());
    inventory.judge(&unit_entry(8, 1_800_000_000), |_| true);
    inventory.raise(&unit_entry(8, 1_800_000_000));
    assert!(!inventory.is_changed(), "an epoch alone is no reason to write");
    assert!(inventory.update(&key(2), |entry| entry.uid = Some("u".into())));
    assert!(inventory.is_changed());
}

#[test]
fn a_hub_is_behind_by_its_epoch_or_by_an_earlier_placement_and_stays_so() {
    let mut inventory = read(&write(&[&filled()])).unwrap();
    assert!(!inventory.is_behind(&unit_entry(7, 1_800_000_000)));
    assert!(inventory.is_behind(&unit_entry(6, 1_800_000_000)), "an older epoch");
    assert!(inventory.is_behind(&unit_entry(9, 1_700_000_000)), "a removal from before the unit was placed again");
    inventory.judge(&unit_entry(6, 1_800_000_000), |_| false);
    assert!(inventory.is_changed(), "it is written at once");
    assert!(inventory.is_behind(&unit_entry(9, 1_800_000_000)), "its epoch caught up, its memory did not");
    inventory.judge(&unit_entry(9, 1_800_000_000), |_| true);
    assert!(!inventory.is_behind(&unit_entry(9, 1_800_000_000)), "it wants all that the member has");
    // A unit that is given to the member once more is noted, though no key comes or goes.
    inventory.set_written();
    inventory.judge(&unit_entry(9, 1_900_000_000), |_| true);
    assert!(inventory.is_changed());
}

#[test]
fn a_hub_is_behind_when_the_member_had_the_unit_before_the_hub_knows_of_it() {
    let known_since = |second, epoch, placed| UnitEntry {
        known_since: Some(Timestamp::from_second(second).unwrap()),
        ..unit_entry(epoch, placed)
    };
    let written = || read(&write(&[&filled()])).unwrap();
    let mut inventory = written();
    let made_again = unit_entry(9, 1_900_000_000);
    assert!(inventory.is_behind(&made_again), "this hub gave it for the first time");
    inventory.judge(&made_again, |_| false);
    inventory.raise(&made_again);
    assert!(inventory.is_behind(&made_again), "and stays so when that is written");
    let mut inventory = written();
    inventory.judge(&made_again, |_| true);
    inventory.raise(&made_again);
    assert!(!inventory.is_behind(&made_again), "all that is there is wanted");
    let given_again = known_since(1_800_000_000, 9, 1_900_000_000);
    assert!(!written().is_behind(&given_again), "it was given again before it had left");
    assert!(!Inventory::empty(unit()).is_behind(&made_again), "nothing was there");
}

#[test]
fn an_entry_is_small() {
    // One for each object in each member: with 100 objects in a thousand members, eight bytes are a megabyte.
    assert!(size_of::<Entry>() <= 64, "{}", size_of::<Entry>());
}

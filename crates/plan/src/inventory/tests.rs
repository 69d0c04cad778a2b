use super::*;

fn hub() -> HubId {
    HubId::from_random([1; 10])
}

fn unit() -> UnitId {
    UnitId::new("apps.kurator.dev", "Application", "default", "shop", Some("base"))
}

fn key(i: u32) -> ObjectKey {
    ObjectKey { group: "apps".into(), kind: "Deployment".into(), namespace: "shop".into(), name: format!("d{i:06}") }
}

fn entry(i: u32) -> Entry {
    let digest = Some(Digest::of(&i.to_be_bytes()));
    Entry {
        version: "v1".into(),
        uid: Some("b1946ac9-2492-4d23-87d6-21a7c0ea7d22".into()),
        applied: digest,
        accepted: digest,
        ..Entry::default()
    }
}

fn shards(inventory: &Inventory) -> Vec<(u32, Vec<u8>)> {
    inventory.encode().into_iter().collect()
}

#[test]
fn an_inventory_round_trips() {
    let mut inventory = Inventory::empty(hub(), unit());
    inventory.epoch = 7;
    inventory.released = Some(Released { epoch: 7, digest: Digest::of(b"list"), count: 3 });
    inventory.behind = true;
    inventory.put(key(1), entry(1));
    inventory
        .put(key(2), Entry { adopted: true, doomed: true, scaled: true, admission: vec!["spec.x".into()], ..entry(2) });
    assert_eq!(Inventory::decode(&hub(), &unit(), &shards(&inventory)).unwrap(), inventory);
}

#[test]
fn the_format_is_what_members_hold() {
    let mut inventory = Inventory::empty(hub(), unit());
    inventory.put(key(1), entry(1));
    // Members out there hold this: it may grow, and what is in it keeps its meaning.
    insta::assert_snapshot!("format", String::from_utf8(inventory.encode()[&0].clone()).unwrap());
    insta::assert_yaml_snapshot!("metadata", inventory.metadata(&unit().short(&hub()), 0));
}

#[test]
fn big_inventories_are_sharded_and_entries_stay_where_they_are() {
    let mut inventory = Inventory::empty(hub(), unit());
    (0..2_000).for_each(|i| inventory.put(key(i), entry(i)));
    let before = inventory.encode();
    assert!(before.len() > 1);
    assert!(
        before.values().all(|json| json.len() <= SHARD_BYTES_MAX),
        "{:?}",
        before.values().map(Vec::len).collect::<Vec<_>>()
    );
    let mut read = Inventory::decode(&hub(), &unit(), &shards(&inventory)).unwrap();
    assert_eq!(read, inventory);
    // Taking one out of the first shard changes only that shard; the next one fills the gap.
    read.entries.remove(&key(5));
    let after = read.encode();
    assert_ne!(before[&0], after[&0]);
    assert_eq!(before[&1], after[&1]);
    read.put(key(5), entry(5));
    assert_eq!(read.encode(), before);
}

#[test]
fn a_shard_of_another_unit_a_newer_format_and_rubbish_are_refused() {
    let other = UnitId::new("apps.kurator.dev", "Application", "default", "other", None);
    let json = shards(&Inventory::empty(hub(), other));
    assert!(matches!(Inventory::decode(&hub(), &unit(), &json), Err(InventoryError::Foreign { .. })));
    assert!(matches!(Inventory::decode(&hub(), &unit(), &[(0, b"x".to_vec())]), Err(InventoryError::Malformed { .. })));
    let newer = String::from_utf8(shards(&Inventory::empty(hub(), unit()))[0].1.clone())
        .unwrap()
        .replace("\"format\":1", "\"format\":2");
    assert!(matches!(
        Inventory::decode(&hub(), &unit(), &[(0, newer.into_bytes())]),
        Err(InventoryError::Newer { .. })
    ));
}

#[test]
fn an_applyset_id_is_what_the_kep_computes() {
    // printf %s 'kurator-aaaaaaaaaa.kurator-system.Secret.' | sha256sum | xxd -r -p | basenc --base64url | tr -d =
    let short: ShortId = "aaaaaaaaaa".parse().unwrap();
    assert_eq!(applyset_id(&short), "applyset-cMDpEHygyF_070WFFWxWtJXhoYNqbQwEC0rkkq023Zo-v1");
}

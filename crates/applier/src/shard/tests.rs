use super::*;

fn secret(data: &str) -> Value {
    json!({"data": {DATA: data, AUTHENTICATOR: "AAAA"}})
}

fn bomb(bytes: usize) -> Value {
    secret(&pack(&vec![b' '; bytes]))
}

#[test]
fn a_shard_is_unpacked_up_to_a_size_and_all_of_them_together() {
    let mut unpacked = Unpacked::default();
    let sealed = unpacked.unpack(0, &bomb(SHARD_UNPACKED_MAX)).unwrap();
    assert_eq!((sealed.json.len(), sealed.authenticator), (SHARD_UNPACKED_MAX, vec![0; 3]));
    let error = unpacked.unpack(7, &bomb(SHARD_UNPACKED_MAX + 1)).unwrap_err();
    assert!(matches!(error, InventoryError::Large { shard: 7, max: SHARD_UNPACKED_MAX }), "{error}");
    // What is left is less than a shard may have.
    unpacked.left = 1_000;
    assert!(unpacked.unpack(0, &bomb(400)).is_ok());
    let error = unpacked.unpack(0, &bomb(601)).unwrap_err();
    assert!(matches!(error, InventoryError::LargeTogether { max: limit::INVENTORIES_BYTES_MAX }), "{error}");
    assert!(unpacked.unpack(0, &bomb(1)).is_err(), "what was refused counts too");
}

#[test]
fn what_does_not_unpack_is_an_empty_shard() {
    let cut = pack(b"{}");
    for data in ["", "no Base64!", "AAAA", &cut[..cut.len() - 8]] {
        assert_eq!(Unpacked::default().unpack(0, &secret(data)).unwrap().json, b"", "{data}");
    }
    assert_eq!(Unpacked::default().unpack(0, &secret(&cut)).unwrap().json, b"{}");
    assert_eq!(Unpacked::default().unpack(0, &json!({})).unwrap(), Sealed::default());
}

use serde_json::json;

use super::*;

#[test]
fn a_text_without_quotes_is_what_yaml_takes_it_for() {
    for (text, expect) in [
        ("5432", json!(5432)),
        ("-1", json!(-1)),
        ("1.5", json!(1.5)),
        ("1e3", json!(1000.0)),
        ("0644", json!(420)),
        ("18446744073709551615", json!(18_446_744_073_709_551_615_u64)),
        ("true", json!(true)),
        ("yes", json!("yes")),
        ("", json!(null)),
        ("1.2.3", json!("1.2.3")),
        ("1e", json!("1e")),
        ("inf", json!("inf")),
        ("-", json!("-")),
        ("e", json!("e")),
    ] {
        assert_eq!(plain(text), expect, "{text:?}");
    }
}

#[test]
fn a_field_keeps_its_type() {
    let put = |place: Value, text: &str| {
        let mut place = place;
        super::set_text(&mut place, text).map(|()| place)
    };
    assert_eq!(put(json!("a"), "5"), Ok(json!("5")));
    assert_eq!(put(json!(1), "5"), Ok(json!(5)));
    assert_eq!(put(json!(true), "false"), Ok(json!(false)));
    assert_eq!(put(json!(null), "5"), Ok(json!(5)));
    assert!(put(json!(1), "five").unwrap_err().contains("is a number"));
    assert!(put(json!(true), "five").unwrap_err().contains("is true or false"));
}

//! Objects and the rows that kube-apiserver 1.37.2 made of them, recorded from one: the same objects must give the same
//! cells here. Recorded with every container state, service type and so on that the cells tell apart; `now` is the time
//! of the recording, so that ages are the same too.

use model::{GroupVersion, Timestamp};
use serde_json::{Value, json};

use crate::table::builtin;

#[test]
fn rows_are_those_of_kube_apiserver() {
    for line in include_str!("recorded.jsonl").lines() {
        let table: Value = serde_json::from_str(line).unwrap();
        let kind = table["kind"].as_str().unwrap();
        let version: GroupVersion = table["apiVersion"].as_str().unwrap().parse().unwrap();
        let now: Timestamp = table["now"].as_str().unwrap().parse().unwrap();
        let columns = builtin(&version.kind(kind).group_kind());
        let heads: Vec<Value> = columns.heads().iter().map(|c| json!([c.name, c.ty, c.format, c.priority])).collect();
        assert_eq!(Value::from(heads), table["columns"], "{kind}");
        for row in table["rows"].as_array().unwrap() {
            let cells = columns.cells(&row["object"], now);
            assert_eq!(Value::from(cells), row["cells"], "{kind} {}", row["object"]);
        }
    }
}

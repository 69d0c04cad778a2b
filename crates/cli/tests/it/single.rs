//! A hub without a demo.

use crate::process::Place;

#[test]
fn a_hub_alone_says_what_comes_next_and_ends_with_ctrl_c() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let once = place.run(&format!("up --dir {dir} --exit-when-ready"));
    assert_eq!(once.code, Some(0), "{}", once.err);
    assert!(once.out.starts_with("hub ready ") && once.out.lines().count() == 1, "{}", once.out);
    assert!(once.out.trim_end().ends_with(&format!("kubeconfig {dir}/kubeconfig (context hub)")), "{}", once.out);
    assert_eq!(once.err, "");

    place.up("", "hub ready");
    let empty = place.ok("status");
    let expected = "no members yet: apply an AttachedCluster to the hub\n\nno applications in namespace default: apply an \
                    Application, or choose with -n\n";
    assert_eq!(empty, expected);
    assert_eq!(place.ok(&format!("status --kubeconfig {dir}/kubeconfig")), expected);
    assert!(place.fails("demo commit").contains("start one with `kurator up --demo`"));
    assert!(place.fails("status member/beijing").contains("there is none yet"));
    place.signal("INT");
    assert_eq!(place.ended(), Some(0));

    place.up("", "hub ready");
    place.signal("TERM");
    assert_eq!(place.ended(), Some(0));
    assert!(place.fails(&format!("status --dir {dir}")).contains("does not answer; is it running?"));
}

#[test]
fn a_hub_that_listens_everywhere_is_told_to_this_machine_as_loopback_and_says_what_others_need() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let once = place.run(&format!("up --dir {dir} --listen 0.0.0.0:0 --exit-when-ready"));
    assert_eq!(once.code, Some(0), "{}", once.err);
    place.up("--listen 0.0.0.0:0", "hub ready");
    let kubeconfig = std::fs::read_to_string(place.dir().join("kubeconfig")).unwrap();
    assert!(kubeconfig.contains("https://127.0.0.1:"), "{kubeconfig}");
    assert!(place.ok("status").contains("no members yet"));
}

#[test]
fn a_start_can_be_read_by_programs() {
    let mut place = Place::new();
    let dir = place.dir().display().to_string();
    let ready = place.json(&format!("up --dir {dir} --exit-when-ready"));
    assert_eq!(ready["kubeconfig"], format!("{dir}/kubeconfig"));
    assert_eq!(ready["contexts"], serde_json::json!(["hub"]));
    assert!(ready["hub"].as_str().is_some_and(|url| url.starts_with("https://127.0.0.1:")), "{ready}");
    place.up("", "hub ready");
    let absent = place.fails("suspend app/nobody -o json");
    assert!(absent.contains("there is no app/nobody"), "{absent}");
}

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
    assert!(place.fails("status --dir /nowhere/at/all").contains("kurator up --dir"));
}

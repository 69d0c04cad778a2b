use super::*;

#[test]
fn too_many_prefixes_mean_all_references() {
    let prefixes = |count: usize| {
        let mut body = Writer::default();
        body.line("command=ls-refs").delimiter().line("peel");
        for _ in 0..count {
            body.line("ref-prefix refs/heads/");
        }
        body.flush();
        let query = list_query(&body.0).unwrap().unwrap();
        assert!(query.peel && !query.symrefs);
        query.prefixes.len()
    };
    assert_eq!((prefixes(1), prefixes(PREFIXES_MAX), prefixes(PREFIXES_MAX + 1)), (1, PREFIXES_MAX, 0));
}

use futures::{FutureExt as _, StreamExt as _};

use super::*;
use crate::git::packet::{self, Writer};

#[test]
fn reference_lines_are_read() {
    let oid = "a".repeat(40);
    let line = format!("{oid} refs/tags/v1 peeled:{}", "b".repeat(40));
    assert_eq!(Ref::parse(&line).unwrap().commit(), "b".repeat(40));
    assert_eq!(Ref::parse("unborn HEAD symref-target:refs/heads/main"), None);
    let head = Ref::parse(&format!("{oid} HEAD symref-target:refs/heads/main")).unwrap();
    assert_eq!(head.target.as_deref(), Some("refs/heads/main"));
    assert_eq!(Ref::parse(&format!("{oid} refs/tags/1.0.0-{}", "a".repeat(60_000))), None);
}

/// What is read of an advertisement that arrives in chunks of so many bytes, and the references in it.
fn read_all(bytes: &[u8], chunk: usize) -> Result<(Abilities, Vec<Ref>), String> {
    let chunks: Vec<_> = bytes.chunks(chunk).map(|c| Ok(bytes::Bytes::copy_from_slice(c))).collect();
    let mut incoming = Incoming::body("http://x", futures::stream::iter(chunks).boxed());
    let mut refs = Vec::new();
    // Everything is there already.
    let read = read(&mut incoming, "http://x", &mut |found| refs.push(found)).now_or_never().unwrap();
    read.map(|abilities| (abilities, refs)).map_err(|e| e.to_string())
}

fn message(lines: &[&str]) -> Vec<u8> {
    let mut out = Writer::default();
    out.line("# service=git-upload-pack").flush();
    for line in lines {
        out.line(line);
    }
    out.flush();
    out.0
}

#[test]
fn version_0_and_1_say_what_version_2_is_asked_for() {
    let [a, b, c] = ["a", "b", "c"].map(|digit| digit.repeat(40));
    let words = "multi_ack thin-pack side-band side-band-64k ofs-delta shallow no-progress symref=HEAD:refs/heads/main \
                 object-format=sha1 agent=git/2.50";
    let lines = [
        format!("{a} HEAD\0{words}"),
        format!("{a} refs/heads/main"),
        format!("{b} refs/tags/v1"),
        format!("{c} refs/tags/v1^{{}}"),
        format!("{a} refs/tags/v2"),
        format!("shallow {c}"),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    for first in [vec![], vec!["version 1"]] {
        let bytes = message(&[first, lines.clone()].concat());
        for chunk in [1, 7, 1_000] {
            let (abilities, refs) = read_all(&bytes, chunk).unwrap();
            assert_eq!((abilities.version, abilities.shallow, abilities.any_commit), (Version::Old, true, false));
            assert_eq!(abilities.side_band, Some("side-band-64k"));
            assert_eq!(abilities.savings, SAVINGS);
            let seen: Vec<(&str, &str)> = refs.iter().map(|r| (r.name.as_str(), r.commit())).collect();
            let expect = [("HEAD", &a), ("refs/heads/main", &a), ("refs/tags/v1", &c), ("refs/tags/v2", &a)]
                .map(|(n, o)| (n, o.as_str()));
            assert_eq!(seen, expect);
            assert_eq!(refs[0].target.as_deref(), Some("refs/heads/main"));
            assert!(refs[1..].iter().all(|r| r.target.is_none()));
        }
    }
}

#[test]
fn an_advertisement_is_read_or_refused() {
    let a = "a".repeat(40);
    let zero = "0".repeat(40);
    for (lines, expect) in [
        (
            vec!["version 2".to_owned(), "fetch=shallow filter".into(), "object-format=sha1".into()],
            Ok((Version::Two, true, 0)),
        ),
        (vec!["version 2".into(), "ls-refs".into()], Ok((Version::Two, false, 0))),
        (vec![format!("{zero} capabilities^{{}}\0shallow")], Ok((Version::Old, true, 0))),
        (vec![], Ok((Version::Old, false, 0))),
        (vec![format!("{a} refs/heads/main")], Ok((Version::Old, false, 1))),
        (
            vec!["hello".into()],
            Err("it begins with a line that is neither a version of the git protocol nor a reference"),
        ),
        (vec!["ERR access denied".into()], Err("the server says: access denied")),
        (
            vec!["version 2".into(), "object-format=sha256".into()],
            Err("its objects are named by sha256; only sha1 is supported"),
        ),
        (
            vec![format!("{a} HEAD\0object-format=sha256")],
            Err("its objects are named by sha256; only sha1 is supported"),
        ),
    ] {
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let read = read_all(&message(&lines), 1_000)
            .map(|(abilities, refs)| (abilities.version, abilities.shallow, refs.len()));
        assert_eq!(read, expect.map_err(|why| format!("http://x: not understood: {why}")), "{lines:?}");
    }
    let whole = message(&["version 2", "fetch=shallow"]);
    let cut = read_all(&whole[..whole.len() - 4], 1_000).unwrap_err();
    assert_eq!(cut, "http://x: not understood: what it says of itself has no end");
    let cut = read_all(&whole[..whole.len() - 6], 1_000).unwrap_err();
    assert_eq!(cut, "http://x: not understood: the message ends within a packet");
}

proptest::proptest! {
    #[test]
    fn packets_never_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = packet::all(&bytes);
        let _ = read_all(&bytes, 7);
    }
}

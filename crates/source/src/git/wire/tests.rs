use futures::{FutureExt as _, StreamExt as _};

use super::*;

fn abilities(side_band: Option<&'static str>, shallow: bool) -> Abilities {
    let savings = vec!["ofs-delta", "no-progress"];
    Abilities { version: Version::Old, shallow, object_format: false, side_band, savings, any_commit: false }
}

fn text(question: Writer) -> String {
    String::from_utf8(question.0).unwrap()
}

#[test]
fn older_versions_are_asked_in_their_own_words() {
    let (want, tip) = ("a".repeat(40), vec!["b".repeat(40)]);
    for (abilities, tips, expect) in [
        (
            abilities(Some("side-band-64k"), true),
            &tip,
            format!(
                "0056want {want} side-band-64k ofs-delta no-progress\n0035shallow {}\n000ddeepen 1\n00000032have {}\n0009done\n",
                tip[0], tip[0]
            ),
        ),
        // A server that cannot leave the history out sends it, and knows that what is here has one too.
        (
            abilities(None, false),
            &tip,
            format!("0048want {want} ofs-delta no-progress\n00000032have {}\n0009done\n", tip[0]),
        ),
        (
            Abilities { savings: vec![], ..abilities(None, true) },
            &vec![],
            format!("0032want {want}\n000ddeepen 1\n00000009done\n"),
        ),
    ] {
        assert_eq!(text(old_fetch(&want, tips, &abilities)), expect);
    }
}

/// What is taken as the pack of an answer that arrives in chunks of so many bytes.
fn pack_of(answer: &[u8], chunk: usize, raw: bool, begun: bool) -> Result<Vec<u8>, String> {
    let chunks: Vec<_> = answer.chunks(chunk).map(|c| Ok(bytes::Bytes::copy_from_slice(c))).collect();
    let mut incoming = Incoming::body("http://x", futures::stream::iter(chunks).boxed());
    let mut pack = Vec::new();
    let mut write = |data: &[u8]| {
        pack.extend_from_slice(data);
        Ok(())
    };
    let read = match raw {
        true => raw_pack("http://x", &mut incoming, &mut write).now_or_never().unwrap(),
        false => side_band_pack("http://x", &mut incoming, begun, &mut write).now_or_never().unwrap(),
    };
    match read {
        Ok(()) => Ok(pack),
        Err(Refusal::NoSuchCommit) => Err("no such commit".into()),
        Err(Refusal::Other(error)) => Err(error.to_string()),
    }
}

#[test]
fn a_pack_is_taken_out_of_every_form_of_answer() {
    let oid = "a".repeat(40);
    let shallow = format!("0035shallow {oid}\n0000");
    let bands = "000b\u{2}12345\n000c\u{1}PACK123000a\u{2}done\n000a\u{1}456780000";
    for (answer, raw, begun, expect) in [
        (format!("{shallow}0008NAK\n{bands}"), false, true, Ok("PACK12345678")),
        (format!("0031ACK {oid}\n{bands}"), false, true, Ok("PACK12345678")),
        (format!("000dpackfile\n{bands}"), false, false, Ok("PACK12345678")),
        (format!("{shallow}0008NAK\nPACK12345678"), true, true, Ok("PACK12345678")),
        ("0008NAK\nPA".to_owned(), true, true, Err("http://x: not understood: the message ends within a packet")),
        (format!("{shallow}0008NAK\n"), true, true, Ok("")),
        (format!("0049ERR upload-pack: not our ref {oid}"), true, true, Err("no such commit")),
        (format!("0040ERR want {oid} not valid\n"), false, true, Err("no such commit")),
        ("0008NAK\n000b\u{3}no way".to_owned(), false, true, Err("http://x: not understood: the server says: no way")),
    ] {
        for chunk in [1, 3, 1_000] {
            let pack = pack_of(answer.as_bytes(), chunk, raw, begun);
            assert_eq!(pack, expect.map(|t| t.as_bytes().to_vec()).map_err(str::to_owned), "{answer:?} by {chunk}");
        }
    }
}

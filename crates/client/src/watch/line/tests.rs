use futures::stream;

use super::*;
use crate::exchange::{Ask, JSON, open};
use crate::fake::{endless, reply, server};

/// Everything that is read, and how it ends.
async fn read(pieces: &'static [&'static str], bytes_max: usize) -> (Vec<String>, Result<(), Error>) {
    let (api, _) = server(move |_, _| async move { reply(200, stream::iter(pieces.iter().map(|p| Bytes::from(*p)))) });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    let (mut lines, mut out) = (Lines::new(body, bytes_max), Vec::new());
    loop {
        match lines.next().await {
            Ok(Some(line)) => out.push(String::from_utf8(line.to_vec()).unwrap()),
            Ok(None) => return (out, Ok(())),
            Err(error) => return (out, Err(error)),
        }
    }
}

#[tokio::test]
async fn lines_are_lines_however_they_arrive() {
    let table: [(&[&str], &[&str]); 7] = [
        (&[], &[]),
        (&["a\nb\n"], &["a", "b"]),
        (&["a", "", "b\nc", "d\n"], &["ab", "cd"]),
        (&["\n\na\n\n"], &["a"]),
        (&["a\ncut off"], &["a"]),
        (&["1234\n1234\n", "12", "34\n"], &["1234", "1234", "1234"]),
        (&["a\r\nb\n"], &["a\r", "b"]),
    ];
    for (pieces, expected) in table {
        let (lines, end) = read(pieces, 4).await;
        assert!(end.is_ok() || pieces == ["a\ncut off"], "{pieces:?}");
        assert_eq!(lines, expected);
    }
}

#[tokio::test]
async fn a_line_beyond_the_limit_ends_it_before_it_ends() {
    for pieces in [&["12345\n"] as &[_], &["1", "2", "3", "4", "5"], &["123", "45\n"]] {
        let (lines, end) = read(pieces, 4).await;
        assert!(lines.is_empty() && matches!(end, Err(Error::TooLarge { max: 4, .. })), "{pieces:?}: {end:?}");
    }
    let (api, _) = server(|_, _| async { reply(200, endless("", "xxxxxxxx")) });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    assert!(matches!(Lines::new(body, 1 << 20).next().await, Err(Error::TooLarge { .. })));
}

#[tokio::test]
async fn an_idle_watch_holds_no_buffer() {
    let (api, _) = server(|_, _| async { reply(200, stream::iter(["aaaa", "bbbb\n"].map(Bytes::from))) });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    let mut lines = Lines::new(body, 100);
    assert_eq!(lines.next().await.unwrap().unwrap(), "aaaabbbb");
    assert_eq!((lines.partial.capacity(), lines.rest.len()), (0, 0));
}

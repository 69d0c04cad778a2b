use futures::{StreamExt, stream};

use super::*;
use crate::exchange::{Ask, JSON, open};
use crate::fake::{endless, reply, server};

/// Everything that is read, and how it ends.
async fn read(pieces: &'static [&'static str], bytes_max: usize) -> (Vec<String>, Result<(), Error>) {
    let (api, _) = server(move |_, _| async move { reply(200, stream::iter(pieces.iter().map(|p| Bytes::from(*p)))) });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    let (mut lines, mut out) = (Lines::new(body, bytes_max, limit::WATCH_LINES_MAX), Vec::new());
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
    assert!(matches!(Lines::new(body, 1 << 20, limit::WATCH_LINES_MAX).next().await, Err(Error::TooLarge { .. })));
}

#[tokio::test]
async fn an_idle_watch_holds_no_buffer() {
    let (api, _) = server(|_, _| async { reply(200, stream::iter(["aaaa", "bbbb\n"].map(Bytes::from))) });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    let mut lines = Lines::new(body, 100, limit::WATCH_LINES_MAX);
    assert_eq!(lines.next().await.unwrap().unwrap(), "aaaabbbb");
    assert_eq!((lines.partial.capacity(), lines.rest.len()), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_a_watch_may_say_has_a_rate() {
    let burst = limit::WATCH_BURST.as_secs() as usize;
    let long = "x".repeat(3 * limit::WATCH_LINE_BYTES) + "\n";
    // How many of these lines may come at once, when so many may come in a second.
    for (line, per_second, expected) in [("a\n", 10, 10 * burst), (&long, 8, 2 * burst), ("\n", 10, 0)] {
        let more = Bytes::from(line.to_owned());
        let (api, _) = server(move |_, _| {
            let more = more.clone();
            async move { reply(200, stream::repeat(more)) }
        });
        let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
        let (mut lines, mut read) = (Lines::new(body, 1 << 20, per_second), 0);
        let error = loop {
            match lines.next().await {
                Ok(line) => read += usize::from(line.is_some()),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, Error::Flood { max } if max == per_second), "{error:?}");
        assert_eq!(read, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_no_faster_than_it_may_goes_on() {
    let (api, _) = server(|_, _| async {
        let drip = stream::repeat(Bytes::from("a\n")).then(|line| async {
            tokio::time::sleep(std::time::Duration::from_millis(101)).await;
            line
        });
        reply(200, drip)
    });
    let (_, body) = open(api.transport(), Ask::get("/".to_owned(), JSON, 0)).await.unwrap();
    let mut lines = Lines::new(body, 100, 10);
    for _ in 0..10_000 {
        assert_eq!(lines.next().await.unwrap().unwrap(), "a");
    }
}

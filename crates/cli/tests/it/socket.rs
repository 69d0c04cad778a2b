//! The control socket: what it answers to anybody, and where it may lie.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use crate::process::Place;

fn send_bytes(place: &Place, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(place.dir().join("kurator.sock")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(bytes).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn garbage_is_answered_and_silence_delays_nobody() {
    let mut place = Place::new();
    place.up("", "hub ready");
    // Connected, and says nothing for as long as it likes.
    let silent: Vec<UnixStream> =
        (0..3).map(|_| UnixStream::connect(place.dir().join("kurator.sock")).unwrap()).collect();
    let begun = Instant::now();
    let start = send_bytes(&place, b"ping\n");
    assert!(start.ends_with("\nok\n"), "{start}");
    assert_eq!(send_bytes(&place, b"ping\n"), start);
    assert_eq!(
        send_bytes(&place, b"\xff\xfe\x00\n").lines().next(),
        Some("error: a command is UTF-8 text: invalid utf-8 sequence of 1 bytes from index 0")
    );
    assert_eq!(send_bytes(&place, &[b'x'; 4096]), "error: a command is one line of at most 4096 bytes\n");
    assert_eq!(send_bytes(&place, b"stop"), "error: a command is one line of at most 4096 bytes\n");
    assert!(
        send_bytes(&place, b"dance\n")
            .starts_with("error: \"dance\" is not understood; a command is one of ping, address, ")
    );
    assert_eq!(send_bytes(&place, b"unplugged\n"), "ok\n");
    assert!(send_bytes(&place, b"unplug beijing\n").starts_with("error: this hub runs without its demo"));
    assert!(send_bytes(&place, b"stop\n").ends_with("ok\n"));
    assert_eq!(place.ended(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    drop(silent);
}

#[test]
fn a_path_that_no_socket_address_can_hold_and_no_ascii_has_is_like_any_other() {
    // 150 bytes in one name; a unix socket's address has room for 108.
    let mut place = Place::at(&"\u{8230}\u{961f}".repeat(25));
    place.up("--demo", "converged");
    assert!(place.ok("status").contains("beijing"), "it is found without --dir");
    assert!(place.ok("demo counters").contains("mutating requests"));
    let dir = place.dir().display().to_string();
    assert!(place.ok(&format!("status --dir {dir}")).contains("beijing"));
    place.ok("demo stop");
    assert_eq!(place.ended(), Some(0));
}

//! Ctrl-C and kill -9 at any moment.

use std::time::{Duration, Instant};

use crate::process::Place;

/// Moments after the start, in milliseconds: before anything is there, while hub and members start, while the demo is
/// installed, while it converges, and after.
const MOMENTS: [u64; 8] = [0, 15, 40, 80, 150, 300, 700, 1500];

/// Longest orderly end: five seconds are for what hangs, and nothing hangs here.
const END_MAX: Duration = Duration::from_secs(4);

#[test]
fn a_demo_that_ended_at_any_moment_goes_on_from_there() {
    let mut place = Place::new();
    for (index, after) in MOMENTS.into_iter().enumerate() {
        for signal in ["INT", "KILL"] {
            place.start("--demo");
            // time: the moment of the signal is what this is about
            std::thread::sleep(Duration::from_millis(after));
            place.signal(signal);
            let begun = Instant::now();
            let code = place.ended();
            assert!(begun.elapsed() < END_MAX, "{signal} after {after} ms: it took {:?}", begun.elapsed());
            // The first moment is before the program has caught anything.
            let expected = if signal == "INT" && index > 1 { Some(0) } else { code };
            assert_eq!(code, expected, "{signal} after {after} ms");
        }
    }
    let dir = place.dir().display().to_string();
    let last = place.ok(&format!("up --demo --dir {dir} --exit-when-ready"));
    assert!(last.contains("converged "), "{last}");
}

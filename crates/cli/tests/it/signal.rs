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
    for after in MOMENTS {
        for signal in ["INT", "KILL"] {
            place.start("--demo");
            // time: the moment of the signal is what this is about
            std::thread::sleep(Duration::from_millis(after));
            // On a busy machine the program may not catch anything yet.
            let is_caught = signal == "INT" && place.catches_interrupts();
            place.signal(signal);
            let begun = Instant::now();
            let code = place.ended();
            assert!(begun.elapsed() < END_MAX, "{signal} after {after} ms: it took {:?}", begun.elapsed());
            let expected = if is_caught { Some(0) } else { code };
            assert_eq!(code, expected, "{signal} after {after} ms");
        }
    }
    let dir = place.dir().display().to_string();
    let last = place.ok(&format!("up --demo --dir {dir} --exit-when-ready"));
    assert!(last.contains("converged "), "{last}");
}

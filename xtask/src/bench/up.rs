//! How soon a hub is ready and the demo has converged, from the start of the process, on new directories and on ones
//! that were used before.

use std::time::Duration;

use anyhow::Result;

use super::instance::{Instance, Scratch, binary};
use super::sheet::{Sheet, millis, seconds, spread};

/// Runs of each kind.
const ROUNDS: usize = 5;

/// Times of one kind of start.
#[derive(Default)]
struct Times {
    ready: Vec<Duration>,
    converged: Vec<Duration>,
}

pub(crate) fn run(_: &[String]) -> Result<()> {
    let binary = binary()?;
    let scratch = Scratch::new("up")?;
    let mut sheet = Sheet::new(&["`kurator up`", "min", "median", "max", "goal"]);
    for demo in [false, true] {
        let (mut fresh, mut again) = (Times::default(), Times::default());
        for round in 0..ROUNDS {
            let dir = scratch.join(format!("{demo}-{round}"));
            for times in [&mut fresh, &mut again] {
                let args: &[&str] = if demo { &["--demo"] } else { &[] };
                let mut instance = Instance::start(&binary, &dir, args)?;
                times.ready.push(instance.until("hub ready")?);
                if demo {
                    times.converged.push(instance.until("converged")?);
                }
                instance.stop()?;
            }
        }
        for (which, mut times) in [("new directory", fresh), ("used directory", again)] {
            let (name, goal) = if demo { (" --demo", "-") } else { ("", "≤ 200 ms") };
            let [min, median, max] = spread(&mut times.ready, millis);
            sheet.row([format!("up{name}, {which}: ready"), min, median, max, goal.to_owned()]);
            if demo {
                let [min, median, max] = spread(&mut times.converged, seconds);
                sheet.row([format!("up{name}, {which}: converged"), min, median, max, "≤ 2 s".to_owned()]);
            }
        }
    }
    sheet.print();
    Ok(())
}

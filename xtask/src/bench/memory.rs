//! What a first delivery leaves in the hub's memory, beside a freshly started hub with the same state.

use std::time::Duration;

use anyhow::Result;

use super::fleet::{Fleet, Programs, Scale};
use super::instance::{peak, resident};
use super::sheet::{Sheet, seconds};

/// Objects of the unit.
const OBJECTS: usize = 100;
/// A hub has so long to give back what a delivery took.
const GIVEN_BACK: Duration = Duration::from_secs(60);

pub(super) fn run(args: &[String]) -> Result<()> {
    let scale = Scale::parse(args)?;
    let programs = Programs::prepare()?;
    let mut fleet = Fleet::start(&programs, "memory", scale.members, OBJECTS)?;
    fleet.attach()?;
    let attached = resident(fleet.hub.pid())?;
    let delivered = fleet.deliver()?;
    let highest = peak(fleet.hub.pid())?;
    std::thread::sleep(GIVEN_BACK);
    let after = resident(fleet.hub.pid())?;
    fleet.restart_hub(false)?;
    fleet.hub.until("hub ready")?;
    std::thread::sleep(GIVEN_BACK);
    let fresh = resident(fleet.hub.pid())?;
    let title = format!("{} members, {OBJECTS} objects each", scale.members);
    let mut sheet = Sheet::new(&[&title, "MiB", "of a fresh hub's", "goal"]);
    let mut row = |name: &str, mebibytes: f64, goal: &str| {
        let ratio = format!("{:.2} ×", mebibytes / fresh);
        sheet.row([name.to_owned(), format!("{mebibytes:.0}"), ratio, goal.to_owned()]);
    };
    row("all attached", attached, "-");
    row("peak of the first delivery", highest, "≤ 250 MiB");
    row("60 s after it", after, "≤ 1.2 ×");
    row("freshly started, same state, after 60 s", fresh, "-");
    sheet.print();
    println!("\nThe first delivery took {}.", seconds(delivered));
    Ok(())
}

//! How soon a hub that was killed looks after its members again, and what it writes although nothing has changed.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::fleet::{Fleet, Programs, Scale};
use super::sheet::{Sheet, seconds};

/// Objects of the unit, one column each.
const OBJECTS: [usize; 2] = [10, 100];
/// Over this time the share of a core is measured, before the kill and while the hub comes to rest.
const WINDOW: Duration = Duration::from_secs(1);
/// A hub is steady when its share of a core is at most this much above what it was before the kill: a tenth of what a
/// start uses, and more than probes of members, which come in waves, make it differ.
const ABOVE_IDLE: f64 = 0.10;
/// Writes are counted for so long from the start: nodes are counted a second time 30 to 39.3 s after it.
const COUNTED: Duration = Duration::from_secs(40);
/// Longest wait for anything here.
const STEADY_MAX: Duration = Duration::from_secs(120);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);
/// Before the kill: the last reports are being written.
const SETTLE: Duration = Duration::from_secs(40);

/// Figures of a unit of one size; times are from the start of the process.
struct Column {
    ready: Duration,
    watched: Duration,
    steady: Duration,
    member_writes: u64,
    hub_writes: u64,
}

pub(super) fn run(args: &[String]) -> Result<()> {
    let scale = Scale::parse(args)?;
    let programs = Programs::prepare()?;
    let [few, many] = OBJECTS;
    let (few, many) = (column(&programs, &scale, few)?, column(&programs, &scale, many)?);
    let title = format!("{} members, after kill -9", scale.members);
    let head = OBJECTS.map(|n| format!("{n} objects"));
    let mut sheet = Sheet::new(&[&title, &head[0], &head[1], "goal"]);
    let mut row = |name: &str, show: &dyn Fn(&Column) -> String, goal: &str| {
        sheet.row([name.to_owned(), show(&few), show(&many), goal.to_owned()]);
    };
    row("the API answers", &|c| seconds(c.ready), "-");
    row("every member is watched again", &|c| seconds(c.watched), "< 5 s");
    row("steady", &|c| seconds(c.steady), "< 5 s");
    row("writes in members, 40 s", &|c| c.member_writes.to_string(), "0");
    row("writes in the hub, 40 s", &|c| c.hub_writes.to_string(), "0");
    sheet.print();
    Ok(())
}

fn column(programs: &Programs, scale: &Scale, objects: usize) -> Result<Column> {
    let mut fleet = Fleet::start(programs, &format!("restart-{objects}"), scale.members, objects)?;
    fleet.attach()?;
    fleet.deliver()?;
    std::thread::sleep(SETTLE);
    let idle = fleet.share(WINDOW)?;
    let before = fleet.revision()?;
    fleet.mark()?;
    let begun = Instant::now();
    fleet.restart_hub(true)?;
    let ready = fleet.hub.until("hub ready")?;
    while fleet.unwatched()? > 0 {
        if begun.elapsed() > STEADY_MAX {
            bail!("{} members are not watched after {} s", fleet.unwatched()?, STEADY_MAX.as_secs());
        }
        std::thread::sleep(LOOK);
    }
    let watched = begun.elapsed();
    let steady = loop {
        let since = begun.elapsed();
        if fleet.share(WINDOW)? <= idle + ABOVE_IDLE {
            break since;
        }
        if begun.elapsed() > STEADY_MAX {
            bail!("the hub does not come to rest within {} s", STEADY_MAX.as_secs());
        }
    };
    std::thread::sleep(COUNTED.saturating_sub(begun.elapsed()));
    let member_writes = fleet.mutations()?;
    fleet.reconnect()?;
    let hub_writes = fleet.revision()? - before;
    Ok(Column { ready, watched, steady, member_writes, hub_writes })
}

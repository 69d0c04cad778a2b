//! How soon a commit is in every member, beside a client that sends one request to each without a hub.

use std::time::Duration;

use anyhow::Result;

use super::fleet::{Fleet, Programs, Scale, quantile};
use super::sheet::{Sheet, millis, seconds};

/// Objects of the unit, one column each.
const OBJECTS: [usize; 2] = [10, 100];
/// Over this time the idle share is measured that is taken off a commit's CPU.
const IDLE: Duration = Duration::from_secs(10);

/// Figures of a unit of one size.
struct Column {
    delivered: Duration,
    hub: [Duration; 2],
    floor: [Duration; 2],
    processor: Duration,
    writes: f64,
}

pub(super) fn run(args: &[String]) -> Result<()> {
    let scale = Scale::parse(args)?;
    let programs = Programs::prepare()?;
    let [few, many] = OBJECTS;
    let (few, many) = (column(&programs, &scale, few)?, column(&programs, &scale, many)?);
    let title = format!("{} members, one object changed", scale.members);
    let head = OBJECTS.map(|n| format!("{n} objects"));
    let mut sheet = Sheet::new(&[&title, &head[0], &head[1], "goal"]);
    let mut row = |name: &str, show: &dyn Fn(&Column) -> String, goal: &str| {
        sheet.row([name.to_owned(), show(&few), show(&many), goal.to_owned()]);
    };
    row("commit → applied, p50", &|c| millis(c.hub[0]), "-");
    row("commit → applied, p99", &|c| millis(c.hub[1]), "< 1000 ms");
    row("floor, p50", &|c| millis(c.floor[0]), "-");
    row("floor, p99", &|c| millis(c.floor[1]), "-");
    row("p99, of the floor's", &|c| format!("{:.2} ×", c.hub[1].as_secs_f64() / c.floor[1].as_secs_f64()), "≤ 1.5 ×");
    row("hub CPU of a commit", &|c| millis(c.processor), "equal");
    row("writes of a commit in a member", &|c| format!("{:.2}", c.writes), "1");
    row("first delivery, until Ready", &|c| seconds(c.delivered), "-");
    sheet.print();
    Ok(())
}

fn column(programs: &Programs, scale: &Scale, objects: usize) -> Result<Column> {
    let mut fleet = Fleet::start(programs, &format!("propagate-{objects}"), scale.members, objects)?;
    fleet.attach()?;
    let delivered = fleet.deliver()?;
    fleet.prepare_floor()?;
    // The first of each opens what is kept open afterwards, and is not measured.
    fleet.processor_of(0.0, Fleet::commit)?;
    fleet.floor()?;
    let idle = fleet.share(IDLE)?;
    let (mut hub, mut processor) = (Vec::new(), Duration::ZERO);
    fleet.mark()?;
    for _ in 0..scale.commits {
        let (used, times) = fleet.processor_of(idle, Fleet::commit)?;
        processor += used;
        hub.extend(times);
    }
    let writes = fleet.mutations()? as f64 / (scale.members * scale.commits) as f64;
    let mut floor = Vec::new();
    for _ in 0..scale.commits {
        floor.extend(fleet.floor()?);
    }
    let quantiles = |times: &mut Vec<Duration>| [0.5, 0.99].map(|share| quantile(times, share));
    let commits = u32::try_from(scale.commits).unwrap_or(u32::MAX);
    Ok(Column {
        delivered,
        hub: quantiles(&mut hub),
        floor: quantiles(&mut floor),
        processor: processor / commits,
        writes,
    })
}

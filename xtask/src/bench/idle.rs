//! What a settled hub costs: with three simulated members in its own process memory, CPU, and the writes that were not
//! needed; with many members in another process memory and CPU.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use super::fleet::{Fleet, Programs, Scale};
use super::instance::{Instance, Scratch, binary, processor, resident, threads};
use super::sheet::Sheet;

/// How long is measured.
const MEASURED: Duration = Duration::from_secs(30);
/// Nobody has written for this long: settled. Members' nodes and pods are counted 30 s after a count that differed, at the
/// next probe (up to 9.3 s later), so the count that sees what was delivered is written by then.
const QUIET: Duration = Duration::from_secs(40);
/// After a delivery nodes and pods are counted again within a minute, and then ever more rarely, up to every 240 s: so much later a
/// fleet is at rest.
const AT_REST: Duration = Duration::from_secs(300);
/// Longest wait for that.
const SETTLED: Duration = Duration::from_secs(120);
/// Objects of the unit that is placed on each of many members.
const OBJECTS: usize = 10;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

pub(crate) fn run(args: &[String]) -> Result<()> {
    let scale = Scale::parse(args)?;
    demo()?;
    println!();
    fleet(&scale)
}

/// Many members in another process.
fn fleet(scale: &Scale) -> Result<()> {
    let programs = Programs::prepare()?;
    let mut fleet = Fleet::start(&programs, "idle-fleet", scale.members, OBJECTS)?;
    fleet.attach()?;
    let attached = rest(&fleet, QUIET)?;
    fleet.deliver()?;
    let placed = rest(&fleet, QUIET)?;
    let later = rest(&fleet, AT_REST)?;
    let title = format!("hub with {} members, idle", scale.members);
    let mut sheet = Sheet::new(&[&title, "all attached", "10 objects on each", "5 min later", "goal"]);
    let memory = |mebibytes: f64| format!("{mebibytes:.0} MiB");
    let share = |share: f64| format!("{:.1} %", share * 100.0);
    sheet.row([
        "resident memory".to_owned(),
        memory(attached.0),
        memory(placed.0),
        memory(later.0),
        "≤ 150 MiB".to_owned(),
    ]);
    sheet.row(["CPU, of one core".to_owned(), share(attached.1), share(placed.1), share(later.1), "≤ 2 %".to_owned()]);
    sheet.print();
    Ok(())
}

/// Memory in MiB and share of a core, after a pause in which nobody asks for anything.
fn rest(fleet: &Fleet<'_>, pause: Duration) -> Result<(f64, f64)> {
    std::thread::sleep(pause);
    let share = fleet.share(MEASURED)?;
    Ok((resident(fleet.hub.pid())?, share))
}

/// Three members in the hub's own process.
fn demo() -> Result<()> {
    let binary = binary()?;
    let scratch = Scratch::new("idle")?;
    let mut sheet = Sheet::new(&["hub with three simulated members", "new directory", "after a restart", "goal"]);
    let (fresh, again) = (measure(&binary, &scratch)?, measure(&binary, &scratch)?);
    let names = ["resident memory", "CPU, of one core", "mutating requests in 30 s", "threads"];
    let goals = ["≤ 80 MiB", "≤ 1 %", "0", "-"];
    for (((name, goal), fresh), again) in names.into_iter().zip(goals).zip(fresh).zip(again) {
        sheet.row([name.to_owned(), fresh, again, goal.to_owned()]);
    }
    sheet.print();
    Ok(())
}

/// One start on the same directory.
fn measure(binary: &std::path::Path, scratch: &Scratch) -> Result<[String; 4]> {
    let mut instance = Instance::start(binary, &scratch.join("dir"), &["--demo"])?;
    instance.until("converged")?;
    settle(&instance)?;
    let before = instance.mutations()?;
    let (start, used) = (Instant::now(), processor(instance.pid())?);
    std::thread::sleep(MEASURED);
    let share = (processor(instance.pid())? - used).as_secs_f64() / start.elapsed().as_secs_f64();
    let memory = resident(instance.pid())?;
    let threads = threads(instance.pid())?;
    let after = instance.mutations()?;
    let count = |all: &[(String, u64)]| all.iter().map(|(_, n)| n).sum::<u64>();
    let writes = count(&after) - count(&before);
    instance.stop()?;
    Ok([format!("{memory:.1} MiB"), format!("{:.2} %", share * 100.0), writes.to_string(), threads.to_string()])
}

/// Waits until no API server has seen a mutating request for a while.
fn settle(instance: &Instance) -> Result<()> {
    let begun = Instant::now();
    let (mut last, mut since) = (instance.mutations()?, Instant::now());
    while since.elapsed() < QUIET {
        if begun.elapsed() > SETTLED {
            bail!("somebody still writes after {} s: {last:?}", SETTLED.as_secs());
        }
        std::thread::sleep(LOOK);
        let now = instance.mutations()?;
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    Ok(())
}

//! `kurator status`: everything, one application per member, one member per application, one fleet.

pub(crate) mod agreed;
mod application;
mod cell;
mod conditions;
mod drift;
mod fleet;
pub(crate) mod held;
mod member;
mod near;
mod overview;
#[cfg(test)]
mod tests;
pub(crate) mod unasked;
mod watch;
mod world;

use model::{Clock, Timestamp};
use serde_json::Value;

use crate::args::{Common, Shown, Status};
use crate::output::Line;
use crate::{connect, output};

pub(crate) use cell::tone;
pub(crate) use drift::sentence as drift;
pub(crate) use near::there_is;
pub(crate) use world::members;
use world::{DECISIONS, Scope, World};

pub(crate) async fn run(common: &Common, what: Status) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let scope = match &what.object {
        // The units in a member are of all namespaces.
        Some(Shown::Member(_)) => Scope::All,
        _ if what.all_namespaces => Scope::All,
        _ => Scope::Namespace(common.namespace.clone()),
    };
    if what.watch {
        return watch::run(&client, scope, &what, common.output).await;
    }
    let world = World::read(&client, scope).await?;
    let now = hub::SystemClock.now();
    if !output::structured(common.output, &value(&world, &what, now)?)? {
        let (colour, columns) = (output::colour(), output::columns());
        output::print(&lines(&world, &what, now, colour, columns)?)?;
    }
    Ok(())
}

/// What is shown to people.
fn lines(world: &World, what: &Status, now: Timestamp, colour: bool, columns: usize) -> anyhow::Result<Vec<Line>> {
    let mut lines = match &what.object {
        None if what.problems => overview::problem_lines(world, now, colour, columns),
        None => overview::lines(world, now, colour, columns),
        Some(Shown::App(name)) => application::lines(world, world.application(name)?, now, colour, columns),
        Some(Shown::Fleet(name)) => fleet::lines(world, world.fleet(name)?, now, colour, columns),
        Some(Shown::Member(name)) => member::lines(world, world.member(name)?, now, colour, columns),
    };
    if world.hides(DECISIONS) && !what.problems {
        lines.extend([Line::default(), NOT_COMPARED.into()]);
    }
    Ok(lines)
}

/// What is said when it may not be read what members should have.
const NOT_COMPARED: &str =
    "what members report is not compared with what is wanted: this credential may not list decisions";

/// Version of what is shown to programs. It is no kind of the hub's API: this program folds several kinds into it.
const API_VERSION: &str = "status.kurator.dev/v1alpha1";

/// What is shown to programs.
fn value(world: &World, what: &Status, now: Timestamp) -> anyhow::Result<Value> {
    let (kind, mut value) = match &what.object {
        None if what.problems => ("Problems", overview::problem_value(world, now)),
        None => ("Overview", overview::value(world)),
        Some(Shown::App(name)) => ("ApplicationStatus", application::value(world, world.application(name)?)),
        Some(Shown::Fleet(name)) => ("FleetStatus", fleet::value(world.fleet(name)?)),
        Some(Shown::Member(name)) => ("MemberStatus", member::value(world, world.member(name)?)),
    };
    value["apiVersion"] = API_VERSION.into();
    value["kind"] = kind.into();
    Ok(value)
}

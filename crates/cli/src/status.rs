//! `kurator status`: the fleet, one application per member, one member per application.

mod application;
mod cell;
mod drift;
mod fleet;
pub(crate) mod held;
mod member;
#[cfg(test)]
mod tests;
mod world;

use model::Clock;

use crate::args::{Common, Target, What};
use crate::{connect, output};

pub(crate) use drift::sentence as drift;
use world::World;
pub(crate) use world::members;

pub(crate) async fn run(common: &Common, what: What) -> anyhow::Result<()> {
    let client = connect::hub(common).await?;
    let world = World::read(&client, &common.namespace).await?;
    let (now, colour) = (hub::SystemClock.now(), output::colour());
    let (value, lines) = match what.object {
        None => (fleet::value(&world), fleet::lines(&world, now, colour)),
        Some(Target::App(name)) => {
            let app = world.application(&name)?;
            (application::value(&world, app), application::lines(&world, app, now, colour))
        }
        Some(Target::Member(name)) => {
            let member = world.member(&name)?;
            (member::value(&world, member), member::lines(&world, member, now, colour))
        }
    };
    if !output::structured(common.output, &value)? {
        output::print(&lines)?;
    }
    Ok(())
}

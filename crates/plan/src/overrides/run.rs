//! One application of rules to one object.

mod container;
mod map;
mod text;

use api::karmada::policy::v1alpha1::{OverriderOperator, Overriders, PlaintextOverrider};
use model::{limit, object};
use serde_json::Value;

use super::conceal;
use super::error::{Error, Fault};
use super::patch::{self, Effect};
use super::provenance::{By, Overrider, Provenance};
use super::rule::Rule;
use super::trace::Trace;

/// Most operations on one object. As kube-apiserver for one JSON patch: each may move a list, so that the bound on the size of
/// policies alone does not bound the work. Real policies have some dozen.
const OPERATIONS_MAX: usize = 10_000;

/// An object that is being changed, and what has been done to it.
pub(super) struct Run {
    object: Value,
    trace: Trace,
    idle: Vec<By>,
    is_secret: bool,
    /// How many so far.
    operations: usize,
}

/// What rules have made of an object.
pub(super) struct Done {
    pub(super) object: Value,
    pub(super) provenance: Provenance,
    pub(super) idle: Vec<By>,
}

impl Run {
    pub(super) fn of(object: &Value) -> Self {
        let is_secret = conceal::is_kind(object);
        Self { object: object.clone(), trace: Trace::default(), idle: Vec::new(), is_secret, operations: 0 }
    }

    /// The object as it is now.
    pub(super) fn object(&self) -> &Value {
        &self.object
    }

    /// Applies the overriders of a rule in Karmada's order: images, commands, arguments, labels, annotations, texts, then
    /// paths.
    ///
    /// # Errors
    /// The first overrider that does not fit.
    pub(super) fn apply(&mut self, rule: &Rule) -> Result<(), Error> {
        let Overriders {
            plaintext,
            image_overrider,
            command_overrider,
            args_overrider,
            labels_overrider,
            annotations_overrider,
            field_overrider,
        } = &rule.overriders;
        self.count(rule)?;
        self.each(rule, Overrider::Image, image_overrider, container::change_images)?;
        self.each(rule, Overrider::Command, command_overrider, |object, o| {
            container::change_words(object, "command", o)
        })?;
        self.each(rule, Overrider::Args, args_overrider, |object, o| container::change_words(object, "args", o))?;
        self.each(rule, Overrider::Labels, labels_overrider, |object, o| map::change(object, "labels", o))?;
        self.each(rule, Overrider::Annotations, annotations_overrider, |object, o| {
            map::change(object, "annotations", o)
        })?;
        for (index, overrider) in field_overrider.iter().enumerate() {
            let by = rule.overrider(Overrider::Field, index);
            match text::change(&mut self.object, overrider) {
                Ok(None) => self.idle.push(by),
                Ok(Some(changed)) => self.trace.record_inside(changed.effect, changed.inside, &by),
                Err(fault) => return Err(fault.at_overrider(by, self.is_secret)),
            }
        }
        self.each(rule, Overrider::Plaintext, plaintext, change_field)
    }

    /// Counts the operations of a rule before any of them is done.
    fn count(&mut self, rule: &Rule) -> Result<(), Error> {
        let o = &rule.overriders;
        let maps = o.labels_overrider.iter().chain(&o.annotations_overrider).map(|o| o.value.len());
        let texts = o.field_overrider.iter().map(|o| o.yaml.len() + o.json.len());
        let others = [&o.command_overrider, &o.args_overrider].map(Vec::len).into_iter();
        let others = others.chain([o.image_overrider.len(), o.plaintext.len()]);
        self.operations += maps.chain(texts).chain(others).sum::<usize>();
        if self.operations > OPERATIONS_MAX {
            let why = format!(
                "up to here {} operations change the object, and {OPERATIONS_MAX} are the most",
                self.operations
            );
            return Err(Fault::of_object(why).at_overrider(rule.last(), self.is_secret));
        }
        Ok(())
    }

    fn each<T>(
        &mut self,
        rule: &Rule,
        overrider: Overrider,
        items: &[T],
        change: impl Fn(&mut Value, &T) -> Result<Vec<Effect>, Fault>,
    ) -> Result<(), Error> {
        for (index, item) in items.iter().enumerate() {
            let by = rule.overrider(overrider, index);
            let effects = change(&mut self.object, item).and_then(|effects| {
                is_still_an_object(&self.object)?;
                Ok(effects)
            });
            match effects {
                Ok(effects) if effects.is_empty() => self.idle.push(by),
                Ok(effects) => effects.into_iter().for_each(|effect| self.trace.record(effect, &by)),
                Err(fault) => return Err(fault.at_overrider(by, self.is_secret)),
            }
        }
        Ok(())
    }

    /// Ends with the last rule.
    ///
    /// # Errors
    /// The result is too large for any API server.
    pub(super) fn finish(self, last: Option<By>) -> Result<Done, Error> {
        if let Some(by) = last.filter(|_| object::weight(&self.object) > limit::OBJECT_BYTES_MAX) {
            let why = format!("the object has more than {} bytes after this override", limit::OBJECT_BYTES_MAX);
            return Err(Fault::of_object(why).at_overrider(by, self.is_secret));
        }
        let mut provenance = self.trace.finish();
        if self.is_secret || conceal::is_kind(&self.object) {
            provenance.hide_values();
        }
        Ok(Done { object: self.object, provenance, idle: self.idle })
    }
}

fn change_field(object: &mut Value, overrider: &PlaintextOverrider) -> Result<Vec<Effect>, Fault> {
    let PlaintextOverrider { path, operator, value } = overrider;
    let value = value.as_ref().filter(|_| *operator != OverriderOperator::Remove);
    let effect = patch::apply(object, *operator, path, value).map_err(|why| Fault::at(path, why))?;
    Ok(effect.into_iter().collect())
}

/// Without a kind nothing can be sent.
fn is_still_an_object(object: &Value) -> Result<(), Fault> {
    match object::get_str(object, &["kind"]) {
        Some(kind) if !kind.is_empty() => Ok(()),
        _ => Err(Fault::of_object("the object has no kind after this override")),
    }
}

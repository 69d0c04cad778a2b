//! `images` and the ImageTagTransformer: name, tag and digest of image references.

use model::object;
use serde_json::Value;

use super::entry::Image;
use super::field::Spec;
use super::pattern::Pattern;
use super::place::Place;
use super::resource::Resources;
use crate::budget::Budget;
use crate::error::RenderError;

/// Changes an image in the containers of all objects, at any depth, and at these fields.
///
/// # Errors
/// The budget is spent. The entry has no name, or one that is no expression.
pub(crate) fn change(
    image: &Image,
    specs: &[&Spec],
    all: &mut Resources,
    place: Place<'_>,
    budget: &Budget,
) -> Result<(), RenderError> {
    let compiled = Compiled::new(image, budget)?.map_err(|why| place.fail("", why))?;
    for resource in &mut all.0 {
        // A CRD's schema may have a field named `containers`.
        if resource.object["kind"] == "CustomResourceDefinition" {
            continue;
        }
        compiled.apply(&mut resource.object, budget)?;
        let gvk = object::gvk(&resource.object).unwrap_or_default();
        for spec in specs.iter().filter(|spec| spec.selects(&gvk)) {
            spec.each_there(&mut resource.object, budget, &mut |value| compiled.set(value, budget))?;
        }
    }
    Ok(())
}

/// An image change with its compiled name.
struct Compiled<'a> {
    image: &'a Image,
    matches: Pattern,
}

impl<'a> Compiled<'a> {
    /// Compiles the name, which kustomize takes as a regular expression.
    ///
    /// # Errors
    /// The budget is spent. What is wrong with the image is inside.
    fn new(image: &'a Image, budget: &Budget) -> Result<Result<Self, String>, RenderError> {
        if image.name.is_empty() {
            return Ok(Err("name is missing".into()));
        }
        let after = "(:[a-zA-Z0-9_.{}-]*)?(@sha256:[a-zA-Z0-9_.{}-]*)?";
        let matches = Pattern::new(&image.name, after, budget)?;
        Ok(matches.map(|matches| Self { image, matches }).map_err(|why| format!("name {why}")))
    }

    /// Changes the reference when it is the image.
    fn change(&self, text: &str, budget: &Budget) -> Result<Option<String>, RenderError> {
        if !self.matches.holds(text, budget)? {
            return Ok(None);
        }
        let Image { new_name, new_tag, digest: new_digest, tag_suffix, .. } = self.image;
        let (name, mut tag, mut digest) = split(text);
        if !new_tag.is_empty() || !new_digest.is_empty() {
            (tag, digest) = (new_tag.clone(), new_digest.clone());
        } else if !tag_suffix.is_empty() {
            tag.push_str(tag_suffix);
            digest.clear();
        }
        let mut out = if new_name.is_empty() { name } else { new_name.clone() };
        if !tag.is_empty() {
            out.push(':');
            out.push_str(&tag);
        }
        if !digest.is_empty() {
            out.push('@');
            out.push_str(&digest);
        }
        Ok(Some(out))
    }

    /// Changes a field that is a reference.
    fn set(&self, value: &mut Value, budget: &Budget) -> Result<(), RenderError> {
        if let Value::String(text) = value
            && let Some(changed) = self.change(text, budget)?
        {
            budget.spend_made(changed.len())?;
            *text = changed;
        }
        Ok(())
    }

    /// Changes every container of an object, at any depth.
    ///
    /// # Errors
    /// The budget is spent.
    fn apply(&self, value: &mut Value, budget: &Budget) -> Result<(), RenderError> {
        match value {
            Value::Array(items) => items.iter_mut().try_for_each(|item| self.apply(item, budget)),
            Value::Object(map) => {
                for (name, inner) in map.iter_mut() {
                    if matches!(name.as_str(), "containers" | "initContainers") {
                        for container in inner.as_array_mut().into_iter().flatten() {
                            if let Some(image) = container.get_mut("image") {
                                self.set(image, budget)?;
                            }
                        }
                    }
                    self.apply(inner, budget)?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// `registry:5000/name:tag@digest` to its parts; a colon before the last slash belongs to the registry.
fn split(text: &str) -> (String, String, String) {
    let (rest, digest) = text.split_once('@').unwrap_or((text, ""));
    let from = rest.rfind('/').map_or(0, |at| at + 1);
    let (name, tag) = match rest[from..].find(':') {
        Some(at) => (&rest[..from + at], &rest[from + at + 1..]),
        None => (rest, ""),
    };
    (name.to_owned(), tag.to_owned(), digest.to_owned())
}

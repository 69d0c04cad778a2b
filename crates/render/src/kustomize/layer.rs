//! Layers: resources, then generators, then components, then the steps that change every object; each layer ends with
//! references that follow renamed objects. The order is that of `kustomize/api/internal/target/kusttarget.go`.

use std::collections::BTreeSet;

use model::tree::{self, Node};

use super::file::Kustomization;
use super::resource::{KEY_BYTES_MAX, Resource, Resources};
use super::{generate, patch, read, reference, transform};
use crate::Question;
use crate::error::RenderError;
use crate::files::{DEPTH_MAX, Files};

/// Most layers of one rendering. A base that is used twice is rendered twice; one that uses another twice, and so on, in
/// 32 files, would take years. A fleet repository of a thousand overlays stays below 5,000.
const LAYERS_MAX: usize = 20_000;

/// What a step costs beside the bytes of the objects: reading its entry takes about as long as walking over so many bytes.
/// Its regular expressions spend more, see `pattern`.
pub(super) const STEP_BYTES: usize = 4096;

pub(super) struct Layers<'a> {
    files: &'a Files<'a>,
    /// Questions of resources that were put off, so that one turn asks for all directories that a file lists.
    questions: &'a mut BTreeSet<Question>,
    /// Directories being rendered, outermost first.
    stack: Vec<String>,
    /// Layers so far.
    count: usize,
}

impl<'a> Layers<'a> {
    pub(super) fn new(files: &'a Files<'a>, questions: &'a mut BTreeSet<Question>) -> Self {
        Self { files, questions, stack: Vec::new(), count: 0 }
    }

    /// Adds what a kustomization file makes to `all`. A component gets what its user has; others start with nothing.
    pub(super) fn layer(&mut self, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
        if self.stack.contains(&file.dir) {
            let chain = format!("{} -> {}", self.stack.join(" -> "), file.dir);
            return Err(RenderError::Cycle { path: file.file.clone(), chain });
        }
        if self.stack.len() >= DEPTH_MAX {
            return Err(RenderError::TooDeep { file: file.file.clone(), limit: DEPTH_MAX });
        }
        self.count += 1;
        if self.count > LAYERS_MAX {
            return Err(RenderError::TooManyLayers { file: file.file.clone(), limit: LAYERS_MAX });
        }
        for (field, text) in
            [("namespace", &file.namespace), ("namePrefix", &file.name_prefix), ("nameSuffix", &file.name_suffix)]
        {
            if text.len() > KEY_BYTES_MAX {
                let why = format!("it has {} bytes; no name of an object has more than {KEY_BYTES_MAX}", text.len());
                return Err(RenderError::field(&file.file, field, why));
            }
        }
        self.stack.push(file.dir.clone());
        self.resources(file, all)?;
        all.check()?;
        generate::generate(self.files, file, all)?;
        for (index, path) in file.components.iter().enumerate() {
            self.component(file, &format!("components[{index}]"), path, all)?;
        }
        let steps = file.steps();
        self.files.budget().spend(steps.saturating_mul(all.weight() + STEP_BYTES))?;
        patch::patches(self.files, file, all)?;
        let budget = self.files.budget();
        transform::namespace(&file.namespace, all, budget)?;
        transform::names(&file.name_prefix, &file.name_suffix, all, budget)?;
        transform::labels(file, all, budget)?;
        transform::annotations(&file.common_annotations, all, budget)?;
        patch::json_patches(self.files, file, all)?;
        transform::replicas(file, all)?;
        transform::images(file, all, budget)?;
        reference::update(all, budget)?;
        all.check()?;
        self.stack.pop();
        Ok(())
    }

    /// Adds the resources of a file. One that has to be loaded first does not keep the others from being looked at.
    fn resources(&mut self, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
        let depth = self.stack.len();
        let mut result = Ok(());
        for (index, path) in file.resources.iter().enumerate() {
            if let Err(error) = self.resource(file, &format!("resources[{index}]"), path, all) {
                let Some(question) = error.question() else { return Err(error) };
                self.questions.insert(question);
                self.stack.truncate(depth);
                result = Err(error);
            }
        }
        result
    }

    fn resource(
        &mut self,
        file: &Kustomization,
        field: &str,
        path: &str,
        all: &mut Resources,
    ) -> Result<(), RenderError> {
        let (found, node) = self.find(file, field, path)?;
        if node == Node::File {
            let objects = self.files.objects(&found, &format!("{}: {field}", file.file))?;
            return all.append(objects.into_iter().map(Resource::from).collect());
        }
        let inner = self.kustomization(file, field, &found)?;
        if inner.component {
            let why = format!("{found} is a Component; list it in components");
            return Err(RenderError::field(&file.file, field, why));
        }
        let mut below = Resources::default();
        self.layer(&inner, &mut below)?;
        all.append(below.0)
    }

    fn component(
        &mut self,
        file: &Kustomization,
        field: &str,
        path: &str,
        all: &mut Resources,
    ) -> Result<(), RenderError> {
        let (found, node) = self.find(file, field, path)?;
        if node == Node::File {
            let why = format!("{found} is a file; name the component's directory");
            return Err(RenderError::field(&file.file, field, why));
        }
        let inner = self.kustomization(file, field, &found)?;
        if !inner.component {
            let why = format!("{} is not of kind Component; list it in resources", inner.file);
            return Err(RenderError::field(&file.file, field, why));
        }
        self.layer(&inner, all)
    }

    fn kustomization(&self, file: &Kustomization, field: &str, dir: &str) -> Result<Kustomization, RenderError> {
        let Some(path) = self.files.kustomization_file(dir)? else {
            let why = format!("{dir:?} has no kustomization file; add one, or list its files");
            return Err(RenderError::field(&file.file, field, why));
        };
        read(self.files, &path, &format!("{}: {field}", file.file))
    }

    fn find(&self, file: &Kustomization, field: &str, path: &str) -> Result<(String, Node), RenderError> {
        let remote = path.contains("://")
            || path.starts_with("git@")
            || path.contains("?ref=")
            || path.starts_with("github.com/")
            || path.contains("//") && !path.starts_with('.');
        if remote {
            let (file, field, url) = (file.file.clone(), field.to_owned(), without_user(path));
            return Err(RenderError::Remote { file, field, url });
        }
        let full =
            tree::normalize(&file.dir, path).map_err(|e| RenderError::field(&file.file, field, e.to_string()))?;
        let location = format!("{}: {field}", file.file);
        self.files.node(&full)?.map_err(|source| RenderError::Tree { location, source })
    }
}

/// The URL without a user name and password.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
        None => url.to_owned(),
    }
}

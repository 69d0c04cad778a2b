//! Layers: resources, then generators, then components, then the steps that change every object. The order is that of
//! `kustomize/api/internal/target/kusttarget.go`.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model::tree::{Node, TreeError};

use super::config::{Config, from_crds};
use super::file::Kustomization;
use super::generate::{self, Made};
use super::openapi::Schemas;
use super::origin::{self, Origin};
use super::place::Place;
use super::plugin::Plugin;
use super::read;
use super::resource::{KEY_BYTES_MAX, Keys, Resource, Resources};
use super::transform;
use super::variable::Variables;
use super::{Context, Warnings};
use crate::error::RenderError;
use crate::files::{DEPTH_MAX, Files};
use crate::object::{Location, Object};
use crate::remote;
use crate::{Fetched, Question, Remote};

/// Most layers of one rendering. A base that is used twice is rendered twice; one that uses another twice, and so on, in
/// 32 files, would take years. A fleet repository of a thousand overlays stays below 5,000.
const LAYERS_MAX: usize = 20_000;

/// Most things on other machines that one rendering uses. Each is asked for once a minute by the hub, and an unpacked
/// repository has up to 50,000 names in memory while something is rendered from it. Public fleets name one to ten.
const REMOTES_MAX: usize = 50;

/// What a step costs beside the bytes of the objects: reading its entry takes about as long as walking over so many bytes.
/// Its regular expressions spend more, see `pattern`.
pub(super) const STEP_BYTES: usize = 4096;

/// What layers make: objects, and what is done with them after the last layer.
#[derive(Default)]
pub(super) struct Accumulated {
    pub(super) objects: Resources,
    pub(super) config: Config,
    pub(super) variables: Variables,
}

/// An object that a field such as `transformers` lists.
struct Listed {
    /// The field with the place in it.
    field: String,
    object: Object,
    /// What it is called where objects note it.
    origin: Option<Rc<Origin>>,
}

/// May an entry be meant for another machine, though kustomize would not take it so? It may have a token in its query, or a
/// password.
fn looks_remote(path: &str) -> bool {
    path.contains(['?', '@']) || path.contains("//") && !path.starts_with(['.', '/'])
}

pub(super) struct Layers<'a> {
    files: &'a Files<'a>,
    /// Questions of resources that were put off, so that one turn asks for all directories that a file lists.
    questions: &'a mut BTreeSet<Question>,
    /// Directories being rendered, outermost first.
    stack: Vec<String>,
    /// Layers so far.
    count: usize,
    schemas: Schemas,
    /// The path from the outermost directory, or from the root of a remote repository, to the directory being rendered, when
    /// objects shall say where they come from.
    origin: Option<Origin>,
    /// What is used of other machines, by id.
    remotes: BTreeMap<String, Remote>,
    warnings: Warnings,
}

impl<'a> Layers<'a> {
    /// With `origins`, objects note where they come from.
    pub(super) fn new(files: &'a Files<'a>, questions: &'a mut BTreeSet<Question>, origins: bool) -> Self {
        let origin = origins.then(Origin::default);
        let (schemas, remotes, warnings) = (Schemas::default(), BTreeMap::new(), Warnings::default());
        Self { files, questions, stack: Vec::new(), count: 0, schemas, origin, remotes, warnings }
    }

    /// What was used of other machines, sorted by id, and what is likely to be a mistake.
    pub(super) fn into_notes(self) -> (Vec<Remote>, Vec<String>) {
        (self.remotes.into_values().collect(), self.warnings.into_inner().into_iter().collect())
    }

    fn context<'b>(&'b self, file: &Kustomization, config: &'b Config) -> Context<'b> {
        // A component is made for users of many kinds: what it changes is there in some of them.
        let warnings = (!file.component).then_some(&self.warnings);
        Context { files: self.files, config, schemas: &self.schemas, warnings }
    }

    /// Adds what a kustomization file makes to `all`. A component gets what its user has; others start with nothing.
    pub(super) fn layer(&mut self, file: &Kustomization, all: &mut Accumulated) -> Result<(), RenderError> {
        self.enter(file)?;
        let place = Place { file: &file.file, dir: &file.dir, field: "" };
        if !file.openapi.path.is_empty() && !self.schemas.is_set() {
            let path = place.path("openapi.path", &file.openapi.path)?;
            let yaml = self.files.document(&path, &place.asked_by("openapi.path"))?;
            self.schemas.read(&path, yaml)?;
        }
        self.resources(place, "resources", &file.resources, file.plain, all)?;
        all.objects.check()?;
        self.configurations(file, place, all)?;
        self.generators(file, place, all)?;
        for (index, path) in file.components.iter().enumerate() {
            let field = format!("components[{index}]");
            self.component(place.at(&field), path, all)?;
        }
        let steps = file.steps();
        self.files.budget().spend(steps.saturating_mul(all.objects.weight() + STEP_BYTES))?;
        self.transformers(file, place, all)?;
        let budget = self.files.budget();
        all.variables.add(place.at("vars"), &file.variables, &mut all.objects, budget)?;
        all.objects.check_unhashed()?;
        self.stack.pop();
        Ok(())
    }

    fn enter(&mut self, file: &Kustomization) -> Result<(), RenderError> {
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
        Ok(())
    }

    /// Adds the resources that a field lists. One that has to be loaded first does not keep the others from being looked at.
    fn resources(
        &mut self,
        place: Place<'_>,
        field: &str,
        paths: &[String],
        plain: bool,
        all: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let depth = self.stack.len();
        let mut result = Ok(());
        for (index, path) in paths.iter().enumerate() {
            let field = format!("{field}[{index}]");
            let before = self.origin.clone();
            if let Err(error) = self.resource(place.at(&field), path, plain, all) {
                let Some(question) = error.question() else { return Err(error) };
                self.questions.insert(question);
                self.stack.truncate(depth);
                self.origin = before;
                result = Err(error);
            }
        }
        result
    }

    fn resource(
        &mut self,
        place: Place<'_>,
        path: &str,
        plain: bool,
        all: &mut Accumulated,
    ) -> Result<(), RenderError> {
        let (found, node) = self.find(place, path)?;
        if node == Node::File {
            let objects = self.files.objects(&found, &place.asked_by(""))?;
            let origin = self.origin.as_ref().map(|dir| Rc::new(dir.append(path)));
            let resource = |object: Object| Resource { origin: origin.clone(), ..Resource::from(object) };
            return all.objects.append(objects.into_iter().map(resource).collect());
        }
        let inner = self.kustomization(place, &found)?;
        if inner.component && plain {
            let why = format!(
                "{found} is a Component, which changes the objects of a kustomization; add a kustomization.yaml to {:?} that \
                 lists it in components",
                place.dir
            );
            return Err(RenderError::Yaml { file: inner.file, why });
        }
        if inner.component {
            return Err(place.fail("", format!("{found} is a Component; list it in components")));
        }
        let mut below = Accumulated::default();
        self.below(path, &inner, &mut below)?;
        all.objects.append(below.objects.0)?;
        let merged = all.config.merge(below.config, self.files.budget())?;
        merged.map_err(|why| place.fail("", why))?;
        all.variables.merge(below.variables)
    }

    /// A layer below this one, which `path` leads to.
    fn below(&mut self, path: &str, file: &Kustomization, all: &mut Accumulated) -> Result<(), RenderError> {
        let here = self.origin.clone();
        self.origin = here.as_ref().map(|dir| dir.append(path));
        self.layer(file, all)?;
        self.origin = here;
        Ok(())
    }

    fn component(&mut self, place: Place<'_>, path: &str, all: &mut Accumulated) -> Result<(), RenderError> {
        let (found, node) = self.find(place, path)?;
        if node == Node::File {
            return Err(place.fail("", format!("{found} is a file; name the component's directory")));
        }
        let inner = self.kustomization(place, &found)?;
        if !inner.component {
            return Err(place.fail("", format!("{} is not of kind Component; list it in resources", inner.file)));
        }
        self.below(path, &inner, all)
    }

    fn kustomization(&self, place: Place<'_>, dir: &str) -> Result<Kustomization, RenderError> {
        let Some(path) = self.files.kustomization_file(dir)? else {
            // The root of a repository is shown as the repository.
            let dir = dir.trim_end_matches(": ");
            return Err(place.fail("", format!("{dir:?} has no kustomization file; add one, or list its files")));
        };
        read(self.files, &path, &place.asked_by(""))
    }

    fn find(&mut self, place: Place<'_>, path: &str) -> Result<(String, Node), RenderError> {
        // What is there under this name is meant.
        let missing = match place.path("", path).map(|full| self.files.node(&full)) {
            Ok(Ok(Ok(found))) => return Ok(found),
            Ok(Err(spent)) => return Err(spent),
            Ok(Ok(Err(source @ TreeError::NotFound { .. }))) => {
                RenderError::Tree { location: place.asked_by(""), source }
            }
            Ok(Ok(Err(source))) => return Err(RenderError::Tree { location: place.asked_by(""), source }),
            Err(outside) => outside,
        };
        match remote::parse(path) {
            None if path.contains("://") => {
                let why = "its scheme is not understood; use https://, http:// or ssh://".to_owned();
                Err(place.refuse_remote("", path, why))
            }
            None if looks_remote(path) => {
                let why = "there is no such file or directory; begin it with https:// if it is on another machine, or \
                           correct the path";
                Err(place.refuse_remote("", path, why.to_owned()))
            }
            None => Err(missing),
            Some(Err(why)) => Err(place.refuse_remote("", path, why)),
            Some(Ok(entry)) => self.find_remote(place, entry),
        }
    }

    /// The directory of a remote repository, or the remote file, that an entry names.
    fn find_remote(&mut self, place: Place<'_>, entry: remote::Entry) -> Result<(String, Node), RenderError> {
        let remote::Entry { id, at, path, timeout, .. } = entry;
        let asked_by = place.asked_by("");
        if !self.remotes.contains_key(&id) {
            if self.remotes.len() >= REMOTES_MAX {
                return Err(RenderError::TooManyRemotes { asked_by, limit: REMOTES_MAX });
            }
            self.remotes.insert(id.clone(), Remote { id: id.clone(), at, asked_by: asked_by.clone(), timeout });
        }
        match self.files.remote(&id) {
            None => Err(RenderError::NotFetched(Box::new(self.remotes[&id].clone()))),
            Some(Fetched::File(_)) => Ok((id, Node::File)),
            Some(Fetched::Tree(_)) => match self.files.node(&remote::path_in(&id, &path))? {
                Ok((found, Node::Directory)) => Ok((found, Node::Directory)),
                Ok((found, Node::File)) => {
                    let why =
                        format!("{found} is a file; name a directory of a repository, or the URL of the file itself");
                    Err(place.fail("", why))
                }
                Err(source) => Err(RenderError::Tree { location: format!("{asked_by}: {id}"), source }),
            },
        }
    }

    /// Adds what `configurations` and `crds` say to the fields that steps change.
    fn configurations(&self, file: &Kustomization, place: Place<'_>, all: &mut Accumulated) -> Result<(), RenderError> {
        let budget = self.files.budget();
        for (field, paths) in [("configurations", &file.configurations), ("crds", &file.crds)] {
            for (at, path) in paths.iter().enumerate() {
                let field = format!("{field}[{at}]");
                let place = place.at(&field);
                let path = place.path("", path)?;
                let yaml = self.files.document(&path, &place.asked_by(""))?;
                let more = match field.starts_with("crds") {
                    true => from_crds(&path, &yaml, budget)?,
                    false => Config::parse(&path, yaml)?,
                };
                all.config.merge(more, budget)?.map_err(|why| RenderError::Yaml { file: path, why })?;
            }
        }
        Ok(())
    }

    fn generators(&mut self, file: &Kustomization, place: Place<'_>, all: &mut Accumulated) -> Result<(), RenderError> {
        if file.config_maps.is_empty() && file.secrets.is_empty() && file.generators.is_empty() {
            return Ok(());
        }
        let mut keys = Keys::of(&all.objects, self.files.budget())?;
        for (field, made, generators) in [
            ("configMapGenerator", Made::ConfigMap, &file.config_maps),
            ("secretGenerator", Made::Secret, &file.secrets),
        ] {
            let kind = if made == Made::Secret { "SecretGenerator" } else { "ConfigMapGenerator" };
            for (at, generator) in generators.iter().enumerate() {
                let field = format!("{field}[{at}]");
                let place = place.at(&field);
                let location = Location { file: file.file.clone(), document: at + 1 };
                let written = generate::Written { place, location, made, generator, shared: &file.options };
                let context = self.context(file, &all.config);
                generate::generate(&context, &written, &mut all.objects, &mut keys)?;
                self.made_by(self.builtin(file, kind).as_ref(), &mut all.objects);
            }
        }
        for Listed { field, object, origin } in self.plugins(place, "generators", &file.generators)? {
            let plugin = Plugin { object: &object, dir: &file.dir, listed: place.at(&field) };
            let context = self.context(file, &all.config);
            plugin.generate(&context, &mut all.objects, &mut keys)?;
            self.made_by(origin.as_ref(), &mut all.objects);
        }
        Ok(())
    }

    /// Notes where the last object comes from, if nothing says so yet.
    fn made_by(&self, origin: Option<&Rc<Origin>>, all: &mut Resources) {
        if let Some(last) = all.0.last_mut().filter(|last| last.origin.is_none()) {
            last.origin = origin.cloned();
        }
    }

    /// What a step of a kustomization file is called where objects note what changed them.
    fn builtin(&self, file: &Kustomization, kind: &str) -> Option<Rc<Origin>> {
        let name = file.file.rsplit('/').next().unwrap_or_default();
        let configured_by = ["builtin".to_owned(), kind.to_owned(), String::new(), String::new()];
        Some(Rc::new(self.origin.as_ref()?.append(name).into_configuration(configured_by)))
    }

    /// The objects that configure generators or transformers: each is written in the list, or in a file or directory that it
    /// names.
    fn plugins(&mut self, place: Place<'_>, field: &str, entries: &[String]) -> Result<Vec<Listed>, RenderError> {
        let mut found = Vec::new();
        let mut missing = Ok(());
        let is_inline = |entry: &str| entry.contains('\n') || entry.contains(": ");
        // As in kustomize, objects that are written in the list come before those that it names.
        let (inline, named): (Vec<_>, Vec<_>) = entries.iter().enumerate().partition(|(_, entry)| is_inline(entry));
        for (at, entry) in inline.into_iter().chain(named) {
            let below = format!("{field}[{at}]");
            let place = place.at(&below);
            let mut all = Accumulated::default();
            if is_inline(entry) {
                let location = Location { file: place.file.to_owned(), document: at + 1 };
                let objects = self.files.objects_in(entry, &location)?;
                let name = place.file.rsplit('/').next().unwrap_or_default();
                let origin = self.origin.as_ref().map(|dir| Rc::new(dir.append(name)));
                let resource = |object: Object| Resource { origin: origin.clone(), ..Resource::from(object) };
                all.objects.append(objects.into_iter().map(resource).collect())?;
            } else {
                let before = (self.stack.len(), self.origin.clone());
                match self.resource(place, entry, false, &mut all) {
                    Err(error) if error.question().is_some() => {
                        self.questions.extend(error.question());
                        self.stack.truncate(before.0);
                        self.origin = before.1;
                        missing = Err(error);
                        continue;
                    }
                    done => done?,
                }
            }
            for resource in all.objects.0 {
                let text =
                    |fields: &[&str]| model::object::get_str(&resource.object, fields).unwrap_or_default().to_owned();
                let origin = resource.origin.as_ref().map(|origin| {
                    let by = [
                        text(&["apiVersion"]),
                        text(&["kind"]),
                        text(&["metadata", "name"]),
                        text(&["metadata", "namespace"]),
                    ];
                    Rc::new(Origin::clone(origin).into_configuration(by))
                });
                let object = Object { value: resource.object, location: resource.location };
                found.push(Listed { field: below.clone(), object, origin });
            }
        }
        missing.map(|()| found)
    }

    /// The steps of the file's own fields, then its transformers and validators.
    fn transformers(
        &mut self,
        file: &Kustomization,
        place: Place<'_>,
        all: &mut Accumulated,
    ) -> Result<(), RenderError> {
        {
            let context = self.context(file, &all.config);
            let mut note = |kind: &str, times: usize, objects: &mut Resources| match self.builtin(file, kind) {
                Some(origin) => origin::note_step(objects, &origin, times, self.files.budget()),
                None => Ok(()),
            };
            transform::apply(&context, file, place, &mut all.objects, &mut note)?;
        }
        for Listed { field, object, origin } in self.plugins(place, "transformers", &file.transformers)? {
            let context = self.context(file, &all.config);
            let plugin = Plugin { object: &object, dir: &file.dir, listed: place.at(&field) };
            plugin.transform(&context, &mut all.objects)?;
            if let Some(origin) = origin {
                origin::note_step(&mut all.objects, &origin, 1, self.files.budget())?;
            }
        }
        for Listed { field, object, .. } in self.plugins(place, "validators", &file.validators)? {
            let context = self.context(file, &all.config);
            let plugin = Plugin { object: &object, dir: &file.dir, listed: place.at(&field) };
            self.files.budget().spend_made(all.objects.weight())?;
            let mut copy = all.objects.clone();
            plugin.transform(&context, &mut copy)?;
            let same = copy.0.len() == all.objects.0.len()
                && copy.0.iter().zip(&all.objects.0).all(|(one, other)| one.object == other.object);
            if !same {
                return Err(place.at(&field).fail("", "a validator may not change objects, and this one does"));
            }
        }
        Ok(())
    }
}

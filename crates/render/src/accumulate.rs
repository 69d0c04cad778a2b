//! Layers: resources, then generators, then components, then what changes every object; each layer ends with references
//! that follow renamed objects. The order is that of `kustomize/api/internal/target/kusttarget.go`.

use model::object;
use model::tree::{self, FileTree, Node};
use serde_json::{Map, Value};

use crate::error::RenderError;
use crate::kustomization::Kustomization;
use crate::load;
use crate::resource::Resources;
use crate::{Object, Overlay, Render, Rendered, generate, hash, patch, reference, transform};

/// Deepest nesting of kustomizations. Real ones stay below 6.
const DEPTH_MAX: usize = 32;
/// Most layers of one rendering. A base that is used twice is rendered twice; one that uses another twice, and so on, in
/// 32 files, would take years. A fleet repository of a thousand overlays stays below 5,000.
const LAYERS_MAX: usize = 20_000;

pub(crate) fn render(tree: &FileTree, request: &Render) -> Result<Rendered, RenderError> {
    let at = |source| RenderError::Tree { origin: "spec.path".into(), source };
    let dir = tree::normalize("", &request.path).map_err(at)?;
    let (dir, node) = match tree.node(&dir) {
        // The root of an empty repository is an empty directory.
        Err(tree::TreeError::NotFound { .. }) if dir.is_empty() => (dir, Node::Directory),
        other => other.map_err(at)?,
    };
    if node == Node::File {
        return Err(at(tree::TreeError::WrongNode { path: dir, wanted: "directory" }));
    }
    let mut file = match load::kustomization_file(tree, &dir)? {
        Some(path) => Kustomization::parse(&path, &load::text(tree, &path, "spec.path")?)?,
        None => plain(tree, &dir)?,
    };
    if file.component {
        return Err(RenderError::field(
            &file.file,
            "kind",
            "a Component cannot be rendered alone; list it in components",
        ));
    }
    put_on_top(&mut file, &request.overlay);
    let mut layers = Layers { tree, stack: Vec::new(), count: 0 };
    let mut all = Resources::default();
    layers.layer(&file, &mut all)?;
    suffix_names(&mut all);
    reference::update(&mut all)?;
    all.check()?;
    let mut objects: Vec<Object> = all.0.into_iter().map(|r| Object { value: r.object, origin: r.origin }).collect();
    for object in &mut objects {
        common_metadata(&mut object.value, &request.overlay);
    }
    Ok(Rendered { objects })
}

/// What stands for a kustomization file where there is none: every manifest below the directory. Links to directories are
/// not entered, as a walk over a disk does not: they may lead to each other, or to the same place over and over.
fn plain(tree: &FileTree, dir: &str) -> Result<Kustomization, RenderError> {
    let mut file = Kustomization { file: dir.to_owned(), dir: dir.to_owned(), ..Kustomization::default() };
    let mut todo = vec![String::new()];
    while let Some(below) = todo.pop() {
        let path = tree::join(dir, &below);
        let path = path.trim_end_matches('/');
        if !below.is_empty() && load::kustomization_file(tree, path)?.is_some() {
            file.resources.push(below);
            continue;
        }
        if below.split('/').count() > DEPTH_MAX {
            return Err(RenderError::TooDeep { file: path.to_owned(), limit: DEPTH_MAX });
        }
        let entries = match tree.list(path) {
            Err(tree::TreeError::NotFound { .. }) if dir.is_empty() => Vec::new(),
            other => other.map_err(|source| RenderError::Tree { origin: dir.to_owned(), source })?,
        };
        for (name, node) in entries {
            let inner = tree::join(&below, &name);
            match node {
                Node::Directory if is_link(tree, dir, &inner) => {}
                Node::Directory => todo.push(inner),
                Node::File if name.ends_with(".yaml") || name.ends_with(".yml") => file.resources.push(inner),
                Node::File => {}
            }
        }
    }
    file.resources.sort();
    Ok(file)
}

/// Is the last part of the path a link? What leads there has none: links were not entered.
fn is_link(tree: &FileTree, dir: &str, path: &str) -> bool {
    let whole = tree::join(dir, path);
    tree.node(&whole).is_ok_and(|(found, _)| found != whole)
}

/// Adds what the policy says to the kustomization file, as Flux does.
fn put_on_top(file: &mut Kustomization, overlay: &Overlay) {
    if let Some(namespace) = overlay.target_namespace.as_ref().filter(|n| !n.is_empty()) {
        file.namespace.clone_from(namespace);
    }
    let patches = overlay.patches.iter().enumerate();
    file.patches.extend(patches.map(|(at, patch)| (format!("(policy) patches[{at}]"), patch.clone())));
    for image in &overlay.images {
        match file.images.iter_mut().find(|i| i.name == image.name) {
            Some(same) => *same = image.clone(),
            None => file.images.push(image.clone()),
        }
    }
    file.components.extend(overlay.components.iter().cloned());
}

fn common_metadata(object: &mut Value, overlay: &Overlay) {
    let metadata = [("labels", &overlay.common_metadata.labels), ("annotations", &overlay.common_metadata.annotations)];
    for (name, pairs) in metadata.into_iter().filter(|(_, pairs)| !pairs.is_empty()) {
        let place = object::slot(object, &["metadata", name]);
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        if let Value::Object(map) = place {
            map.extend(pairs.iter().map(|(k, v)| (k.clone(), Value::from(v.clone()))));
        }
    }
}

/// Adds the hash of the content to generated names, when nothing changes any more.
fn suffix_names(all: &mut Resources) {
    for resource in all.0.iter_mut().filter(|r| r.hashed) {
        if let Some(suffix) = hash::suffix(&resource.object) {
            resource.remember();
            let name = format!("{}-{suffix}", resource.key().name);
            resource.object["metadata"]["name"] = name.into();
        }
    }
}

struct Layers<'a> {
    tree: &'a FileTree,
    /// Directories being rendered, outermost first.
    stack: Vec<String>,
    /// Layers so far.
    count: usize,
}

impl Layers<'_> {
    /// Adds what a kustomization file makes to `all`. A component gets what its user has; others start with nothing.
    fn layer(&mut self, file: &Kustomization, all: &mut Resources) -> Result<(), RenderError> {
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
        self.stack.push(file.dir.clone());
        for (at, path) in file.resources.iter().enumerate() {
            self.resource(file, &format!("resources[{at}]"), path, all)?;
        }
        all.check()?;
        generate::generate(self.tree, file, all)?;
        for (at, path) in file.components.iter().enumerate() {
            self.component(file, &format!("components[{at}]"), path, all)?;
        }
        patch::merge_patches(self.tree, file, all)?;
        patch::patches(self.tree, file, all)?;
        transform::namespace(&file.namespace, all);
        transform::names(&file.name_prefix, &file.name_suffix, all);
        transform::labels(file, all)?;
        transform::annotations(&file.common_annotations, all);
        patch::json_patches(self.tree, file, all)?;
        transform::replicas(file, all)?;
        transform::images(file, all)?;
        reference::update(all)?;
        all.check()?;
        self.stack.pop();
        Ok(())
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
            let origin = format!("{}: {field}", file.file);
            return all.append(load::objects(self.tree, &found, &origin)?);
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
            return Err(RenderError::field(
                &file.file,
                field,
                format!("{found} is a file; name the component's directory"),
            ));
        }
        let inner = self.kustomization(file, field, &found)?;
        if !inner.component {
            let why = format!("{} is not of kind Component; list it in resources", inner.file);
            return Err(RenderError::field(&file.file, field, why));
        }
        self.layer(&inner, all)
    }

    fn kustomization(&self, file: &Kustomization, field: &str, dir: &str) -> Result<Kustomization, RenderError> {
        let Some(path) = load::kustomization_file(self.tree, dir)? else {
            let why = format!("{dir:?} has no kustomization file; add one, or list its files");
            return Err(RenderError::field(&file.file, field, why));
        };
        Kustomization::parse(&path, &load::text(self.tree, &path, &format!("{}: {field}", file.file))?)
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
        let origin = format!("{}: {field}", file.file);
        match self.tree.node(&full) {
            Err(tree::TreeError::NotFound { .. }) if full.is_empty() => Ok((full, Node::Directory)),
            other => other.map_err(|source| RenderError::Tree { origin, source }),
        }
    }
}

/// The URL without a user name and password.
fn without_user(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.rsplit('@').next().unwrap_or(rest)),
        None => url.to_owned(),
    }
}

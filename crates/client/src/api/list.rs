//! Lists: in pages, each object projected as it is read, with limits on a page and on the whole.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use http::StatusCode;
use model::Weigh;
use serde::de::DeserializeSeed;
use serde_json::Value;
use tokio::time::Instant;

use super::Api;
use crate::answer::{Question, limited};
use crate::exchange::{Ask, JSON, METADATA, METADATA_LIST, exchange};
use crate::failure::Error;
use crate::json::{Budget, Page, parse_within};
use crate::limit;
use crate::resource::{Resource, encode};

/// How much of each object crosses the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// All of it.
    #[default]
    Whole,
    /// Its metadata. A server that does not know this form sends the object.
    Metadata,
}

impl Content {
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Self::Whole => JSON,
            Self::Metadata => METADATA,
        }
    }

    fn accept_list(self) -> &'static str {
        match self {
            Self::Whole => JSON,
            Self::Metadata => METADATA_LIST,
        }
    }
}

/// Which objects of a collection, and how much of them. The default is all of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Label selector, such as `app=web`; empty for all.
    pub labels: String,
    /// Field selector, such as `metadata.name=web`; empty for all.
    pub fields: String,
    /// How much of each.
    pub content: Content,
}

impl Selection {
    /// Objects with these labels.
    pub fn labels(selector: impl Into<String>) -> Self {
        Self { labels: selector.into(), ..Self::default() }
    }

    /// Metadata of all objects.
    pub fn metadata() -> Self {
        Self { content: Content::Metadata, ..Self::default() }
    }

    /// The selectors as parts of a query, each with `&` before it.
    pub(crate) fn query(&self) -> String {
        let one = |name: &str, value: &str| match value {
            "" => String::new(),
            value => format!("&{name}={}", encode(value)),
        };
        one("labelSelector", &self.labels) + &one("fieldSelector", &self.fields)
    }
}

/// A list, and the version that it shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct List<T = Value> {
    /// Its objects, or what is kept of them.
    pub items: Vec<T>,
    /// The version that a watch may go on from.
    pub resource_version: String,
}

/// What has been read of a list.
#[derive(Default)]
struct Progress {
    objects: usize,
    bytes: usize,
    pages: usize,
    /// The last pages, as far as they had no objects.
    empty_pages: usize,
    /// Bytes in memory that are kept of its objects.
    kept: usize,
}

/// What an object becomes, and the bytes in memory behind it.
pub type Kept<T> = Option<(T, usize)>;

/// What a projection keeps, weighed.
pub(crate) fn weighed<T: Weigh>(item: T) -> (T, usize) {
    let weight = item.weight();
    (item, weight)
}

/// Makes of the objects of a list or a watch what is kept of them.
pub trait Project<T> {
    /// What is kept of an object that a list writes like this; `None` when it has to be parsed to know. Nothing checks
    /// such an object: the text is one of which it is known that it was right.
    fn recognize(&mut self, _text: &str) -> Kept<T> {
        None
    }

    /// What is kept of an object; `None` skips it. `text` is how a list wrote it; a watch has none.
    fn project(&mut self, object: Value, text: Option<&str>) -> Kept<T>;

    /// A list is over, also when it failed.
    fn list_ended(&mut self) {}
}

/// Projects each object by a function.
pub(crate) struct Each<F>(pub(crate) F);

impl<T, F: FnMut(Value) -> Kept<T>> Project<T> for Each<F> {
    fn project(&mut self, object: Value, _text: Option<&str>) -> Kept<T> {
        (self.0)(object)
    }
}

/// Where the objects of a list go. Reading a list is compiled once, and not for each type that is made of its objects.
pub(crate) trait Keeper: Send {
    /// A list begins, or what was read of one is forgotten.
    fn begin(&mut self) {}

    /// Keeps an object, or skips it. `parse` makes it of its text, within limits. Returns the bytes in memory that are kept.
    fn keep_object(&mut self, text: &str, parse: &mut dyn FnMut() -> Result<Value, Error>) -> Result<usize, Error>;

    /// The list is over, also when it failed.
    fn end(&mut self);
}

/// Keeps what a projection makes of an object of a list.
pub(crate) fn keep_projected<T, P: Project<T> + ?Sized>(
    project: &mut P,
    items: &mut Vec<T>,
    text: &str,
    parse: &mut dyn FnMut() -> Result<Value, Error>,
) -> Result<usize, Error> {
    let projected = match project.recognize(text) {
        None => project.project(parse()?, Some(text)),
        recognized => recognized,
    };
    Ok(projected.map_or(0, |(item, weight)| {
        items.push(item);
        size_of::<T>() + weight
    }))
}

/// Keeps what a projection makes of the objects of one list.
struct Keep<'p, T, P: ?Sized> {
    project: &'p mut P,
    items: Vec<T>,
}

impl<T: Send, P: Project<T> + Send + ?Sized> Keeper for Keep<'_, T, P> {
    fn keep_object(&mut self, text: &str, parse: &mut dyn FnMut() -> Result<Value, Error>) -> Result<usize, Error> {
        keep_projected(self.project, &mut self.items, text, parse)
    }

    fn end(&mut self) {
        self.project.list_ended();
    }
}

impl Api {
    /// Reads all objects of a kind, or those of one namespace, that are selected.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Endless`] and [`Error::TooLarge`] at the limits.
    pub async fn list(&self, resource: &Resource, namespace: &str, selection: &Selection) -> Result<List, Error> {
        let heap = Budget::new(self.limits.list_memory);
        // They were weighed while they were parsed.
        let mut keep = Keep { project: &mut Each(|object| Some((object, 0))), items: Vec::new() };
        let resource_version = self.list_within(resource, namespace, selection, heap, true, &mut keep).await?;
        Ok(List { items: keep.items, resource_version })
    }

    /// The same, and keeps of each object what `project` makes of it: nothing, if it is `None`. An object is forgotten
    /// before the next one is read, and what is kept of all of them is weighed.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::TooLarge`] when more than [`Limits::list_kept`](crate::Limits::list_kept) would be kept.
    pub async fn list_as<T: Weigh + Send>(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: &Selection,
        mut project: impl FnMut(Value) -> Option<T> + Send,
    ) -> Result<List<T>, Error> {
        let mut each = Each(|object| project(object).map(weighed));
        self.list_kept(resource, namespace, selection, &mut each).await
    }

    /// The same with a projection that says what its items weigh.
    pub(crate) async fn list_kept<T: Send, P: Project<T> + Send + ?Sized>(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: &Selection,
        project: &mut P,
    ) -> Result<List<T>, Error> {
        let mut keep = Keep { project, items: Vec::new() };
        let resource_version = self.list_into(resource, namespace, selection, &mut keep).await?;
        Ok(List { items: keep.items, resource_version })
    }

    /// Reads a list into a keeper, and returns the version that it shows.
    pub(crate) async fn list_into(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: &Selection,
        keeper: &mut dyn Keeper,
    ) -> Result<String, Error> {
        let heap = Budget::new(limit::OBJECT_MEMORY_MAX);
        keeper.begin();
        let listed = self.list_within(resource, namespace, selection, heap, false, keeper).await;
        keeper.end();
        listed
    }

    fn list_within<'a>(
        &'a self,
        resource: &'a Resource,
        namespace: &'a str,
        selection: &'a Selection,
        heap: Budget,
        kept: bool,
        keeper: &'a mut dyn Keeper,
    ) -> BoxFuture<'a, Result<String, Error>> {
        self.read_pages(resource, namespace, selection, heap, kept, keeper).boxed()
    }

    async fn read_pages(
        &self,
        resource: &Resource,
        namespace: &str,
        selection: &Selection,
        mut heap: Budget,
        kept: bool,
        keeper: &mut dyn Keeper,
    ) -> Result<String, Error> {
        let end = Instant::now() + self.limits.list;
        let (collection, selectors) = (resource.collection(namespace), selection.query());
        let question = Question::any(resource, namespace, true);
        let (mut token, mut size) = (String::new(), self.limits.page_objects);
        let mut progress = Progress::default();
        loop {
            let mut path = format!("{collection}?limit={size}{selectors}");
            if !token.is_empty() {
                path.push_str(&format!("&continue={}", encode(&token)));
            }
            let ask = Ask::get(path, selection.content.accept_list(), self.limits.page_bytes);
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(self.out_of_time());
            }
            let time = self.limits.request.min(left);
            let bytes = match exchange(self.transport(), ask, time).await {
                Ok((status, bytes)) if status == StatusCode::OK => bytes,
                Ok((status, _)) => return Err(Error::Malformed(format!("a list was answered with status {status}"))),
                Err(Error::TooLarge { .. }) if size > 1 => {
                    size = (size / limit::PAGE_SHRINK).max(1);
                    self.count_page(&mut progress, self.limits.page_bytes)?;
                    continue;
                }
                // It had less time than a request has: what is over is the time of the list.
                Err(Error::Deadline(_)) if left < self.limits.request => return Err(self.out_of_time()),
                Err(error) => return Err(self.judge(error).await),
            };
            self.count_page(&mut progress, bytes.len())?;
            let mut wrong = None;
            let before = progress.objects;
            let mut take_object = |text: &str, heap: &mut Budget| {
                let mut kept = || {
                    self.count_object(&mut progress)?;
                    let mut parse = || {
                        let object = parse_within(text.as_bytes(), heap)?;
                        question.check(&object)?;
                        Ok(object)
                    };
                    let bytes = keeper.keep_object(text, &mut parse)?;
                    self.count_kept(&mut progress, bytes)
                };
                kept().map_err(|error| {
                    wrong = Some(error);
                    Error::Malformed("it is not what was asked for".to_owned())
                })
            };
            let mut reader = serde_json::Deserializer::from_slice(&bytes);
            let page = Page { budget: &mut heap, kept, take: &mut take_object }.deserialize(&mut reader);
            let page = page.and_then(|page| reader.end().map(|()| page));
            let page = match (page, wrong) {
                (_, Some(error)) => return Err(error),
                (Err(error), None) => return Err(heap.judge(&error)),
                (Ok(page), None) => page,
            };
            question.check_page(&page)?;
            let text = |field: &str, bytes_max: usize| {
                let text = page.metadata.get(field).and_then(Value::as_str).unwrap_or_default();
                limited(&format!("metadata.{field}"), text, bytes_max)
            };
            let next = text("continue", limit::TOKEN_BYTES_MAX)?;
            if next.is_empty()
                && page
                    .metadata
                    .get("remainingItemCount")
                    .is_some_and(|left| !left.is_null() && left.as_u64() != Some(0))
            {
                // What is not there in such a list may be there all the same.
                return Err(Error::Malformed("the list says that more is left, and not where".to_owned()));
            }
            if next.is_empty() {
                let resource_version = text("resourceVersion", limit::VERSION_BYTES_MAX)?.to_owned();
                return Ok(resource_version);
            }
            // A page that leads nowhere: the next one would be asked for at once, and for as long as a list may take.
            if next == token {
                return Err(Error::Malformed("a page of the list brings nothing, and the list goes on".to_owned()));
            }
            progress.empty_pages = if progress.objects == before { progress.empty_pages + 1 } else { 0 };
            if progress.empty_pages > limit::EMPTY_PAGES_MAX {
                return Err(Error::Endless { max: limit::EMPTY_PAGES_MAX, of: "pages without an object in a row" });
            }
            next.clone_into(&mut token);
        }
    }

    /// The server answered, and the list is too long for its time: that is no silence.
    fn out_of_time(&self) -> Error {
        let seconds = usize::try_from(self.limits.list.as_secs()).unwrap_or(usize::MAX);
        Error::Endless { max: seconds, of: "seconds of answers" }
    }

    fn count_page(&self, progress: &mut Progress, bytes: usize) -> Result<(), Error> {
        progress.pages += 1;
        progress.bytes += bytes;
        let limits =
            [(progress.pages, self.limits.list_pages, "pages"), (progress.bytes, self.limits.list_bytes, "bytes")];
        match limits.into_iter().find(|(count, max, _)| count > max) {
            Some((_, max, of)) => Err(Error::Endless { max, of }),
            None => Ok(()),
        }
    }

    fn count_kept(&self, progress: &mut Progress, bytes: usize) -> Result<(), Error> {
        progress.kept = progress.kept.saturating_add(bytes);
        if progress.kept > self.limits.list_kept {
            return Err(Error::TooLarge { max: self.limits.list_kept, of: "bytes in memory" });
        }
        Ok(())
    }

    fn count_object(&self, progress: &mut Progress) -> Result<(), Error> {
        progress.objects += 1;
        if progress.objects > self.limits.list_objects {
            return Err(Error::Endless { max: self.limits.list_objects, of: "objects" });
        }
        Ok(())
    }

    /// How many objects there are: from one small page, without reading the rest. Of a kind that is not served there are none.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(&self, resource: &Resource, namespace: &str) -> Result<usize, Error> {
        let path = format!("{}?limit=1", resource.collection(namespace));
        let ask = Ask::get(path, METADATA_LIST, self.limits.page_bytes);
        let bytes = match exchange(self.transport(), ask, self.limits.request).await {
            Ok((_, bytes)) => bytes,
            Err(error) if error.is_path_unknown() => return Ok(0),
            Err(error) => return Err(self.judge(error).await),
        };
        let page = crate::json::parse(&bytes, limit::OBJECT_MEMORY_MAX)?;
        let Some(items) = page.get("items").and_then(Value::as_array) else {
            let found = crate::answer::found(&page, false);
            return Err(Error::Mismatch { asked: format!("a list of {resource}"), found });
        };
        let more = page.pointer("/metadata/remainingItemCount").and_then(Value::as_u64).unwrap_or_default();
        Ok(items.len().saturating_add(usize::try_from(more).unwrap_or(usize::MAX)))
    }
}

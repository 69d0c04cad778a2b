//! What was asked of the server, counted.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Most clients told apart; the rest counts as `other`. A hub has about 20 controllers, a demo three agents.
const CLIENTS_MAX: usize = 256;

/// The verbs that are counted.
pub const VERBS: [&str; 9] =
    ["get", "list", "watch", "create", "update", "patch", "apply", "delete", "deletecollection"];

/// Counts of requests since the start. Reading is cheap and never blocks requests for long.
#[derive(Debug, Default)]
pub struct Counters {
    verbs: [AtomicU64; VERBS.len()],
    writes: AtomicU64,
    failures: AtomicU64,
    panics: AtomicU64,
    refused: AtomicU64,
    denied: AtomicU64,
    clients: Mutex<BTreeMap<String, BTreeMap<&'static str, u64>>>,
}

impl Counters {
    /// Requests of one verb; zero for a verb that does not exist.
    pub fn verb(&self, verb: &str) -> u64 {
        VERBS.iter().position(|v| *v == verb).map_or(0, |i| self.verbs[i].load(Ordering::Relaxed))
    }

    /// Mutating requests: create, update, patch, apply, delete, deletecollection. One that changes nothing, fails or
    /// is a dry run counts as well: a settled fleet makes none.
    pub fn mutations(&self) -> u64 {
        VERBS.iter().skip(3).map(|verb| self.verb(verb)).sum()
    }

    /// Writes that reached the store.
    pub fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Answers with a code of 500 and above.
    pub fn failures(&self) -> u64 {
        self.failures.load(Ordering::Relaxed)
    }

    /// Requests whose handler panicked.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// Requests and connections refused because a limit was reached.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Requests for which the user has no rights.
    pub fn denied(&self) -> u64 {
        self.denied.load(Ordering::Relaxed)
    }

    /// Mutating requests by client (field manager, else the first word of the user agent) and verb.
    pub fn mutations_by_client(&self) -> BTreeMap<String, BTreeMap<&'static str, u64>> {
        self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    pub(crate) fn request(&self, verb: &'static str, client: &str) {
        let Some(index) = VERBS.iter().position(|v| *v == verb) else { return };
        self.verbs[index].fetch_add(1, Ordering::Relaxed);
        if index < 3 {
            return;
        }
        let mut clients = self.clients.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(counts) = clients.get_mut(client) {
            *counts.entry(verb).or_default() += 1;
            return;
        }
        let name = if clients.len() < CLIENTS_MAX { client } else { "other" };
        *clients.entry(name.to_owned()).or_default().entry(verb).or_default() += 1;
    }

    pub(crate) fn wrote(&self) {
        self.writes.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn panicked(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn deny(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters in the OpenMetrics text format, without its end.
    pub(crate) fn exposition(&self) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        family(&mut out, "apiserver_request", "Requests by verb");
        for verb in VERBS {
            let _ = writeln!(out, "apiserver_request_total{{verb=\"{verb}\"}} {}", self.verb(verb));
        }
        family(&mut out, "apiserver_mutation", "Mutating requests by client (its field manager) and verb");
        for (client, verbs) in self.mutations_by_client() {
            let client = client.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            for (verb, count) in verbs {
                let _ = writeln!(out, "apiserver_mutation_total{{client=\"{client}\",verb=\"{verb}\"}} {count}");
            }
        }
        let single = [
            ("apiserver_store_write", "Writes that reached the store", self.writes()),
            ("apiserver_request_failed", "Answers with a code of 500 and above", self.failures()),
            ("apiserver_request_panic", "Requests whose handler panicked", self.panics()),
            ("apiserver_request_refused", "Requests and connections refused by a limit", self.refused()),
        ];
        for (name, help, value) in single {
            family(&mut out, name, help);
            let _ = writeln!(out, "{name}_total {value}");
        }
        out
    }
}

/// The head of a family of counters.
fn family(out: &mut String, name: &str, help: &str) {
    use std::fmt::Write as _;
    let _ = write!(out, "# HELP {name} {help}.\n# TYPE {name} counter\n");
}

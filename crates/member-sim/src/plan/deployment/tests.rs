//! A model of ReplicaSets and their pods, driven by plans in any order of events.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::Strategy;
use serde_json::json;

use super::*;
use crate::object::Object;

fn deployment(replicas: i64, surge: &Value, unavailable: &Value) -> Value {
    json!({
        "metadata": {"name": "web", "namespace": "shop", "uid": "d", "generation": 1, "resourceVersion": "1"},
        "spec": {
            "replicas": replicas, "selector": {"matchLabels": {"app": "web"}},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}},
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "c", "image": "a:1"}]}},
        },
    })
}

/// A ReplicaSet and, for each of its pods, whether it is ready.
struct Set {
    object: Value,
    pods: Vec<bool>,
}

struct Model {
    deployment: Value,
    sets: BTreeMap<String, Set>,
    now: Timestamp,
    made: u64,
    images: u64,
}

impl Model {
    fn new(deployment: Value) -> Self {
        let now = Timestamp::from_second(1_700_000_000).unwrap();
        Self { deployment, sets: BTreeMap::new(), now, made: 0, images: 1 }
    }

    fn read(&self) -> (Deployment, Vec<Arc<ReplicaSet>>) {
        let sets = self.sets.values().map(|s| Arc::new(ReplicaSet::read(&s.object).unwrap())).collect();
        (Deployment::read(&self.deployment).unwrap(), sets)
    }

    fn plan(&self) -> Plan {
        let (deployment, sets) = self.read();
        let old_pods = |set: &ReplicaSet| self.sets[&set.meta.name].pods.len();
        plan(&Observed { deployment: &deployment, sets: &sets, old_pods: &old_pods }, self.now)
    }

    /// One pass of the controller; did it want anything?
    fn control(&mut self) -> bool {
        let plan = self.plan();
        let quiet = Plan { again: None, ..plan.clone() } == Plan::default();
        if let Some(mut set) = plan.create {
            self.made += 1;
            let name = set["metadata"]["name"].as_str().unwrap().to_owned();
            set["metadata"]["uid"] = json!(format!("s{}", self.made));
            set["metadata"]["generation"] = json!(1);
            let at = Timestamp::from_second(self.now.as_second() + i64::try_from(self.made).unwrap()).unwrap();
            set["metadata"]["creationTimestamp"] = json!(model::clock::format_seconds(at));
            assert!(self.sets.insert(name, Set { object: set, pods: Vec::new() }).is_none());
        }
        for (name, patch) in plan.patch {
            let set = self.sets.get_mut(&name).unwrap();
            set.object = merge(&set.object, &patch);
        }
        for (name, _) in plan.delete {
            assert!(self.sets.remove(&name).unwrap().pods.is_empty());
        }
        if let Some(patch) = plan.report {
            self.deployment = merge(&self.deployment, &patch);
        }
        !quiet
    }

    /// The ReplicaSet controller: pods as many as asked for, those that are not ready go first, and the status.
    fn sync(&mut self, which: usize) {
        let count = self.sets.len().max(1);
        let Some(set) = self.sets.values_mut().nth(which % count) else { return };
        let wanted = usize::try_from(set.object["spec"]["replicas"].as_i64().unwrap()).unwrap();
        set.pods.sort_by_key(|ready| !ready);
        set.pods.resize(wanted, false);
        let ready = set.pods.iter().filter(|r| **r).count();
        set.object["status"] = json!({
            "replicas": wanted, "readyReplicas": ready, "availableReplicas": ready,
            "observedGeneration": set.object["metadata"]["generation"],
        });
    }

    fn become_ready(&mut self, which: usize) {
        let count = self.sets.len().max(1);
        let Some(set) = self.sets.values_mut().nth(which % count) else { return };
        if let Some(pod) = set.pods.iter_mut().find(|ready| !**ready) {
            *pod = true;
        }
    }

    fn change_template(&mut self) {
        self.images += 1;
        self.deployment["spec"]["template"]["spec"]["containers"][0]["image"] = json!(format!("a:{}", self.images));
    }

    fn total(&self) -> i64 {
        self.sets.values().map(|s| s.object["spec"]["replicas"].as_i64().unwrap()).sum()
    }

    fn ready(&self) -> i64 {
        i64::try_from(self.sets.values().flat_map(|s| &s.pods).filter(|r| **r).count()).unwrap()
    }

    /// Lets everything happen until nothing more does.
    fn settle(&mut self) {
        for _ in 0..500 {
            let mut moved = false;
            for which in 0..self.sets.len() {
                let before = self.sets.values().nth(which).map(|s| (s.pods.clone(), s.object.clone()));
                self.sync(which);
                (0..20).for_each(|_| self.become_ready(which));
                self.sync(which);
                moved |= before != self.sets.values().nth(which).map(|s| (s.pods.clone(), s.object.clone()));
            }
            moved |= self.control();
            if !moved {
                return;
            }
        }
        panic!("it never settles: {:#?}", self.deployment);
    }

    fn condition(&self, kind: &str) -> (String, String) {
        let (deployment, _) = self.read();
        let found = find_condition(&deployment.status.conditions, kind).unwrap();
        (found.status.clone(), found.reason.clone())
    }
}

fn merge(target: &Value, patch: &Value) -> Value {
    let Value::Object(patch) = patch else { return patch.clone() };
    let mut out = target.as_object().cloned().unwrap_or_default();
    for (key, value) in patch {
        if value.is_null() {
            out.remove(key);
        } else {
            let merged = merge(out.get(key).unwrap_or(&Value::Null), value);
            out.insert(key.clone(), merged);
        }
    }
    Value::Object(out)
}

#[derive(Clone, Debug)]
enum Op {
    Control,
    Sync(usize),
    Ready(usize),
    Template,
    Scale(i64),
}

fn op(scales: bool) -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => Just(Op::Control),
        6 => (0..4_usize).prop_map(Op::Sync),
        6 => (0..4_usize).prop_map(Op::Ready),
        1 => Just(Op::Template),
        u32::from(scales) => (0..15_i64).prop_map(Op::Scale),
    ]
}

fn bound() -> impl Strategy<Value = Value> {
    prop_oneof![(0..4_i64).prop_map(|n| json!(n)), (0..=100_i64).prop_map(|p| json!(format!("{p}%")))]
}

fn run(model: &mut Model, ops: &[Op], scales: bool) -> Result<(), TestCaseError> {
    for op in ops {
        let (before, ready) = (model.total(), model.ready());
        match op {
            Op::Control => drop(model.control()),
            Op::Sync(which) => model.sync(*which),
            Op::Ready(which) => model.become_ready(*which),
            Op::Template => model.change_template(),
            Op::Scale(n) => model.deployment["spec"]["replicas"] = json!(n),
        }
        let (deployment, _) = model.read();
        let most = deployment.replicas + rollout::surge(&deployment);
        prop_assert!(
            model.total() <= most.max(before),
            "{op:?}: {} pods wanted, at most {most} allowed",
            model.total()
        );
        if !scales {
            let floor = deployment.replicas - rollout::unavailable(&deployment);
            prop_assert!(model.ready() >= ready.min(floor), "{op:?}: {} ready, {floor} promised", model.ready());
        }
    }
    model.settle();
    let (deployment, sets) = model.read();
    prop_assert_eq!(deployment.status.available, deployment.replicas);
    prop_assert_eq!(deployment.status.updated, deployment.replicas);
    prop_assert_eq!(deployment.status.replicas, deployment.replicas);
    prop_assert_eq!(model.total(), deployment.replicas);
    let newest: Vec<_> = sets.iter().filter(|s| is_of(s, &deployment.template)).collect();
    prop_assert_eq!(newest.len(), 1);
    prop_assert!(sets.len() <= 11, "{} ReplicaSets are kept", sets.len());
    prop_assert!(!model.control(), "a settled Deployment wants nothing");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn rollouts_keep_both_bounds(
        replicas in 0..12_i64, surge in bound(), unavailable in bound(), ops in prop::collection::vec(op(false), 0..80),
    ) {
        let mut model = Model::new(deployment(replicas, &surge, &unavailable));
        model.settle();
        run(&mut model, &ops, false)?;
    }

    #[test]
    fn scaling_in_the_middle_never_asks_for_too_many_and_always_ends(
        replicas in 0..12_i64, surge in bound(), unavailable in bound(), ops in prop::collection::vec(op(true), 0..80),
    ) {
        let mut model = Model::new(deployment(replicas, &surge, &unavailable));
        run(&mut model, &ops, true)?;
    }
}

#[test]
fn a_new_deployment_becomes_available_and_says_so() {
    let mut model = Model::new(deployment(3, &json!("25%"), &json!("25%")));
    assert!(model.control());
    assert_eq!(model.condition("Available"), ("False".to_owned(), "MinimumReplicasUnavailable".to_owned()));
    assert_eq!(model.condition("Progressing"), ("True".to_owned(), "NewReplicaSetCreated".to_owned()));
    model.settle();
    assert_eq!(model.condition("Available"), ("True".to_owned(), "MinimumReplicasAvailable".to_owned()));
    assert_eq!(model.condition("Progressing"), ("True".to_owned(), "NewReplicaSetAvailable".to_owned()));
    assert_eq!(model.deployment["metadata"]["annotations"][history::REVISION], "1");
}

#[test]
fn a_rollback_reuses_the_old_replica_set_under_a_new_revision() {
    let mut model = Model::new(deployment(2, &json!(1), &json!(0)));
    model.settle();
    let first = model.deployment["spec"]["template"].clone();
    model.change_template();
    model.settle();
    model.deployment["spec"]["template"] = first;
    model.settle();
    assert_eq!(model.sets.len(), 2);
    assert_eq!(model.deployment["metadata"]["annotations"][history::REVISION], "3");
    let (deployment, sets) = model.read();
    let newest = sets.iter().find(|s| is_of(s, &deployment.template)).unwrap();
    assert_eq!(newest.meta.annotations[history::REVISIONS], "1");
}

#[test]
fn a_rollout_that_does_not_move_times_out() {
    let mut object = deployment(2, &json!(1), &json!(0));
    object["spec"]["progressDeadlineSeconds"] = json!(60);
    let mut model = Model::new(object);
    model.control();
    let wait = model.plan().again.unwrap();
    assert!(wait <= Duration::from_secs(61), "{wait:?}");
    model.now += wait + Duration::from_secs(1);
    model.control();
    assert_eq!(model.condition("Progressing"), ("False".to_owned(), "ProgressDeadlineExceeded".to_owned()));
    assert!(!model.control());
}

#[test]
fn recreate_waits_for_the_last_old_pod() {
    let mut object = deployment(2, &json!(1), &json!(0));
    object["spec"]["strategy"] = json!({"type": "Recreate"});
    let mut model = Model::new(object);
    model.settle();
    model.change_template();
    model.control();
    assert_eq!((model.sets.len(), model.total()), (1, 0));
    model.control();
    assert_eq!(model.sets.len(), 1, "old pods are still there");
    model.sync(0);
    model.control();
    assert_eq!((model.sets.len(), model.total()), (2, 2));
}

#[test]
fn a_paused_deployment_scales_and_does_not_roll() {
    let mut model = Model::new(deployment(2, &json!(1), &json!(0)));
    model.settle();
    model.deployment["spec"]["paused"] = json!(true);
    model.change_template();
    model.deployment["spec"]["replicas"] = json!(5);
    model.settle();
    assert_eq!((model.sets.len(), model.total()), (1, 5));
    assert_eq!(model.condition("Progressing"), ("Unknown".to_owned(), "DeploymentPaused".to_owned()));
    model.deployment["spec"]["paused"] = json!(false);
    model.settle();
    assert_eq!((model.sets.len(), model.total()), (2, 5));
}

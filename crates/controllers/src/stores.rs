//! The registry of stores: one shared store per kind, and one line per kind.

use std::sync::Arc;

use api::delivery::{Decision, MemberStatus, Revision, UnitId};
use api::karmada::cluster::v1alpha1::Cluster;
use api::kurator::apps::v1alpha1::Application;
use api::kurator::cluster::v1alpha1::AttachedCluster;
use api::kurator::fleet::v1alpha1::Fleet;
use client::{Api, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::secrets::SecretVersions;
use crate::{application, fleet, member, record};

macro_rules! registry {
    ($($(#[$doc:meta])* $name:ident: $kind:ty, $made:ident($indexes:expr);)*) => {
        /// The newest known state of the hub's kinds, each watched once.
        pub struct Stores {
            $($(#[$doc])* pub $name: Arc<Store<$kind>>,)*
            /// Versions of Secrets.
            pub secrets: Arc<SecretVersions>,
        }

        impl Stores {
            /// Knows nothing yet.
            pub(crate) fn new() -> Self {
                Self { $($name: Store::$made($indexes),)* secrets: SecretVersions::new() }
            }

            /// Is everything listed?
            pub fn is_synced(&self) -> bool {
                $(self.$name.is_synced() &&)* self.secrets.is_synced()
            }

            /// Waits until everything is listed.
            pub(crate) async fn synced(&self) {
                $(self.$name.synced().await;)*
                self.secrets.synced().await;
            }

            /// Watches every kind until shutdown.
            pub(crate) fn spawn(&self, api: &Api, tasks: &TaskTracker, stop: &CancellationToken) {
                $({
                    let (store, watch, stop) = (self.$name.clone(), self.$name.watch(api.clone()), stop.clone());
                    tasks.spawn(async move { store.run(watch, stop).await });
                })*
                tasks.spawn(self.secrets.clone().run(api.clone(), stop.clone()));
            }
        }
    };
}

// Of Applications it is said who changed them; of the others nobody asks who owns which field.
registry! {
    /// Applications.
    applications: Application, typed(application::indexes());
    /// Fleets.
    fleets: Fleet, without_managed_fields(fleet::indexes());
    /// AttachedClusters.
    attached: AttachedCluster, without_managed_fields(member::attached_indexes());
    /// Members' records.
    clusters: Cluster, without_managed_fields(member::cluster_indexes());
    /// Revisions.
    revisions: Revision, without_managed_fields(record::revision_indexes());
    /// Decisions.
    decisions: Decision, without_managed_fields(record::decision_indexes());
    /// Members' reports, as stored.
    statuses: MemberStatus, without_managed_fields(record::status_indexes());
}

impl Stores {
    /// Slices of one unit's decision, in the order of their names.
    pub fn decisions_of(&self, unit: &UnitId) -> Vec<Arc<Decision>> {
        let mut all = self.decisions.by(record::OWNER, &unit.owner().to_string());
        all.retain(|decision| decision.spec.unit == *unit);
        all
    }
}

//! What is kept of a log: integers that merge exactly, in any order.
//!
//! Every aggregate has three verbs: `collect` takes one event, `merge` another aggregate of the same kind, `finish` makes
//! rows. Until `finish` there is no float, no division and no order, so that the cut into chunks, the number of threads
//! and the order of files change nothing. Times stay local here: the zone of an error log may be known only at the end.

pub mod activity;
pub mod bucket;
mod cells;
pub mod clients;
pub mod denials;
pub mod durations;
pub mod evidence;
pub mod failures;
pub mod forged;
pub mod histogram;
pub mod intern;
pub mod ledger;
pub mod limits;
pub mod moments;
pub mod requests;
pub mod served;
pub mod shapes;
pub mod signs;
pub mod table;
pub mod traces;
pub mod traffic;

pub use activity::Activity;
pub use bucket::Width;
pub use clients::Clients;
pub use denials::Denials;
pub use durations::{Durations, Ending, Series};
pub use evidence::{Evidence, SourceKey};
pub use failures::{FailureRow, Failures};
pub use forged::Forged;
pub use histogram::Histogram;
pub use ledger::{Ledger, LineClass};
pub use moments::{MomentRow, Moments};
pub use requests::Requests;
pub use served::{Served, ServedRow};
pub use shapes::Shapes;
pub use signs::{Sign, SignRow, Signs};
pub use table::Table;
pub use traffic::{AttemptCount, TrafficCount, TrafficRow};

/// All that one pass over logs keeps of their events and requests; what became of each line is in the [`Ledger`]s.
#[derive(Clone, Debug)]
pub struct Aggregate {
    pub failures: Failures,
    pub moments: Moments,
    pub shapes: Shapes,
    /// Empty unless they were asked for.
    pub signs: Signs,
    /// Events per signature, by its index in the taxonomy.
    pub n_by_signature: Vec<u64>,
    /// Events that may be forged and therefore are in no count above.
    pub n_doubtful: u64,
    /// Lines that are, and are in no count above either.
    pub forged: Forged,
    /// There are records of level debug, whatever is asked for.
    pub has_debug: bool,
    pub requests: Requests,
    /// What audit logs tell.
    pub denials: Denials,
}

impl Aggregate {
    /// An empty aggregate for `n_signatures` rows of the taxonomy, with buckets as `grain` says; those of failures fine enough to look
    /// for incidents.
    pub fn new(n_signatures: usize, grain: bucket::Grain) -> Aggregate {
        Aggregate {
            failures: Failures::new(grain.analysed()),
            moments: Moments::default(),
            shapes: Shapes::default(),
            signs: Signs::new(grain.observed()),
            n_by_signature: vec![0; n_signatures],
            n_doubtful: 0,
            forged: Forged::default(),
            has_debug: false,
            requests: Requests::new(grain),
            denials: Denials::default(),
        }
    }

    /// Puts what was counted in the order of rows. It changes no answer, but parts in order, each put so by a thread of its own, merge
    /// quickly.
    pub fn sort(&mut self) {
        self.failures.sort();
        self.moments.sort();
        self.signs.sort();
        self.requests.sort();
    }

    pub fn merge(&mut self, other: Aggregate) {
        self.failures.merge(other.failures);
        self.moments.merge(other.moments);
        self.shapes.merge(other.shapes);
        self.signs.merge(other.signs);
        for (mine, theirs) in self.n_by_signature.iter_mut().zip(other.n_by_signature) {
            *mine += theirs;
        }
        self.n_doubtful += other.n_doubtful;
        self.forged.merge(other.forged);
        self.has_debug |= other.has_debug;
        self.requests.merge(other.requests);
        self.denials.merge(other.denials);
    }
}

//! Counts to statements: what happened when, in UTC, and why; and how whole the account is.

pub mod account;
pub mod burst;
pub mod causes;
pub mod compare;
pub mod findings;
pub mod fingerprint;
pub mod gaps;
pub mod health;
pub mod incident;
pub mod join;
pub mod known_zone;
pub mod marks;
pub mod placed;
pub mod replay;
pub mod zone_inference;

pub use account::{Account, account};
pub use causes::{AskedFor, Case, Cause, Causes, Names, StatusCauses};
pub use findings::{Facts, Finding, Material, Observed};
pub use fingerprint::{Fingerprint, KnownTimeout, KnownTimeouts, fingerprints};
pub use gaps::{Gap, gaps};
pub use health::{FailTimeouts, Outage, outages};
pub use incident::{Hurt, Incident, Incidents, incidents, tell_hurt};
pub use join::{Confidence, Explained, Fate, Joined, Leftover, Spans, Unexplained, join, join_at};
pub use known_zone::{KnownZone, ZoneBasis};
pub use marks::{Mark, marks, version};
pub use placed::{Failure, Fine, Placed, Placement, Traffic, place};
pub use zone_inference::{Matches, infer_zone};

//! Counts to statements: what happened when, in UTC, and how whole the account is.

pub mod account;
pub mod gaps;
pub mod known_zone;
pub mod placed;

pub use account::{Account, account};
pub use gaps::{Gap, gaps};
pub use known_zone::{KnownZone, ZoneBasis};
pub use placed::{Failure, Placed, Placement, Traffic, place};

//! All integration tests, as one binary, so that polars is linked once.

mod catalogue;
mod corpus;
mod generate;
mod memo;

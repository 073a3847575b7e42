//! What bounds memory, whatever the input. Past a limit things go where this page says, and every output tells how many.

/// Rows of `failures` kept while scanning. Past it buckets get wider, step by step up to 15 minutes, then the upstreams
/// with the highest hash values are pooled as [`POOLED_UPSTREAM`]. A row takes about 100 bytes, and a few per client.
pub const FAILURE_ROWS_MAX: usize = 1 << 19;

/// Moments kept (reloads, crashes, peers taken out). Past it those of ten seconds are one, then of a minute, up to 15
/// minutes; then peers are pooled.
pub const MOMENT_ROWS_MAX: usize = 1 << 16;

/// Stretches of time in which a source has records. Past it they get wider: from five minutes up to a day.
pub const STRETCHES_MAX: usize = 1 << 12;

/// Distinct upstreams kept by name. Past it those with the highest hash values are pooled as [`POOLED_UPSTREAM`].
pub const UPSTREAMS_MAX: usize = 1 << 16;

/// Bytes of an upstream's name that are kept: a unix path has at most 108, a DNS name 253.
pub const UPSTREAM_LEN_MAX: usize = 512;

/// The name under which upstreams past a limit are counted together.
pub const POOLED_UPSTREAM: &str = "(other)";

/// Distinct shapes of `other` messages kept. Past it those with the highest hash values are only counted.
pub const SHAPES_MAX: usize = 1 << 12;

/// Distinct clients of one row kept exactly; past it an estimate takes over, with a standard error of 2.3 %.
pub const CLIENTS_EXACT_MAX: usize = 192;

/// Bytes of one line that are looked at. nginx writes at most 2,048 (4,096 OpenResty); the rest of a longer line is
/// counted, not read.
pub const LINE_LEN_MAX: usize = 1 << 20;

/// Chunks of one source. A smaller chunk length than this allows is raised; it never changes an answer.
pub const CHUNKS_MAX: usize = 1 << 16;

/// Failures of each kind of log kept one by one for the join of the two; twice as many while scanning, about 100 bytes each. Past it
/// whole clients are left out.
pub const TRACES_MAX: usize = 1 << 18;

/// Rows of `traffic` kept while scanning: a row takes about a kilobyte. Past it buckets get wider, then upstreams are pooled.
pub const TRAFFIC_ROWS_MAX: usize = 1 << 17;

/// Distinct routes kept. Past it those with the highest hash values are pooled as [`POOLED_UPSTREAM`].
pub const ROUTES_MAX: usize = 1 << 13;

/// Distinct clients of failed requests kept. Past it those with the highest hash values are pooled as [`POOLED_UPSTREAM`].
pub const FAILING_CLIENTS_MAX: usize = 1 << 16;

/// Rows of signs kept while scanning: what was said of which upstream, for findings. Past it buckets get wider, then upstreams are pooled.
pub const SIGN_ROWS_MAX: usize = 1 << 17;

/// Messages kept as samples of signs. Past it those with the highest hash values have none.
pub const SAMPLES_MAX: usize = 1 << 12;

/// Bytes of a message kept as a sample.
pub const SAMPLE_LEN_MAX: usize = 300;

/// Rows of answers kept while scanning: when each upstream served, for findings. Past it buckets get wider, then upstreams are pooled.
pub const SERVED_ROWS_MAX: usize = 1 << 17;

/// Rows of upstream, ending, phase and milliseconds kept of attempts that came to a bad end; a row takes about 40 bytes. Past it
/// durations are kept to 10, then to 50 milliseconds, then upstreams are pooled.
pub const DURATIONS_MAX: usize = 1 << 16;

/// Longer durations are only counted: no timer of a gateway that answers requests is set to more than two hours.
pub const DURATION_MS_MAX: u32 = 7_200_000;

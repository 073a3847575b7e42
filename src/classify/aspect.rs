//! What tells messages of one signature apart, as far as a cause hangs on it.

use super::{classifier::Classified, errno};
use crate::event::Category;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Of a connection that the upstream ended, or that ended by a timeout: the request is of a method that nginx does not send twice
/// (`ngx_http_upstream.c: ngx_http_upstream_next`, `NGX_HTTP_UPSTREAM_FT_NON_IDEMPOTENT`).
pub const NOT_REPEATED: u8 = 1;

/// Of a text that an application wrote: it tells of the end of the request, not of a warning.
pub const FATAL: u8 = 1;

/// What such texts say.
static FATAL_WORDS: LazyLock<[Finder<'static>; 3]> =
    LazyLock::new(|| ["Fatal error", "Parse error", "Uncaught "].map(Finder::new));

/// The aspect of a record: [`NOT_REPEATED`], [`FATAL`], else the errno as Linux numbers it; 0 where there is none.
pub fn aspect(known: &Classified<'_>) -> u8 {
    match known.category {
        Category::PrematureClose | Category::Reset | Category::Timeout => {
            let request = known.tail.request.unwrap_or_default();
            let is_repeated = ![&b"POST "[..], b"LOCK ", b"PATCH "]
                .iter()
                .any(|method| request.starts_with(method));
            if is_repeated { 0 } else { NOT_REPEATED }
        }
        Category::AppStderr => {
            let is_fatal = |finder: &Finder<'_>| finder.find(known.message).is_some();
            if FATAL_WORDS.iter().any(is_fatal) {
                FATAL
            } else {
                0
            }
        }
        _ => u8::try_from(errno::to_linux(known.errno)).unwrap_or(u8::MAX),
    }
}

//! The arithmetic of `*_buffer_size`, `*_buffers` and `*_busy_buffers_size`, by which nginx refuses many a well-meant line.
//!
//! `ngx_http_proxy_merge_loc_conf` (nginx 1.31), the same in fastcgi, uwsgi and scgi.

use super::{
    effective::{Buffers, Valued},
    model::{Config, Position, ScopeId},
    passes::Family,
};

/// The buffers that hold for a pass.
#[derive(Clone, Copy, Debug)]
pub struct BufferPlan {
    pub family: Family,
    /// Of the header and the first part of the body.
    pub buffer_size: Valued<u64>,
    pub buffers: Valued<Buffers>,
    /// What may be busy with sending; where it is not written it follows from the others.
    pub busy_bytes: u64,
    pub busy_position: Option<Position>,
}

impl BufferPlan {
    /// Why nginx refuses these values, in its words; `None` if it takes them.
    pub fn refusal(&self) -> Option<String> {
        let prefix = self.family.prefix();
        let largest = self.largest();
        let Buffers { number, size_bytes } = self.buffers.value;
        if number < 2 {
            return Some(format!("there must be at least 2 \"{prefix}_buffers\""));
        }
        if self.busy_bytes < largest {
            return Some(format!(
                "\"{prefix}_busy_buffers_size\" must be equal to or greater than the maximum of the value of \"{prefix}_buffer_size\" \
                 and one of the \"{prefix}_buffers\""
            ));
        }
        if self.busy_bytes > (number - 1).saturating_mul(size_bytes) {
            return Some(format!(
                "\"{prefix}_busy_buffers_size\" must be less than the size of all \"{prefix}_buffers\" minus one buffer"
            ));
        }
        None
    }

    fn largest(&self) -> u64 {
        self.buffer_size.value.max(self.buffers.value.size_bytes)
    }

    /// Values that nginx takes, with a header buffer of at least `header_bytes`: of `*_buffer_size`, `*_buffers` and
    /// `*_busy_buffers_size`.
    pub fn advice(&self, header_bytes: u64) -> [String; 3] {
        let size = header_bytes.max(self.buffer_size.value).div_ceil(1024);
        let number = self.buffers.value.number.max(4);
        [
            format!("{size}k"),
            format!("{number} {size}k"),
            format!("{}k", 2 * size),
        ]
    }

    /// Where it was written, as far as it was.
    pub fn positions(&self) -> Vec<Position> {
        let written = [
            self.buffer_size.origin.position(),
            self.buffers.origin.position(),
            self.busy_position,
        ];
        written.into_iter().flatten().collect()
    }
}

impl Config {
    /// The buffers that hold in `scope` for what `family` passes on; `None` where the family has no such buffers, or what is written is
    /// no size.
    pub fn buffer_plan(&self, scope: ScopeId, family: Family) -> Option<BufferPlan> {
        if !matches!(
            family,
            Family::Proxy | Family::Fastcgi | Family::Uwsgi | Family::Scgi
        ) {
            return None;
        }
        let buffer_size = self.bytes(scope, &family.directive("buffer_size"))?;
        let buffers = self.buffers(scope, &family.directive("buffers"))?;
        let busy = self.bytes(scope, &family.directive("busy_buffers_size"));
        let largest = buffer_size.value.max(buffers.value.size_bytes);
        Some(BufferPlan {
            family,
            buffer_size,
            buffers,
            busy_bytes: busy.map_or(largest.saturating_mul(2), |busy| busy.value),
            busy_position: busy.and_then(|busy| busy.origin.position()),
        })
    }
}

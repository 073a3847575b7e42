//! One stored stream from its first byte on, block by block, for those who look for single records. Nothing is counted.

use super::{
    EngineConfig, Opened, SourceState, World, crew,
    feed::{Feed, Spares},
    mapped, open,
    same::Beginnings,
};
use crate::{input::Found, progress::Progress, scan::Block};
use std::{ops::ControlFlow, sync::Arc};

/// Reads `found` and gives `each` the sources in it whose lines are read, block by block: a mapped file as one, a stream in blocks
/// that begin where records do, until it says that it has seen enough. Archives are streamed once. Gives back what is known of the
/// sources that were come to.
pub fn walk(
    found: &Found,
    config: &EngineConfig,
    mut each: impl FnMut(&SourceState, Block<'_>) -> ControlFlow<()>,
) -> Vec<SourceState> {
    let config = &EngineConfig {
        digests: false,
        ..config.clone()
    };
    match open(found, 0, config) {
        Opened::Failed(state) => vec![state],
        Opened::File(mut state, file) => {
            if state.is_scanned() {
                let block = Block {
                    source: state.key,
                    offset: 0,
                    bytes: mapped(&file),
                    n_omitted: 0,
                };
                let _ = each(&state, block);
                state.lost.extend(file.lost_in(0..block.bytes.len()));
            }
            state.changed = file.change();
            vec![state]
        }
        Opened::Stream(..) => {
            let world = World {
                config,
                found: std::slice::from_ref(found),
                beginnings: &Beginnings::default(),
                progress: &Progress::default(),
                n_helpers: 0,
                budget: Arc::default(),
            };
            let spares = Spares::default();
            let mut feed = Feed::new(found, 0, &world, &spares);
            while let Some(portion) = crew::draw(&mut feed) {
                let is_enough = match feed.open_source() {
                    Some(state) => each(state, portion.block()).is_break(),
                    None => false,
                };
                if is_enough {
                    feed.close_source();
                    break;
                }
            }
            feed.sources
        }
    }
}

//! Decodes one gzip file and drops what comes out: the least that any run over it takes.
//!
//! As a program does it with the decoder of this one, or with `--unpack` as the engine does it, layer by layer, in one thread: that is
//! quicker, since the checksum is taken otherwise. `benches/compare --kind error-gz` runs both in turn with coroner; by hand it is
//! `cargo run --release --no-default-features --example decode [--unpack] FILE`.

use coroner::input::{
    Unpacker,
    unpack::{Item, Limits},
};
use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, BufReader, Read},
};

/// As much as the engine asks for at once.
const ROOM_LEN: usize = 1 << 20;

fn main() -> io::Result<()> {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_unpacked = arguments.first().is_some_and(|first| first == "--unpack");
    let path = arguments.pop().unwrap_or_default();
    let file = BufReader::with_capacity(256 << 10, File::open(path)?);
    let mut room = vec![0; ROOM_LEN];
    let n_bytes = if is_unpacked {
        unpack(file, &mut room)
    } else {
        decode(file, &mut room)?
    };
    // So that nothing is left out as unused.
    assert!(n_bytes > 0, "an empty file");
    Ok(())
}

fn decode(file: BufReader<File>, room: &mut [u8]) -> io::Result<u64> {
    let mut decoder = MultiGzDecoder::new(file);
    let mut n_bytes = 0;
    loop {
        match decoder.read(room)? {
            0 => return Ok(n_bytes),
            n => n_bytes += n as u64,
        }
    }
}

fn unpack(file: BufReader<File>, room: &mut [u8]) -> u64 {
    let mut unpacker = Unpacker::new(Box::new(file), Limits::default());
    let mut n_bytes = 0;
    loop {
        match unpacker.next(room) {
            Item::Bytes(n) => n_bytes += n as u64,
            Item::End => return n_bytes,
            _ => {}
        }
    }
}

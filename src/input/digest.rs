//! SHA-256 of stored bytes, computed while they are read.

use sha2::{Digest as _, Sha256};
use std::{
    io::{self, BufRead, Read},
    sync::{Arc, Mutex, PoisonError},
};

/// A reader that digests what is taken from it.
#[derive(Debug)]
pub struct Digesting<R> {
    inner: R,
    digest: Digest,
}

/// The digest so far; shared with its [`Digesting`].
#[derive(Clone, Debug, Default)]
pub struct Digest(Arc<Mutex<(Sha256, u64)>>);

impl<R: BufRead> Digesting<R> {
    pub fn new(inner: R) -> (Digesting<R>, Digest) {
        let digest = Digest::default();
        let shared = digest.clone();
        (Digesting { inner, digest }, shared)
    }

    /// The reader itself, from which nothing is digested any more.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl Digest {
    pub(super) fn update(&self, bytes: &[u8]) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.update(bytes);
        state.1 += bytes.len() as u64;
    }

    /// Bytes digested.
    pub fn len(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The digest in hexadecimal.
    pub fn finish(&self) -> String {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        hex(&state.0.clone().finalize())
    }
}

/// SHA-256 of `bytes`, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl<R: BufRead> Read for Digesting<R> {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(room)?;
        self.digest.update(&room[..n]);
        Ok(n)
    }
}

impl<R: BufRead> BufRead for Digesting<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, n: usize) {
        // What is consumed was lent just before, so it is there without reading.
        if let Ok(lent) = self.inner.fill_buf() {
            self.digest.update(&lent[..n.min(lent.len())]);
        }
        self.inner.consume(n);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_way_bytes_are_taken() {
        let text: Vec<u8> = (0..10_000u32).map(|n| (n % 251) as u8).collect();
        let (mut reader, digest) = Digesting::new(io::BufReader::with_capacity(97, &text[..]));
        let mut out = vec![0; 1000];
        reader.read_exact(&mut out).expect("memory");
        reader.fill_buf().expect("memory");
        reader.consume(5);
        io::copy(&mut reader, &mut io::sink()).expect("memory");
        assert_eq!((digest.len(), digest.finish()), (10_000, sha256(&text)));
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(sha256(b""), empty);
    }
}

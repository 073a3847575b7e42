//! The client: what it asks, and what it saw.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    thread,
    time::Duration,
};

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Get,
    /// A POST with a body of so many bytes.
    Post(usize),
    /// A GET whose client goes away after so many milliseconds.
    Leave(u64),
    /// A POST whose client goes away before its body is sent.
    LeaveSending,
}

/// A request on its way.
pub(super) struct Letter {
    pub(super) tag: u32,
    pub(super) uri: String,
    /// What a fake is told to do; empty: nothing.
    pub(super) deed: &'static str,
    pub(super) way: Way,
}

/// The client left before it was answered.
pub(super) const LEFT: u16 = 499;

/// No status came, or something that is no HTTP.
pub(super) const NO_STATUS: u16 = 0;

/// One request on a connection of its own; the status that came.
pub(super) fn ask(port: u16, letter: &Letter) -> u16 {
    let answer = || -> io::Result<u16> {
        let mut stream = connect(port)?;
        stream.write_all(letter.head("close").as_bytes())?;
        match letter.way {
            Way::Leave(ms) => {
                thread::sleep(Duration::from_millis(ms));
                return Ok(LEFT);
            }
            Way::LeaveSending => {
                stream.write_all(&[b'x'; 100])?;
                thread::sleep(Duration::from_millis(200));
                return Ok(NO_STATUS);
            }
            Way::Post(len) => {
                // The gateway may answer, and close, before it has all.
                stream.write_all(&vec![b'x'; len]).ok();
            }
            Way::Get => {}
        }
        let mut stream = BufReader::new(stream);
        let status = read_status(&mut stream)?;
        io::copy(&mut stream.take(64 << 20), &mut io::sink()).ok();
        Ok(status)
    };
    answer().unwrap_or(NO_STATUS)
}

/// Requests on one connection, one after the other; or all at once, before the first answer is read.
pub(super) fn talk(port: u16, letters: &[Letter], is_pipelined: bool) -> Vec<u16> {
    let mut seen = Vec::new();
    let mut answers = || -> io::Result<()> {
        let stream = connect(port)?;
        let mut answers = BufReader::new(stream.try_clone()?);
        let mut send = |letter: &Letter| {
            let body_len = letter.body_len();
            (&stream).write_all(letter.head("keep-alive").as_bytes())?;
            (&stream).write_all(&vec![b'x'; body_len])
        };
        if is_pipelined {
            letters.iter().try_for_each(&mut send)?;
        }
        for letter in letters {
            if !is_pipelined {
                send(letter)?;
            }
            seen.push(read_answer(&mut answers)?);
        }
        Ok(())
    };
    answers().ok();
    seen.resize(letters.len(), NO_STATUS);
    seen
}

impl Letter {
    fn body_len(&self) -> usize {
        match self.way {
            Way::Post(len) => len,
            Way::LeaveSending => 1_000_000,
            _ => 0,
        }
    }

    fn head(&self, connection: &str) -> String {
        let (tag, uri) = (self.tag, &self.uri);
        let (method, length) = match self.body_len() {
            0 => ("GET", String::new()),
            len => ("POST", format!("Content-Length: {len}\r\n")),
        };
        let deed = match self.deed {
            "" => String::new(),
            deed => format!("X-Do: {deed}\r\n"),
        };
        format!(
            "{method} {uri} HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: tag-{tag}.\r\nConnection: {connection}\r\n{deed}{length}\r\n"
        )
    }
}

fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    stream.set_write_timeout(Some(Duration::from_secs(10)))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn read_status(stream: &mut impl BufRead) -> io::Result<u16> {
    let mut line = Vec::new();
    stream.by_ref().take(1_000).read_until(b'\n', &mut line)?;
    let line = String::from_utf8_lossy(&line);
    let status = line
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    Ok(status.unwrap_or(NO_STATUS))
}

/// One whole answer of a connection that stays open.
fn read_answer(stream: &mut impl BufRead) -> io::Result<u16> {
    let status = read_status(stream)?;
    let mut n_body = 0;
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", len)) => n_body = len.parse().map_err(io::Error::other)?,
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    io::copy(&mut stream.take(n_body), &mut io::sink())?;
    Ok(status)
}

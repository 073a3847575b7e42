//! The client: what it asks, and what it saw. HTTP/1.1 is spoken here, HTTP/2 by `curl`.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Way {
    Get,
    /// A POST with a body of so many bytes.
    Post(usize),
    /// A GET whose client has more patience than a minute.
    Wait,
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
            Way::Wait => stream.set_read_timeout(Some(Duration::from_secs(90)))?,
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

/// Whether there is a `curl` that speaks HTTP/2 without TLS, of several requests at once.
pub(super) fn has_http2() -> bool {
    let version = Command::new("curl").arg("--version").output();
    version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(" HTTP2"))
}

/// Requests as streams of one connection, all at once; each GETs.
pub(super) fn streams(port: u16, letters: &[Letter]) -> Vec<u16> {
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-Z",
        "--http2-prior-knowledge",
        "--parallel-max",
        "100",
    ]);
    for (n, letter) in letters.iter().enumerate() {
        let limit = match letter.way {
            Way::Leave(ms) => format!("{}.{:03}", ms / 1_000, ms % 1_000),
            _ => "15".to_owned(),
        };
        if n > 0 {
            curl.arg("--next");
        }
        if !letter.deed.is_empty() {
            curl.args(["-H", &format!("X-Do: {}", letter.deed)]);
        }
        curl.args([
            "-H",
            "Host: shop.example",
            "-A",
            &format!("tag-{}.", letter.tag),
        ]);
        curl.args([
            "-o",
            "/dev/null",
            "-w",
            &format!("{n} %{{http_code}}\n"),
            "-m",
            &limit,
        ]);
        curl.arg(format!("http://{HTTP2_HOST}:{port}{}", letter.uri));
    }
    let output = curl.stdin(Stdio::null()).output().expect("curl is there");
    let mut seen = vec![NO_STATUS; letters.len()];
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some((n, status)) = line.split_once(' ')
            && let (Ok(n), Ok(status)) = (n.parse::<usize>(), status.parse())
        {
            seen[n] = match (letters[n].way, status) {
                (Way::Leave(_), 0) => LEFT,
                _ => status,
            };
        }
    }
    seen
}

/// Where gateways speak HTTP/2, at the port of their HTTP/1.1.
pub(super) const HTTP2_HOST: &str = "127.0.0.2";

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

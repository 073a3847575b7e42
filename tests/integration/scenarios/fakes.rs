//! Fake upstreams, and their account of what they did to whom.
//!
//! Requests carry a tag in `User-Agent`, which every protocol of nginx passes on (`HTTP_USER_AGENT` in FastCGI, uwsgi and SCGI), and
//! `X-Do` tells a fake that has no manner of its own what to do.

use crate::real_nginx::wait_until;
use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream, UdpSocket},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// What a fake does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Answer(u16),
    /// Answers and leaves the connection open; closes it without a word when it is used again.
    AnswerOnce,
    /// Answers, and closes the connection soon after, before it is used again.
    AnswerIdle,
    /// Asks the gateway to serve `/-hidden` instead.
    Accel,
    BadChunk,
    BadHeader,
    BigHeader,
    Close,
    /// Closes the connection without a word after [`LATE`].
    CloseLate,
    /// Takes no byte.
    Deaf,
    /// Answers a little at a time, for as long as [`LATE`].
    Drip,
    HalfThenClose,
    HalfThenSilent,
    /// Of a protocol that begins with these bytes.
    Raw(&'static [u8]),
    Reset,
    Silent,
}

impl Deed {
    /// As `X-Do` tells it.
    pub(super) fn of(name: &str) -> Deed {
        match name {
            "once" => Deed::AnswerOnce,
            "idle" => Deed::AnswerIdle,
            "accel" => Deed::Accel,
            "bad-chunk" => Deed::BadChunk,
            "bad-header" => Deed::BadHeader,
            "big-header" => Deed::BigHeader,
            "close" => Deed::Close,
            "half" => Deed::HalfThenClose,
            "half-silent" => Deed::HalfThenSilent,
            "reset" => Deed::Reset,
            "silent" => Deed::Silent,
            status => Deed::Answer(status.parse().expect("a deed or a status")),
        }
    }

    /// What coroner should call it; empty: it is no failure, or not told by the deed alone.
    pub(super) fn category(self) -> &'static str {
        match self {
            Deed::Answer(500..) => "upstream-5xx",
            Deed::Answer(_)
            | Deed::AnswerOnce
            | Deed::AnswerIdle
            | Deed::Accel
            | Deed::Drip
            | Deed::Raw(_) => "",
            Deed::BadChunk | Deed::BadHeader => "invalid-response",
            Deed::BigHeader => "buffer",
            Deed::Close | Deed::CloseLate | Deed::HalfThenClose => "premature-close",
            Deed::Reset => "reset",
            Deed::Deaf | Deed::Silent | Deed::HalfThenSilent => "timeout",
        }
    }
}

/// A fake that did something to a request.
#[derive(Clone, Debug)]
pub(super) struct Done {
    pub(super) tag: u32,
    pub(super) address: String,
    pub(super) deed: Deed,
}

/// Fakes that run until they are dropped.
#[derive(Default)]
pub(super) struct Fakes {
    done: Arc<Mutex<Vec<Done>>>,
    stop: Arc<AtomicBool>,
    doors: Vec<(String, JoinHandle<()>)>,
}

impl Fakes {
    /// One on a port of its own; without a manner it does what requests tell.
    pub(super) fn open(&mut self, manner: Option<Deed>) -> String {
        let door = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = door.local_addr().expect("a bound socket").to_string();
        let (stop, done) = (Arc::clone(&self.stop), Arc::clone(&self.done));
        let name = address.clone();
        let serve_all = move || {
            for stream in door.incoming().flatten() {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let fake = Fake {
                    address: name.clone(),
                    manner,
                    done: Arc::clone(&done),
                    stop: Arc::clone(&stop),
                };
                // A peer that went away first is no concern of the fake's.
                thread::spawn(move || fake.serve(stream).ok());
            }
        };
        self.doors.push((address.clone(), thread::spawn(serve_all)));
        address
    }

    /// A name server that knows no name.
    pub(super) fn open_resolver(&mut self) -> String {
        let door = UdpSocket::bind("127.0.0.1:0").expect("a free loopback port");
        let limit = Duration::from_millis(100);
        door.set_read_timeout(Some(limit)).expect("not zero");
        let address = door.local_addr().expect("a bound socket").to_string();
        let stop = Arc::clone(&self.stop);
        let serve = move || {
            let mut packet = [0; 512];
            while !stop.load(Ordering::Relaxed) {
                if let Ok((n, peer)) = door.recv_from(&mut packet) {
                    // An answer, recursion available: there is no such name (RFC 1035, 4.1.1).
                    (packet[2], packet[3]) = (packet[2] | 0x80, 0x83);
                    door.send_to(&packet[..n], peer).ok();
                }
            }
        };
        self.doors.push((address.clone(), thread::spawn(serve)));
        address
    }

    /// What was done to the request of `tag`, in order.
    pub(super) fn to(&self, tag: u32) -> Vec<Done> {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let is_to = |done: &&Done| done.tag == tag;
        done.iter().filter(is_to).cloned().collect()
    }
}

impl Drop for Fakes {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for (address, thread) in self.doors.drain(..) {
            TcpStream::connect(&address).ok();
            thread.join().ok();
        }
    }
}

struct Fake {
    address: String,
    manner: Option<Deed>,
    done: Arc<Mutex<Vec<Done>>>,
    stop: Arc<AtomicBool>,
}

impl Fake {
    /// One connection.
    fn serve(&self, mut stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(8)))?;
        stream.set_write_timeout(Some(Duration::from_secs(8)))?;
        stream.set_nodelay(true)?;
        if self.manner == Some(Deed::Deaf) {
            let mut head = [0; 4096];
            let n = stream.peek(&mut head)?;
            self.note(&head[..n], Deed::Deaf);
            wait_until(Duration::from_secs(8), || self.stop.load(Ordering::Relaxed));
            return Ok(());
        }
        let mut is_used = false;
        loop {
            let head = self.read_head(&mut stream)?;
            if head.is_empty() {
                return Ok(());
            }
            // HTTP/2 has names in small letters.
            let told = after(&head, b"X-Do: ").or_else(|| after(&head, b"x-do: "));
            let told = told.map(|name| Deed::of(&name));
            let deed = self.manner.or(told).unwrap_or(Deed::Answer(200));
            if deed == Deed::AnswerOnce && is_used {
                self.note(&head, Deed::Close);
                return Ok(());
            }
            self.note(&head, deed);
            is_used = true;
            match deed {
                Deed::AnswerOnce => stream.write_all(KEPT)?,
                Deed::AnswerIdle => {
                    stream.write_all(KEPT)?;
                    thread::sleep(Duration::from_millis(100));
                    return Ok(());
                }
                Deed::Drip => return self.drip(&mut stream),
                Deed::CloseLate => {
                    wait_until(LATE, || self.stop.load(Ordering::Relaxed));
                    return Ok(());
                }
                _ => return act(&mut stream, deed),
            }
        }
    }

    fn drip(&self, stream: &mut TcpStream) -> io::Result<()> {
        stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
        let end = Instant::now() + LATE;
        while Instant::now() < end && !self.stop.load(Ordering::Relaxed) {
            stream.write_all(b"drop\n")?;
            thread::sleep(Duration::from_millis(200));
        }
        Ok(())
    }

    /// Up to the end of the header, or what comes first of another protocol.
    fn read_head(&self, stream: &mut TcpStream) -> io::Result<Vec<u8>> {
        let (mut head, mut part) = (Vec::new(), [0; 4096]);
        loop {
            let n = stream.read(&mut part)?;
            head.extend_from_slice(&part[..n]);
            let is_raw = matches!(self.manner, Some(Deed::Raw(_) | Deed::Close | Deed::Silent));
            let is_over = head.windows(4).any(|four| four == b"\r\n\r\n");
            if n == 0 || is_raw || is_over {
                return Ok(head);
            }
        }
    }

    fn note(&self, head: &[u8], deed: Deed) {
        let digits = after(head, b"tag-").unwrap_or_default();
        if let Ok(tag) = digits.parse() {
            let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
            done.push(Done {
                tag,
                address: self.address.clone(),
                deed,
            });
        }
    }
}

/// Longer than any time of nginx is by default.
const LATE: Duration = Duration::from_secs(62);

const KEPT: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n";

fn act(stream: &mut TcpStream, deed: Deed) -> io::Result<()> {
    let own = |status: u16, lines: &str, body: &str| {
        let len = body.len();
        format!(
            "HTTP/1.1 {status} Told\r\n{lines}Content-Length: {len}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    let half = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nabc";
    let text = match deed {
        Deed::Answer(status) => own(status, "", "told\n"),
        Deed::Accel => own(200, "X-Accel-Redirect: /-hidden\r\n", ""),
        Deed::BadChunk => {
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n".to_owned()
        }
        Deed::BadHeader => own(200, "Bad\0Name: 1\r\n", ""),
        Deed::BigHeader => own(200, &format!("Set-Cookie: {}\r\n", "x".repeat(20_000)), ""),
        Deed::HalfThenClose | Deed::HalfThenSilent => half.to_owned(),
        _ => String::new(),
    };
    stream.write_all(text.as_bytes())?;
    match deed {
        Deed::Raw(bytes) => stream.write_all(bytes)?,
        Deed::Silent | Deed::HalfThenSilent => {
            io::copy(stream, &mut io::sink())?;
            return Ok(());
        }
        Deed::Reset => {
            // What is still unread at the close makes it a reset.
            await_more(stream)?;
            return Ok(());
        }
        _ => {}
    }
    stream.shutdown(Shutdown::Write)?;
    io::copy(stream, &mut io::sink())?;
    Ok(())
}

/// Waits until something that is not read lies in the queue.
fn await_more(stream: &TcpStream) -> io::Result<()> {
    let end = Instant::now() + Duration::from_secs(5);
    stream.set_read_timeout(Some(Duration::from_millis(50)))?;
    while Instant::now() < end {
        match stream.peek(&mut [0]) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// The word behind `label`.
fn after(bytes: &[u8], label: &[u8]) -> Option<String> {
    let at = bytes.windows(label.len()).position(|part| part == label)?;
    let word = bytes[at + label.len()..].iter();
    let word = word.take_while(|b| b.is_ascii_alphanumeric() || **b == b'-');
    Some(word.map(|b| char::from(*b)).collect())
}

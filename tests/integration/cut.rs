//! Upstreams that nginx cut off with the end of a record, against a real nginx: the access log tells them, and the table says so.

use crate::{
    real_nginx::{Gateway, ONE_RUN, TempDir, find_or_skip, worker_user},
    support::{Rows, run, stdout},
};
use std::{
    io::{self, Read, Write},
    net::TcpStream,
    path::Path,
    sync::PoisonError,
    time::Duration,
};

const FORMAT: &str = r#"$remote_addr [$time_local] "$request" $status $body_bytes_sent rt=$request_time c=$connection ua="$upstream_addr" us="$upstream_status" urt="$upstream_response_time""#;

/// Nobody listens there.
const CLOSED: [&str; 2] = ["127.0.0.1:1", "127.0.0.1:2"];

fn config(dir: &Path, port: u16) -> String {
    let user = worker_user(dir).map_or(String::new(), |user| format!("user {user};\n"));
    let dir = dir.display();
    let [even, odd] = CLOSED;
    format!(
        r"{user}daemon off; master_process on; worker_processes 1;
pid {dir}/nginx.pid; lock_file {dir}/nginx.lock; error_log {dir}/error.log info;
events {{ worker_connections 512; }}
http {{
 client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3;
 uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
 log_format cut '{FORMAT}'; access_log {dir}/access.log cut; large_client_header_buffers 4 16k;
 server {{ listen 127.0.0.1:{port}; server_name shop.example;
  location /even/ {{ proxy_pass http://{even}; }} location /odd/ {{ proxy_pass http://{odd}; }} }} }}
"
    )
}

fn ask(port: u16, uri: &str) -> io::Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(Duration::from_secs(8)))?;
    let head = format!("GET {uri} HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

#[test]
fn upstreams_that_a_cut_took_are_told_by_the_access_log() {
    let Some(nginx) = find_or_skip() else { return };
    let _one_run = ONE_RUN.lock().unwrap_or_else(PoisonError::into_inner);
    let files = TempDir::create();
    let dir = &files.0;
    let mut gateway = Gateway::start(&nginx, dir, |port| config(dir, port), None);
    let lens: Vec<usize> = (1_700..=2_300).step_by(12).collect();
    for (n, len) in lens.iter().enumerate() {
        let start = ["/even/", "/odd/"][n % 2];
        ask(gateway.port, &format!("{start:x<len$}")).expect("an answer");
    }
    gateway.stop();
    let export = |logs: &[&str]| {
        let more = ["--table", "events", "--log-format", FORMAT];
        let arguments = [&["export"], logs, &more].concat();
        Rows::parse(&stdout(&run(dir, &arguments)))
    };
    let both = export(&["error.log", "access.log"]);
    let is_refused = |rows: &Rows, row: usize| rows.get(row, "category") == "refused";
    let refused: Vec<usize> = (0..both.len())
        .filter(|&row| is_refused(&both, row))
        .collect();
    assert_eq!(refused.len(), lens.len());
    let mut n_repaired = 0;
    for (n, &row) in refused.iter().enumerate() {
        let get = |column| both.get(row, column);
        let upstream = (get("upstream"), get("upstream_basis"), get("trust"));
        match upstream {
            (name, "error-log", "confirmed" | "cut") => assert_eq!(name, CLOSED[n % 2], "{n}"),
            (name, "access-log", "cut") => {
                assert_eq!(name, CLOSED[n % 2], "{n}");
                n_repaired += 1;
            }
            _ => panic!("{n}: {upstream:?}"),
        }
    }
    assert!(n_repaired > lens.len() / 2, "{n_repaired}");
    // Without the access log they are unknown, and no other is taken for them.
    let alone = export(&["error.log"]);
    let unknown = |row: &usize| {
        let told = (
            alone.get(*row, "upstream"),
            alone.get(*row, "upstream_basis"),
        );
        is_refused(&alone, *row) && told == ("", "")
    };
    assert_eq!((0..alone.len()).filter(unknown).count(), n_repaired);
}

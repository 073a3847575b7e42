//! Audit logs beside error logs: what SELinux and AppArmor denied explains errno 13, if it is the same port or socket at the same time.

use crate::{
    findings_held::{findings, rule},
    support::{Rows, run, status, stderr, stdout},
};
use serde_json::Value;
use std::fs;

/// From a public bug report: both are of one second, and of one process.
const ERROR: &str = "2015/01/14 22:32:42 [crit] 5642#0: *1 connect() to 127.0.0.1:8081 failed (13: Permission denied) while connecting to upstream, client: 10.0.2.2, server: nexus-berkshelf, request: \"GET /nexus HTTP/1.1\", upstream: \"http://127.0.0.1:8081/nexus\", host: \"localhost:8443\"\n";
const AVC: &str = "type=AVC msg=audit(1421274762.358:1081): avc:  denied  { name_connect } for  pid=5642 comm=\"nginx\" dest=8081 scontext=unconfined_u:system_r:httpd_t:s0 tcontext=system_u:object_r:transproxy_port_t:s0 tclass=tcp_socket\n";

/// The finding of `wanted` about these two logs; without an audit log if that is empty.
fn finding(wanted: &str, error_log: &str, audit_log: &str) -> Value {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    fs::write(path.join("error.log"), error_log).expect("written");
    let mut logs = vec!["error.log"];
    if !audit_log.is_empty() {
        fs::write(path.join("audit.log"), audit_log).expect("written");
        logs.push("audit.log");
    }
    let all = findings(path, &logs, &[]);
    let found = all.iter().find(|finding| rule(finding) == wanted);
    found.unwrap_or_else(|| panic!("{all:#?}")).clone()
}

/// How sure, in which words, and whether the denial is evidence.
fn check(finding: &Value, confidence: &str, texts: &[&str], cites_audit: bool) {
    assert_eq!(finding["confidence"], confidence, "{finding:#?}");
    let told = finding.to_string();
    for text in texts {
        assert!(told.contains(text), "{text} is not in {finding:#?}");
    }
    assert_eq!(told.contains("audit.log:1@0"), cites_audit, "{finding:#?}");
}

#[test]
fn a_denial_of_the_same_second_and_port_is_proof() {
    let alone = finding("connect-forbidden", ERROR, "");
    check(&alone, "likely", &["SELinux, most likely"], false);
    let proven = finding("connect-forbidden", ERROR, AVC);
    check(
        &proven,
        "certain",
        &[
            "SELinux forbids nginx to connect to 127.0.0.1:8081",
            "SELinux denied name_connect on port 8081 (transproxy_port_t) to nginx, process 5642 in domain httpd_t",
            "semanage port -m -t http_port_t -p tcp 8081",
        ],
        true,
    );
}

#[test]
fn near_misses_prove_nothing() {
    // Another port is another cause.
    let other = AVC.replace("dest=8081", "dest=8082");
    let none = finding("connect-forbidden", ERROR, &other);
    check(&none, "possible", &["has no denial of it"], false);
    let of_php = AVC.replace("comm=\"nginx\"", "comm=\"php-fpm\"");
    check(
        &finding("connect-forbidden", ERROR, &of_php),
        "possible",
        &["has no denial of it"],
        false,
    );
    let hours_later = AVC.replace("1421274762", "1421284762");
    check(
        &finding("connect-forbidden", ERROR, &hours_later),
        "likely",
        &["of another time"],
        true,
    );
    let only_written = AVC.replace("tcp_socket", "tcp_socket permissive=1");
    check(
        &finding("connect-forbidden", ERROR, &only_written),
        "possible",
        &["forbade nothing"],
        true,
    );
}

#[test]
fn the_type_of_the_port_tells_the_boolean() {
    for (target, boolean) in [
        ("http_cache_port_t", "httpd_can_network_relay"),
        ("postgresql_port_t", "httpd_can_network_connect_db"),
        ("redis_port_t", "httpd_can_network_redis"),
    ] {
        let avc = AVC.replace("transproxy_port_t", target);
        let proven = finding("connect-forbidden", ERROR, &avc);
        let want = format!("setsebool -P {boolean} 1");
        check(&proven, "certain", &[&want], true);
    }
    let in_container = AVC.replace("httpd_t", "container_t");
    check(
        &finding("connect-forbidden", ERROR, &in_container),
        "certain",
        &["booleans of httpd do nothing"],
        true,
    );
}

#[test]
fn sockets_are_met_by_path_or_name() {
    let error = ERROR
        .replace(
            "http://127.0.0.1:8081/nexus",
            "http://unix:/run/app/app.sock:/nexus",
        )
        .replace("127.0.0.1:8081", "unix:/run/app/app.sock");
    let alone = finding("socket-forbidden", &error, "");
    check(&alone, "certain", &["owner or mode"], false);
    let write = AVC
        .replace("name_connect", "write")
        .replace("dest=8081", "name=\"app.sock\" dev=\"vda1\" ino=1180273")
        .replace("tcp_socket", "sock_file permissive=0");
    check(
        &finding("socket-forbidden", &error, &write),
        "certain",
        &["SELinux forbids nginx", "httpd_var_run_t"],
        true,
    );
    let apparmor = "Feb 26 14:35:22 web kernel: [12.1] audit: type=1400 audit(1421274763.003:45): apparmor=\"DENIED\" operation=\"connect\" profile=\"/usr/sbin/nginx\" name=\"/run/app/app.sock\" pid=5642 comm=\"nginx\" requested_mask=\"wr\" denied_mask=\"wr\" fsuid=33 ouid=0\n";
    check(
        &finding("socket-forbidden", &error, apparmor),
        "certain",
        &[
            "AppArmor forbids nginx to connect",
            "/run/app/app.sock rw,",
            "apparmor_parser -r",
        ],
        true,
    );
}

/// What takes SELinux out of the way as the failures end speaks for it; the sample `selinux-denied` has the proof, answers that follow.
#[test]
fn a_switch_that_ends_the_failures_speaks_for_it() {
    let errors = ERROR.repeat(3);
    let switch = |second: u32| {
        let second = 1_421_274_720 + second;
        format!(
            "type=MAC_STATUS msg=audit({second}.100:99): enforcing=0 old_enforcing=1 auid=0 ses=2\n"
        )
    };
    // Without any denial: `dontaudit`.
    let open = finding("connect-forbidden", &errors, &switch(45));
    let ends = "They end as SELinux was set to permissive at 22:32:45 (setenforce 0), which speaks for it and mends nothing";
    let stands = "nothing in this audit log sets it back";
    check(&open, "likely", &[ends, stands], true);
    let boolean = "type=MAC_CONFIG_CHANGE msg=audit(1421274765.100:99): bool=httpd_can_network_connect val=1 old_val=0 auid=0 ses=2\n";
    let set = finding("connect-forbidden", &errors, boolean);
    let ends = "They end as httpd_can_network_connect=1 was set at 22:32:45, which speaks for it.";
    check(&set, "likely", &[ends], true);
    // Before the failures, or long after them, it ended nothing; nor where they go on.
    let on = format!("{errors}{}", errors.replace("22:32:42", "22:32:52"));
    for (errors, second) in [(&errors, 2), (&errors, 59), (&on, 45)] {
        let still = finding("connect-forbidden", errors, &switch(second));
        assert!(
            !still.to_string().contains("They end"),
            "{second}: {still:#?}"
        );
    }
}

/// An audit log is a source like others: accounted for to the last line, and no failure comes of it.
#[test]
fn an_audit_log_is_accounted_for() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path();
    let log = format!(
        "----\ntime->Wed Jan 14 22:32:42 2015\n{AVC}type=SYSCALL msg=audit(1421274762.358:1081): arch=c000003e syscall=42 success=no exit=-13\n\nJan 14 22:32:43 web cron[7]: nothing\n"
    )
    .repeat(200);
    fs::write(path.join("audit.log"), &log).expect("written");
    fs::write(path.join("error.log"), ERROR).expect("written");
    let export = |flags: &[&str]| {
        let arguments = ["export", "-q", "--tz", "UTC", "error.log", "audit.log"];
        let output = run(path, &[&arguments[..], flags].concat());
        assert_eq!(status(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    let rows = Rows::parse(&export(&["--table", "sources"]));
    let row = (0..rows.len()).find(|&row| rows.get(row, "source") == "audit.log");
    let of = |column| rows.get(row.expect("it is a source"), column);
    assert_eq!(of("kind"), "audit");
    assert_eq!(of("first_time"), "2015-01-14T22:32:42Z");
    assert_eq!(of("last_time"), "2015-01-14T22:32:42Z");
    assert_eq!(of("n_lines"), "1200");
    assert_eq!(of("n_records"), "800");
    assert_eq!(of("n_unparsed"), "200");
    for table in ["findings", "failures", "sources"] {
        let whole = export(&["--table", table]);
        for more in [["--chunk-size", "300"], ["--threads", "3"]] {
            assert_eq!(
                export(&[&["--table", table], &more[..]].concat()),
                whole,
                "{table}"
            );
        }
    }
    assert_eq!(Rows::parse(&export(&[])).sum("n_events"), 1);
}

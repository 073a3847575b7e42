//! One case for each row of what nginx does on each failure, as nginx 1.22.1 wrote it where it could be made to, and near misses.

use super::*;

/// A line like `502 ua="a:1" us="502" …`; fields not named are not in the format.
fn line(text: &str) -> AccessLine<'_> {
    let mut line = AccessLine::default();
    let (status, mut rest) = text.split_once(' ').unwrap_or((text, ""));
    line.set(Field::Status, (status != "?").then_some(status.as_bytes()));
    while let Some((name, value)) = rest.split_once("=\"") {
        let (value, after) = value.split_once('"').expect("a closing quote");
        let field = match name {
            "ua" => Field::UpstreamAddr,
            "us" => Field::UpstreamStatus,
            "urt" => Field::UpstreamResponseTime,
            "uct" => Field::UpstreamConnectTime,
            "uht" => Field::UpstreamHeaderTime,
            "url" => Field::UpstreamResponseLength,
            "ubr" => Field::UpstreamBytesReceived,
            "cache" => Field::CacheStatus,
            "done" => Field::Completion,
            "protocol" => Field::StreamProtocol,
            _ => panic!("{name}"),
        };
        line.set(field, Some(value.as_bytes()));
        rest = after.trim_start();
    }
    line
}

/// `category phase severity origin reason`, or `fine`.
fn show(verdict: Option<Verdict>) -> String {
    let Some(v) = verdict else {
        return "fine".to_owned();
    };
    let reason = v
        .reason
        .map_or(String::new(), |reason| format!(" {reason:?}"));
    assert_eq!(v.reason.is_some(), v.category == Category::Other);
    format!(
        "{} {} {} {:?}{reason}",
        v.category, v.phase, v.severity, v.origin
    )
}

/// Of the line, its request (with the origin, if it is fine) and its attempts.
fn told(text: &str, escape: Escape) -> (String, Vec<String>) {
    let mut attempts = Vec::new();
    let request = classify_request(&line(text), escape, |_, verdict| {
        attempts.push(show(verdict))
    });
    assert_eq!(request.n_attempts as usize, attempts.len());
    let shown = match request.verdict {
        None => format!("fine {:?}", request.origin),
        verdict => show(verdict),
    };
    (shown, attempts)
}

/// Checks the request's verdict, and those of its attempts.
fn check(text: &str, request: &str, attempts: &[&str]) {
    let got = told(text, Escape::Default);
    assert_eq!(
        (got.0.as_str(), got.1),
        (request, attempts.iter().map(|&a| a.to_owned()).collect()),
        "{text}"
    );
}

/// The request's verdict is that of its only attempt.
fn check_one(text: &str, both: &str) {
    check(text, both, &[both]);
}

const CONNECT_FAILED: &str = "other connect failure Gateway ConnectFailed";
const CONNECT_TIMEOUT: &str = "timeout connect failure Gateway";
const HEADER_TIMEOUT: &str = "timeout header failure Gateway";
const PASSED: &str = "upstream-5xx none failure Upstream";

#[test]
fn no_connection() {
    // Refused; unreachable, forbidden, no socket, full backlog, no ports; timed out by the kernel; TLS failed.
    check_one(
        r#"502 ua="127.0.0.1:9990" us="502" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        CONNECT_FAILED,
    );
    check_one(
        r#"502 ua="unix:/run/nope.sock" us="502" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        CONNECT_FAILED,
    );
    check_one(
        r#"502 ua="10.0.0.1:80" us="502" uct="-" uht="-" urt="127.200" ubr="0" url="0""#,
        CONNECT_FAILED,
    );
    check_one(
        r#"502 ua="127.0.0.1:9302" us="502" uct="-" uht="-" urt="0.004" ubr="0" url="0""#,
        CONNECT_FAILED,
    );
    check_one(r#"502 ua="10.0.0.1:80" uct="-""#, CONNECT_FAILED);
    // The gateway's timer, for TCP or TLS.
    check_one(
        r#"504 ua="127.0.0.1:9200" us="504" uct="-" uht="-" urt="1.001" ubr="0" url="0""#,
        CONNECT_TIMEOUT,
    );
    check_one(
        r#"504 ua="127.0.0.1:9001" us="504" uct="-" uht="-" urt="1.006""#,
        CONNECT_TIMEOUT,
    );
    // Near misses: an old version that wrote no times; times that are not in the format.
    check_one(
        r#"502 ua="10.0.0.1:80" us="502" uct="-" uht="-" urt="-""#,
        "other none failure Unknown NotLogged",
    );
    check_one(
        r#"502 ua="10.0.0.1:80" us="502" uct="-" uht="-" urt="1454401763.592""#,
        "other none failure Unknown NotLogged",
    );
    check_one(
        r#"502 ua="10.0.0.1:80" us="502" urt="0.000""#,
        "other none failure Unknown NotLogged",
    );
    check_one(
        r#"504 ua="10.0.0.1:80" us="504" urt="60.000""#,
        "timeout none failure Unknown",
    );
    check_one(
        r#"504 ua="10.0.0.1:80" us="504" uht="-""#,
        "timeout none failure Gateway",
    );
}

#[test]
fn no_header() {
    check_one(
        r#"504 ua="127.0.0.1:9004" us="504" uct="0.000" uht="-" urt="1.001" ubr="0" url="0""#,
        HEADER_TIMEOUT,
    );
    // Send timed out: the same fields.
    check_one(
        r#"504 ua="127.0.0.1:9020" us="504" uct="0.002" uht="-" urt="1.030" ubr="0" url="0""#,
        HEADER_TIMEOUT,
    );
    // Closed, or reset.
    check_one(
        r#"502 ua="127.0.0.1:9002" us="502" uct="0.001" uht="-" urt="0.001" ubr="0" url="0""#,
        "other header failure Gateway ClosedBeforeHeader",
    );
    // Too big, or invalid: a closed connection is not excluded.
    for received in ["4096", "34"] {
        check_one(
            &format!(
                r#"502 ua="127.0.0.1:9008" us="502" uct="0.000" uht="-" urt="0.000" ubr="{received}" url="0""#
            ),
            "other header failure Gateway NoHeader",
        );
    }
    check_one(
        r#"502 ua="a:1" us="502" uct="0.000" uht="-""#,
        "other header failure Gateway NoHeader",
    );
    check_one(
        r#"502 ua="a:1" us="502" uht="-""#,
        "other none failure Gateway NotLogged",
    );
    check_one(
        r#"502 ua="a:1" us="502" uct="0.000""#,
        "other none failure Unknown NotLogged",
    );
    check_one(
        r#"502 ua="a:1" us="502" uct="0.000" ubr="0""#,
        "other header failure Gateway ClosedBeforeHeader",
    );
    check_one(
        r#"502 ua="a:1" us="502" ubr="4096" uht="-""#,
        "other header failure Gateway NoHeader",
    );
}

#[test]
fn answers_of_another_protocol() {
    let banner = "invalid-response header failure Upstream";
    check_one(
        r#"009 ua="127.0.0.1:9009" us="200" uct="0.000" uht="0.000" urt="0.000" ubr="16" url="16""#,
        banner,
    );
    check_one(r#"009 ua="127.0.0.1:9009""#, banner);
    check(
        r#"009 ua="-" us="-" uct="-" uht="-" urt="-""#,
        "other none other Gateway NoAnswer",
        &[],
    );
    check("009", "other none failure Unknown NotLogged", &[]);
    check(r#"200 ua="a:1" us="200""#, "fine Upstream", &["fine"]);
    check(
        r#"999 ua="127.0.0.1:9030" us="999" uct="0.000" uht="0.000" urt="0.000""#,
        "fine Upstream",
        &["fine"],
    );
}

#[test]
fn failures_in_the_body_show_only_in_the_completion() {
    let cut = "other body other Unknown AnswerCut";
    let body =
        r#"200 ua="127.0.0.1:9005" us="200" uct="0.000" uht="0.004" urt="0.004" ubr="44" url="3""#;
    check(body, "fine Upstream", &["fine"]);
    check(&format!("{body} done=\"\""), cut, &["fine"]);
    check(&format!("{body} done=\"OK\""), "fine Upstream", &["fine"]);
    check(r#"206 ua="-" us="-" urt="-" done="-""#, cut, &[]);
    check(
        r#"101 ua="a:1" us="101" uct="0.000" uht="0.001" urt="9.000" done="""#,
        "fine Upstream",
        &["fine"],
    );
    check(
        r#"404 ua="a:1" us="404" uct="0.000" uht="0.001" urt="9.000" done="""#,
        "fine Upstream",
        &["fine"],
    );
}

#[test]
fn no_peer() {
    let no_live = "no-live-upstreams connect failure Gateway";
    check_one(
        r#"502 ua="backend" us="502" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        no_live,
    );
    check_one(r#"502 ua="backend""#, no_live);
    check(
        r#"502 ua="10.0.0.1:80, backend" us="502, 502" uct="-, -" uht="-, -" urt="0.000, 0.000""#,
        no_live,
        &[CONNECT_FAILED, no_live],
    );
    // Near misses: an address without a port (some other program wrote it), which answered.
    check(r#"200 ua="10.x.x.x" us="200""#, "fine Upstream", &["fine"]);
    check(r#"200 ua="10.x.x.x""#, "fine Unknown", &["fine"]);
    check_one(
        r#"502 ua="10.x.x.x" us="502" uct="0.000" uht="0.001" urt="0.001""#,
        PASSED,
    );
    check(r#"404 ua="backend""#, "fine Unknown", &["fine"]);

    let local = "resource-exhausted connect failure Gateway";
    check_one(
        r#"500 ua="" us="-" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        local,
    );
    check(r#"500 ua="""#, local, &[]);
    check(
        r#"502 ua="""#,
        "other connect failure Gateway NoStatus",
        &[],
    );
    check(
        r#"200 ua=" : a:1" us="- : 200" urt="0.000 : 0.001""#,
        "fine Upstream",
        &["other connect failure Gateway NoStatus", "fine"],
    );
    // In JSON an empty address may be none.
    assert_eq!(
        told(r#"500 ua="" us="" urt="""#, Escape::Json).0,
        "other none failure Gateway InternalOrAuth"
    );
    assert_eq!(
        told(r#"500 ua="" us="" urt="0.000""#, Escape::Json).0,
        local
    );
    assert_eq!(
        told(r#"500 ua="" us="""#, Escape::Json).0,
        "other none failure Unknown NotLogged"
    );
    assert_eq!(
        told(r#"502 ua="" us="""#, Escape::Json).0,
        "other none failure Gateway DnsOrReturn"
    );
}

#[test]
fn no_upstream_tried() {
    let none = r#"ua="-" us="-" uct="-" uht="-" urt="-" ubr="-" url="-""#;
    for (status, want) in [
        ("502", "other none failure Gateway DnsOrReturn"),
        ("500", "other none failure Gateway InternalOrAuth"), // bad address, rewrite cycle, auth_request
        ("503", "other none other Gateway LimitOrReturn"),
        ("429", "other none other Gateway LimitOrReturn"),
        ("504", "other none failure Gateway Returned"),
        ("505", "client-error client client Gateway"),
        ("400", "client-error client client Gateway"), // 494 to 497, too
        ("413", "client-error client client Gateway"),
        ("401", "access-denied none client Gateway"),
        ("403", "other none client Gateway DeniedOrFile"),
        ("408", "client-abort client client Gateway"),
        ("499", "client-abort none client Gateway"),
        ("000", "other none other Gateway NoAnswer"),
        ("404", "fine Gateway"),
        ("444", "fine Gateway"),
        ("200", "fine Gateway"),
    ] {
        check(&format!("{status} {none}"), want, &[]);
        check(&format!("{status} ua=\"-\""), want, &[]);
        check(&format!("{status} urt=\"-\""), want, &[]);
    }
    // Near misses: where no upstream is in the format, it may have been the upstream's answer.
    for (status, want) in [
        ("500", "other none failure Unknown NotLogged"),
        ("502", "other none failure Unknown NotLogged"),
        ("503", "other none other Unknown NotLogged"),
        ("504", "other none failure Unknown NotLogged"),
        ("400", "fine Unknown"),
        ("401", "fine Unknown"),
        ("429", "fine Unknown"),
        ("200", "fine Unknown"),
        ("499", "client-abort none client Gateway"),
        ("?", "fine Unknown"),
    ] {
        check(status, want, &[]);
        check(&format!("{status} us=\"-\""), want, &[]);
    }
}

#[test]
fn clients_that_went_away() {
    check_one(
        r#"499 ua="127.0.0.1:9004" us="-" uct="0.000" uht="-" urt="0.400" ubr="0" url="0""#,
        "client-abort header client Gateway",
    );
    check_one(
        r#"499 ua="127.0.0.1:9200" us="-" uct="-" uht="-" urt="0.400" ubr="0" url="0""#,
        "client-abort connect client Gateway",
    );
    check_one(
        r#"499 ua="127.0.0.1:9200" us="-" uct="-" uht="-" urt="-""#,
        "client-abort none client Gateway",
    );
    check_one(
        r#"499 ua="127.0.0.1:9200" urt="0.400""#,
        "client-abort none client Gateway",
    );
    check(
        r#"499 ua="a:1, b:2" us="504, -" uct="0.000, 0.000" uht="-, -" urt="60.001, 3.000""#,
        "client-abort header client Gateway",
        &[HEADER_TIMEOUT, "client-abort header client Gateway"],
    );
    // `proxy_ignore_client_abort on`.
    check_one(
        r#"504 ua="127.0.0.1:9004" us="504" uct="0.000" uht="-" urt="1.000""#,
        HEADER_TIMEOUT,
    );
}

#[test]
fn retries_mask_failures_of_the_request_alone() {
    check(
        r#"200 ua="127.0.0.1:9990, 127.0.0.1:9001" us="502, 200" uct="-, 0.000" uht="-, 0.005" urt="0.000, 0.005" ubr="0, 60" url="0, 3""#,
        "fine Upstream",
        &[CONNECT_FAILED, "fine"],
    );
    let race = "other header failure Gateway KeepaliveRace";
    check(
        r#"200 ua="127.0.0.1:9023, 127.0.0.1:9023" us="502, 200" uct="0.000, 0.001" uht="-, 0.001" urt="0.000, 0.001" ubr="0, 65" url="0, 3""#,
        "fine Upstream",
        &[race, "fine"],
    );
    // Near misses: another peer; no connection; another pass; a POST is not tried again.
    check(
        r#"200 ua="a:1, a:2" us="502, 200" uct="0.000, 0.001" uht="-, 0.001" ubr="0, 65""#,
        "fine Upstream",
        &["other header failure Gateway ClosedBeforeHeader", "fine"],
    );
    check(
        r#"200 ua="a:1, a:1" us="502, 200" uct="-, 0.001" uht="-, 0.001""#,
        "fine Upstream",
        &[CONNECT_FAILED, "fine"],
    );
    check(
        r#"200 ua="a:1 : a:1" us="502 : 200" uct="0.000 : 0.001" uht="- : 0.001""#,
        "fine Upstream",
        &["other header failure Gateway NoHeader", "fine"],
    );
    check_one(
        r#"502 ua="127.0.0.1:9023" us="502" uct="0.000" uht="-" urt="0.000" ubr="0" url="0""#,
        "other header failure Gateway ClosedBeforeHeader",
    );
    check(
        r#"502 ua="127.0.0.1:9011, 127.0.0.1:9019" us="503, 502" uct="0.000, 0.001" uht="0.003, 0.005" urt="0.003, 0.005" ubr="57, 49" url="0, 2""#,
        PASSED,
        &[PASSED, PASSED],
    );
    check(
        r#"504 ua="127.0.0.1:9004, 127.0.0.1:9104" us="504, 504" uct="0.000, 0.001" uht="-, -" urt="1.001, 1.002""#,
        HEADER_TIMEOUT,
        &[HEADER_TIMEOUT, HEADER_TIMEOUT],
    );
    // Where no status of attempts is in the format, a retry still tells that the first failed.
    check(
        r#"200 ua="a:1, b:2" uct="-, 0.000""#,
        "fine Unknown",
        &["other connect failure Gateway Retried", "fine"],
    );
    check(
        r#"200 ua="a:1, b:2""#,
        "fine Unknown",
        &["other none failure Unknown Retried", "fine"],
    );
    check(r#"200 ua="a:1 : b:2""#, "fine Unknown", &["fine", "fine"]);
    // `proxy_next_upstream http_404`.
    check(
        r#"200 ua="a:1, b:2" us="404, 200""#,
        "fine Upstream",
        &["fine", "fine"],
    );
    // Lists that do not fit are unknown.
    check(
        r#"502 ua="a:1, b:2" us="502, 502" uct="-" uht="-, -""#,
        "other none failure Gateway NotLogged",
        &[
            "other none failure Gateway NotLogged",
            "other none failure Gateway NotLogged",
        ],
    );
}

#[test]
fn internal_redirects() {
    check(
        r#"200 ua="127.0.0.1:9991, 127.0.0.1:9990 : 127.0.0.1:9001" us="502, 502 : 200" uct="-, - : 0.000" uht="-, - : 0.002" urt="0.000, 0.001 : 0.002""#,
        "fine Upstream",
        &[CONNECT_FAILED, CONNECT_FAILED, "fine"],
    );
    check_one(
        r#"502 ua="127.0.0.1:9990 : " us="502 : " uct="- : " uht="- : " urt="0.000 : " ubr="0 : " url="0 : ""#,
        CONNECT_FAILED,
    );
    check(
        r#"502 ua="127.0.0.1:9018 : 127.0.0.1:9990" us="200 : 502" uct="0.001 : -" uht="0.001 : -" urt="0.001 : 0.000""#,
        CONNECT_FAILED,
        &["fine", CONNECT_FAILED],
    );
}

#[test]
fn the_cache() {
    check(
        r#"502 ua="-" us="-" uct="-" uht="-" urt="-" cache="HIT""#,
        "other none failure Unknown Cached",
        &[],
    );
    check(
        r#"502 ua="-" us="-" uct="-" uht="-" urt="-" cache="MISS""#,
        "other none failure Gateway DnsOrReturn",
        &[],
    );
    check(
        r#"200 ua="-" us="-" uct="-" uht="-" urt="-" cache="HIT""#,
        "fine Unknown",
        &[],
    );
    check(
        r#"200 ua="127.0.0.1:9403" us="502" uct="-" uht="-" urt="0.000" cache="STALE""#,
        "fine Gateway",
        &[CONNECT_FAILED],
    );
}

#[test]
fn what_the_upstream_answered() {
    check_one(
        r#"500 ua="127.0.0.1:9101" us="500" uct="0.000" uht="0.000" urt="0.000" ubr="221" url="24""#,
        PASSED,
    );
    check_one(r#"503 ua="a:1" us="503""#, PASSED);
    check_one(
        r#"502 ua="a:1" us="502" uct="0.000" uht="0.003" urt="0.003""#,
        PASSED,
    );
    check_one(
        r#"504 ua="a:1" us="504" uct="0.000" uht="29.000" urt="29.001""#,
        PASSED,
    );
    check_one(r#"502 ua="a:1" us="502" url="17""#, PASSED); // bytes of a body came
    check_one(r#"500 ua="a:1" uht="0.003""#, PASSED);
    check(
        r#"401 ua="127.0.0.1:9012" us="401" uct="0.001" uht="0.001" urt="0.001""#,
        "fine Upstream",
        &["fine"],
    );
    check(
        r#"413 ua="127.0.0.1:9026" us="413" uct="0.000" uht="0.000" urt="0.000""#,
        "fine Upstream",
        &["fine"],
    );
    // Near misses.
    check_one(r#"500 ua="a:1""#, "other none failure Unknown NotLogged");
    check_one(
        r#"500 ua="a:1" uht="-""#,
        "other none failure Gateway AfterUpstream",
    );
    check(
        r#"500 ua="a:1" us="200" uct="0.000" uht="0.001""#,
        "other none failure Gateway AfterUpstream",
        &["fine"],
    );
    check_one(
        r#"502 ua="a:1" us="502" url="0""#,
        "other none failure Unknown NotLogged",
    );
    check_one(
        r#"502 ua="a:1" us="-" urt="0.001""#,
        "other none failure Gateway NoStatus",
    );
}

#[test]
fn error_pages() {
    check(
        r#"200 ua="127.0.0.1:9011" us="503" uct="0.000" uht="0.003" urt="0.003" ubr="57" url="0""#,
        "fine Gateway",
        &[PASSED],
    );
    // The page itself is missing.
    check(
        r#"404 ua="127.0.0.1:9990" us="502" uct="-" uht="-" urt="0.000""#,
        CONNECT_FAILED,
        &[CONNECT_FAILED],
    );
    check(
        r#"500 ua="a:1" us="503" uct="0.000" uht="0.003""#,
        "upstream-5xx none failure Gateway",
        &[PASSED],
    );
    check(
        r#"404 ua="a:1" us="404" uct="0.000" uht="0.003""#,
        "fine Upstream",
        &["fine"],
    );
    check(
        r#"404 ua="a:1" us="200" uct="0.000" uht="0.003""#,
        "fine Gateway",
        &["fine"],
    ); // X-Accel-Redirect to nowhere
}

#[test]
fn sessions() {
    for (text, request, attempts) in [
        (
            r#"200 protocol="TCP" ua="10.0.0.7:5432" uct="0.001""#,
            "fine Gateway",
            vec!["fine"],
        ),
        (
            r#"502 protocol="TCP" ua="10.0.0.7:5432" uct="-""#,
            CONNECT_FAILED,
            vec![CONNECT_FAILED],
        ),
        (
            r#"502 protocol="TCP" ua="10.0.0.7:5432""#,
            CONNECT_FAILED,
            vec![CONNECT_FAILED],
        ),
        (
            r#"502 protocol="TCP" ua="db" uct="-""#,
            "no-live-upstreams connect failure Gateway",
            vec!["no-live-upstreams connect failure Gateway"],
        ),
        (
            r#"200 protocol="TCP" ua="10.0.0.7:5432, 10.0.0.8:5432" uct="-, 0.001""#,
            "fine Gateway",
            vec![CONNECT_FAILED, "fine"],
        ),
        (
            r#"502 protocol="TCP" ua="a:1" uct="0.001""#,
            "other none failure Gateway AfterUpstream",
            vec!["other none failure Gateway AfterUpstream"],
        ),
        (
            r#"500 protocol="TCP" ua="-" uct="-""#,
            "other none failure Gateway DnsOrReturn",
            vec![],
        ),
        (
            r#"500 protocol="TCP" ua="" uct="-""#,
            "resource-exhausted connect failure Gateway",
            vec![],
        ),
        (r#"502 protocol="UDP""#, CONNECT_FAILED, vec![]),
        (
            r#"503 protocol="TCP""#,
            "rate-limited none client Gateway",
            vec![],
        ),
        (
            r#"403 protocol="TCP""#,
            "access-denied none client Gateway",
            vec![],
        ),
        (
            r#"400 protocol="TCP""#,
            "client-error client client Gateway",
            vec![],
        ),
        (r#"200 protocol="TCP""#, "fine Gateway", vec![]),
    ] {
        check(text, request, &attempts);
    }
}

#[test]
fn rows_of_requests() {
    for (text, is_row) in [
        (r#"200 ua="a:1" us="200""#, false),
        ("200", false),
        (r#"404 ua="-" urt="-""#, false),
        (r#"403 ua="-" urt="-""#, false),
        ("500", true),
        ("503", true),
        ("499", true),
        ("498", false),
        (r#"009 ua="a:1" us="200" uht="0.000""#, true),
        (r#"200 ua="a:1, b:2" us="404, 200""#, true),
        (r#"200 ua="a:1 : b:2" us="200 : 200""#, true),
        (r#"200 ua="a:1" us="200" done="""#, true),
        (r#"200 ua="a:1" us="200" done="OK""#, false),
        (r#"200 ua="a:1" us="502" uct="-" cache="STALE""#, true),
        (r#"404 ua="a:1" us="502" uct="-""#, true),
        (r#"404 ua="a:1" us="404""#, false),
    ] {
        let request = classify_request(&line(text), Escape::Default, |_, _| {});
        assert_eq!(request.is_row(), is_row, "{text}");
    }
}

/// Whatever the fields hold, leaving some out must not turn one category into another, but for `other` and `timeout`, which may
/// gain or lose what they rest on.
#[test]
fn missing_fields_make_nothing_up() {
    const FULL: &[&str] = &[
        r#"ua="a:1" us="502" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        r#"ua="a:1" us="502" uct="0.001" uht="-" urt="0.001" ubr="0" url="0""#,
        r#"ua="a:1" us="502" uct="0.001" uht="0.002" urt="0.003" ubr="90" url="9""#,
        r#"ua="a:1" us="504" uct="-" uht="-" urt="60.001" ubr="0" url="0""#,
        r#"ua="a:1" us="504" uct="0.001" uht="-" urt="60.001" ubr="0" url="0""#,
        r#"ua="a:1" us="504" uct="0.001" uht="0.002" urt="0.003" ubr="90" url="9""#,
        r#"ua="grp" us="502" uct="-" uht="-" urt="0.000" ubr="0" url="0""#,
        r#"ua="-" us="-" uct="-" uht="-" urt="-" ubr="-" url="-""#,
    ];
    for full in FULL {
        let status = if full.contains("504") { "504" } else { "502" };
        let whole = classify_request(
            &line(&format!("{status} {full}")),
            Escape::Default,
            |_, _| {},
        );
        let parts: Vec<&str> = full.split(' ').collect();
        for kept in 0..1 << parts.len() {
            let some: Vec<&str> = parts
                .iter()
                .enumerate()
                .filter(|(at, _)| kept >> at & 1 == 1)
                .map(|(_, part)| *part)
                .collect();
            let text = format!("{status} {}", some.join(" "));
            let part = classify_request(&line(text.trim_end()), Escape::Default, |_, _| {});
            let (Some(whole), Some(part)) = (whole.verdict, part.verdict) else {
                panic!("{text}");
            };
            let is_open = matches!(part.category, Category::Other | Category::Timeout);
            assert!(
                is_open || part.category == whole.category,
                "{text}: {part:?}"
            );
            assert!(
                part.origin == Origin::Unknown || part.origin == whole.origin,
                "{text}: {part:?}"
            );
        }
    }
}

//! Requests that go on for more than a minute after one of their tries failed: the record stands at the failure, the line of the
//! request at its end.

use super::{
    Found,
    client::LEFT,
    fakes::Deed,
    world::{Ask, What, World, why},
};
use crate::real_nginx::{Gateway, TempDir, find_or_skip};

/// Beside the other tests of nginx, and for no longer than its one minute: it does nothing but wait.
#[test]
fn a_failure_early_in_a_long_request_is_told() {
    let Some(nginx) = find_or_skip() else { return };
    let files = TempDir::create();
    let dir = files.0.join("long");
    let mut world = World::create(&dir);
    let (silent, dripping) = (world.fake(Deed::Silent), world.fake(Deed::Drip));
    let (dead, late) = (world.closed(), world.fake(Deed::CloseLate));
    let server = |peer: &str, more: &str| format!("server {peer} max_fails=0 {more};");
    for (name, first, second) in [("streamed", &silent, &dripping), ("cut", &dead, &late)] {
        world.group(name, &(server(first, "") + &server(second, "backup")));
    }
    let told = "proxy_read_timeout 1s; proxy_buffering off;";
    world.location("streamed", &format!("proxy_pass http://streamed; {told}"));
    world.location("cut", "proxy_pass http://cut; proxy_read_timeout 90s;");
    world.location(
        "left",
        &format!("proxy_pass http://{late}; proxy_read_timeout 90s;"),
    );
    world.ask(Ask::new(
        "streamed",
        What::Wait,
        200,
        why("timeout", &silent),
    ));
    world.ask(Ask::new(
        "cut",
        What::Wait,
        502,
        why("premature-close", &late),
    ));
    world.ask(Ask::new(
        "left",
        What::Leave(61_500),
        LEFT,
        why("client-abort", &late),
    ));
    // By so many the zone is told.
    world.location("refused", &format!("proxy_pass http://{dead};"));
    for _ in 0..9 {
        world.ask(Ask::new("refused", What::Get, 502, why("refused", &dead)));
    }
    let config = |port| world.config(port, "info", 2, 1_024);
    let mut gateway = Gateway::start(&nginx, &dir, config, Some("XXX-5:45"));
    let made = world.drive(gateway.port);
    gateway.stop();
    let mut complaints = Vec::new();
    for log in ["numbered.log", "plain.log", "late.log"] {
        let found = Found::read(&dir, log);
        for made in &made {
            let told: Vec<String> = found
                .by_tag
                .get(&made.tag)
                .into_iter()
                .flatten()
                .map(|told| {
                    let by = match told.confidence.as_str() {
                        "exact" | "strong" => "a record",
                        other => other,
                    };
                    format!(
                        "{} {} at {} by {by}",
                        told.status, told.category, told.upstream
                    )
                })
                .collect();
            let (category, upstream) = &made.why;
            let want = format!("{} {category} at {upstream} by a record", made.saw);
            if !made.has_happened() || told != [want.as_str()] {
                complaints.push(format!("{log}: {}: {told:?} instead of {want}", made.uri));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

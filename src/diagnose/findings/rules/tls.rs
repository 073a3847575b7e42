//! TLS toward the upstream.

use super::{Certainty, Draft, Facts, Told, by_upstream, capital, n_events, name, upstream_name};
use crate::{
    config::lint::Advice,
    diagnose::findings::observed::Symptom,
    event::Category,
    words::{grouped, plural},
};

const VERIFY: [&str; 2] = [
    "http-upstream-ssl-certificate-verify-error",
    "stream-upstream-ssl-certificate-verify-error",
];
const NAME: [&str; 2] = [
    "http-upstream-ssl-certificate-does-not-match",
    "stream-upstream-ssl-certificate-does-not-match",
];
const SNI: [&str; 1] = ["x-tls-unrecognized-name"];
/// A plain-text port is a matter of protocol.
const PLAIN: &str = "x-tls-wrong-version";

struct Words {
    title: String,
    why: String,
    advice: Vec<String>,
    changes: Vec<Advice>,
}

fn each(
    facts: &Facts<'_>,
    told: &mut Told,
    is_it: impl Fn(&Symptom) -> bool,
    words: impl Fn(&str, &[&Symptom]) -> Words,
) {
    let symptoms = facts
        .failures(Category::Tls)
        .filter(|symptom| is_it(symptom));
    for (upstream, symptoms) in by_upstream(symptoms) {
        let shown = upstream_name(upstream);
        let draft = facts.draft(&shown, &symptoms);
        let n = n_events(&symptoms);
        let words = words(&shown, &symptoms);
        told.push(Draft {
            certainty: Certainty::Certain,
            title: words.title,
            claim: format!(
                "{} TLS {} with {shown} failed {}. {} {}.",
                grouped(n),
                plural(n, "handshake"),
                facts.during(draft.first, draft.last),
                words.why,
                capital(&facts.toll(&draft))
            ),
            advice: words.advice,
            changes: words.changes,
            commands: upstream.map_or_else(Vec::new, |upstream| {
                let shown = name(upstream);
                vec![
                    format!("openssl s_client -connect {shown} -servername NAME -showcerts </dev/null (NAME: what proxy_ssl_name says)"),
                    format!("openssl s_client -connect {shown} </dev/null 2>/dev/null | openssl x509 -noout -subject -issuer -dates -ext subjectAltName"),
                ]
            }),
            ..draft
        });
    }
}

/// What stands in the parentheses of `verify error: (10:certificate has expired)`: number and words.
fn verify_error(sample: &[u8]) -> Option<(u32, String)> {
    let start = sample.iter().position(|&b| b == b'(')? + 1;
    let rest = &sample[start..];
    let end = rest.iter().position(|&b| b == b')')?;
    let (number, words) = std::str::from_utf8(&rest[..end]).ok()?.split_once(':')?;
    Some((number.parse().ok()?, name(words.as_bytes())))
}

pub(super) fn verify(facts: &Facts<'_>, told: &mut Told) {
    each(
        facts,
        told,
        |symptom| VERIFY.contains(&symptom.signature),
        |shown, symptoms| {
            let error = symptoms
                .iter()
                .find_map(|symptom| verify_error(&symptom.sample));
            let (number, what) = error.unwrap_or((0, "it does not verify".to_owned()));
            let why = match number {
                10 => {
                    "It was valid until the first of these: all gateways fail at that second, and a renewed certificate ends it."
                }
                18..=21 => {
                    "nginx does not know who signed it: proxy_ssl_trusted_certificate lacks that issuer, or the backend sends its certificate without the intermediate ones."
                }
                22 => "The chain is longer than proxy_ssl_verify_depth allows, 1 by default.",
                _ => "",
            };
            Words {
            title: format!("nginx does not accept the certificate of {shown}: {what}"),
            why: format!("The certificate does not verify ({number}: {what}). {why}").trim_end().to_owned(),
            advice: match number {
                22 => vec!["Raise the depth by the number of authorities between the certificate and the one that is trusted; that one stands in proxy_ssl_trusted_certificate.".to_owned()],
                10 => vec!["Renew the certificate on the backend and let it read it; watch the date of expiry from now on.".to_owned()],
                _ => vec!["Put the issuer's certificate into proxy_ssl_trusted_certificate, or let the backend send the whole chain. proxy_ssl_verify off, which is the default, hides it and accepts anyone.".to_owned()],
            },
            changes: match number {
                22 => vec![Advice {
                    directive: "proxy_ssl_verify_depth".to_owned(),
                    context: "location".to_owned(),
                    value: "2".to_owned(),
                }],
                10 => vec![],
                _ => vec![Advice {
                    directive: "proxy_ssl_trusted_certificate".to_owned(),
                    context: "location".to_owned(),
                    value: "PATH".to_owned(),
                }],
            },
        }
        },
    );
}

pub(super) fn name_mismatch(facts: &Facts<'_>, told: &mut Told) {
    each(
        facts,
        told,
        |symptom| NAME.contains(&symptom.signature),
        |shown, _| {
            Words {
        title: format!("the certificate of {shown} is for another name"),
        why: "nginx compares it with proxy_ssl_name, which is $proxy_host where nothing is written: the name of the upstream block, not of the host.".to_owned(),
        advice: vec!["Write the name that the certificate is for (NAME below). proxy_ssl_server_name on alone is not enough: it then tells the name of the group.".to_owned()],
        changes: sni(),
    }
        },
    );
}

pub(super) fn unknown_name(facts: &Facts<'_>, told: &mut Told) {
    each(
        facts,
        told,
        |symptom| SNI.contains(&symptom.signature),
        |shown, _| {
            Words {
        title: format!("{shown} does not know the server name that nginx tells it"),
        why: "It answered the handshake with `unrecognized name`: nginx told no name (proxy_ssl_server_name is off by default), or that of the upstream block.".to_owned(),
        advice: vec!["Tell the name, and the right one (NAME below): proxy_ssl_server_name on and proxy_ssl_name, and the same as Host.".to_owned()],
        changes: sni(),
    }
        },
    );
}

fn sni() -> Vec<Advice> {
    let advice = |directive: &str, value: &str| Advice {
        directive: directive.to_owned(),
        context: "location".to_owned(),
        value: value.to_owned(),
    };
    vec![
        advice("proxy_ssl_server_name", "on"),
        advice("proxy_ssl_name", "NAME"),
        advice("proxy_set_header", "Host NAME"),
    ]
}

pub(super) fn handshake(facts: &Facts<'_>, told: &mut Told) {
    let is_other = |symptom: &Symptom| {
        let known = VERIFY.iter().chain(&NAME).chain(&SNI);
        !known
            .into_iter()
            .any(|signature| *signature == symptom.signature)
            && symptom.signature != PLAIN
    };
    each(facts, told, is_other, |shown, symptoms| {
        let most = symptoms.iter().max_by_key(|symptom| symptom.n_events);
        let (why, set) = most.map_or((NO_ALERT, &[][..]), |symptom| refusal(symptom));
        let changes = set.iter().map(|&(directive, value)| Advice {
            directive: directive.to_owned(),
            context: "location".to_owned(),
            value: value.to_owned(),
        });
        Words {
            title: format!("no TLS handshake with {shown}"),
            why: why.to_owned(),
            advice: vec!["Try the handshake by hand, with and without the server name, and compare protocols, ciphers and whether a client certificate is asked for (proxy_ssl_certificate).".to_owned()],
            changes: changes.collect(),
        }
    });
}

const NO_ALERT: &str = "The evidence quotes the words of OpenSSL.";

/// Alerts of TLS (RFC 8446, 6.2) that peers refuse a handshake with: the number as OpenSSL ends its words with it, what it says, and what
/// to write.
#[rustfmt::skip]
const ALERTS: &[(&str, &str, Changes)] = &[
    ("alert number 40", "The peer refused (alert 40): no cipher in common, a client certificate that it wants, or a server name that it does not know.", &[]),
    ("alert number 42", "The peer did not take the certificate that nginx sent (alert 42), or wants one and got none.", CLIENT_CERTIFICATE),
    ("alert number 44", "The certificate that nginx sends was revoked (alert 44).", CLIENT_CERTIFICATE),
    ("alert number 45", "The certificate that nginx sends has expired (alert 45).", CLIENT_CERTIFICATE),
    ("alert number 46", "The peer does not know the certificate that nginx sends (alert 46).", CLIENT_CERTIFICATE),
    ("alert number 48", "The peer does not know who signed the certificate that nginx sends (alert 48).", CLIENT_CERTIFICATE),
    ("alert number 70", "The peer refused the version: proxy_ssl_protocols (TLSv1.2 TLSv1.3 by default) and what it speaks have nothing in common.", VERSIONS),
    ("alert number 71", "The peer wants stronger ciphers or parameters than nginx offers (alert 71).", &[("proxy_ssl_ciphers", "DEFAULT")]),
    ("alert number 116", "The peer asks for a client certificate and nginx sends none (alert 116).", CLIENT_CERTIFICATE),
    ("unsupported protocol", "The peer speaks a version that proxy_ssl_protocols (TLSv1.2 TLSv1.3 by default) or OpenSSL's own policy does not allow.", VERSIONS),
];

/// Directives of a location, and their values.
type Changes = &'static [(&'static str, &'static str)];

const CLIENT_CERTIFICATE: Changes = &[
    ("proxy_ssl_certificate", "PATH"),
    ("proxy_ssl_certificate_key", "PATH"),
];

const VERSIONS: Changes = &[("proxy_ssl_protocols", "TLSv1.2 TLSv1.3")];

/// Why the peer refused, and what to write; nothing where that depends.
fn refusal(symptom: &Symptom) -> (&'static str, Changes) {
    if symptom.signature == "x-tls-peer-closed" {
        let closed = "The peer closed the connection in the middle: a balancer or filter before it that wants a server name, or overload.";
        return (closed, &[]);
    }
    let said = String::from_utf8_lossy(&symptom.sample);
    let known = ALERTS.iter().find(|(words, ..)| {
        let behind = said.split(words).nth(1);
        behind.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    known.map_or((NO_ALERT, &[]), |&(_, why, set)| (why, set))
}

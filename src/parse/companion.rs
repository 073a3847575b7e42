//! Lines of what runs beside nginx in its containers and writes to the same stream: the start scripts of the image
//! (`docker-entrypoint.sh` of docker-nginx), and the controller of ingress-nginx, by klog and by its banner; and what programs that show
//! logs print between their lines. They are no records, and no reason to take a log for one of another format.

use super::head::fits;

/// Whether `text` is a line of one of them.
pub fn is_companion(text: &[u8]) -> bool {
    is_of_start_script(text) || is_klog(text) || is_banner(text) || is_remark(text)
}

/// What `journalctl`, `tail`, `grep -A` and stern print between lines.
pub(super) fn is_remark(text: &[u8]) -> bool {
    const STARTS: [&[u8]; 4] = [b"-- ", b"==> ", b"+ ", b"Hint: "];
    text == b"--" || STARTS.iter().any(|start| text.starts_with(start))
}

fn is_of_start_script(text: &[u8]) -> bool {
    let script = text.split(|byte| *byte == b':').next().unwrap_or_default();
    let is_step = || {
        script.starts_with(b"/docker-entrypoint.d/")
            || matches!(script, [tens, ones, b'-', ..] if tens.is_ascii_digit() && ones.is_ascii_digit())
    };
    let is_script = script.ends_with(b".sh") || script.ends_with(b".envsh");
    is_script && (script.ends_with(b"docker-entrypoint.sh") || is_step())
}

/// `I1120 11:24:48.123456       7 controller.go:190] …`
fn is_klog(text: &[u8]) -> bool {
    let word = |at: usize| {
        let bytes = text.get(at..)?.first_chunk()?;
        Some(u64::from_le_bytes(*bytes))
    };
    let fits = |at: usize, shape: &[u8; 8]| word(at).is_some_and(|word| fits(word, shape));
    matches!(text.first(), Some(b'I' | b'W' | b'E' | b'F'))
        && fits(1, b"0000 00:")
        && fits(9, b"00:00.00")
        && fits(13, b"0.000000")
}

/// `cmd/nginx/main.go` of ingress-nginx prints it at the start (`version.String`).
fn is_banner(text: &[u8]) -> bool {
    const FIELDS: [&[u8]; 4] = [b"Release:", b"Build:", b"Repository:", b"nginx version:"];
    let text = text.trim_ascii();
    let is_rule = text.len() > 9 && text.iter().all(|byte| *byte == b'-');
    is_rule
        || text == b"NGINX Ingress controller"
        || FIELDS.iter().any(|field| text.starts_with(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn companions_are_told_from_requests_and_records() {
        for line in [
            "/docker-entrypoint.sh: Configuration complete; ready for start up",
            "10-listen-on-ipv6-by-default.sh: info: Enabled listen on IPv6 in /etc/nginx/conf.d/default.conf",
            "/docker-entrypoint.d/15-local-resolvers.envsh: line 3: x",
            "I1120 11:24:48.123456       7 controller.go:190] \"Configuration changes detected\"",
            "-------------------------------------------------------------------------------",
            "  Release:       v1.9.4",
            "NGINX Ingress controller",
            "--",
            "==> /var/log/nginx/access.log <==",
        ] {
            assert!(is_companion(line.as_bytes()), "{line}");
        }
        for line in [
            "192.0.2.1 - - [20/Nov/2026:11:29:47 +0000] \"GET /docker-entrypoint.sh: HTTP/1.1\" 502 157",
            "2026/11/20 11:24:48 [error] 7#7: *1 x.sh: y",
            "10.0.0.1 a.sh: b",
            "I1120 11:24:48 up",
            "-",
            "",
        ] {
            assert!(!is_companion(line.as_bytes()), "{line}");
        }
    }
}

//! What the page may do: nothing but apply its own style and run its own script, known by their digests.

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

/// The style sheet, as it stands in the page.
pub(super) const STYLE: &str = include_str!("page.css");

/// Comfort only: sorted tables, numbers under the pointer.
pub(super) const SCRIPT: &str = include_str!("page.js");

/// The content security policy. It holds even if a text of a log were markup: no request, no other script, style, frame or form.
pub(super) fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; base-uri 'none'; form-action 'none'",
        digest(STYLE),
        digest(SCRIPT)
    )
}

/// As `Content-Security-Policy` names a text between two tags.
fn digest(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_those_of_the_standard() {
        // The example of Content Security Policy Level 3, section 7.6.
        assert_eq!(
            digest("doSomething();"),
            "sha256-RFWPLDbv2BY+rCkDzsE+0fr8ylGr2R2faWMhq4lfEQc="
        );
    }

    #[test]
    fn nothing_ends_the_elements_they_stand_in() {
        assert!(!STYLE.contains("</") && !SCRIPT.contains("</") && !SCRIPT.contains("<!--"));
        assert!(!STYLE.contains("url(http") && !STYLE.contains("@import"));
        assert!(!SCRIPT.contains("innerHTML") && !SCRIPT.contains("eval"));
    }
}

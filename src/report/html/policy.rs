//! What the page allows itself: its own style and its own script, told by their digests, and nothing from anywhere.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

/// The content security policy of a page with this style and this script. Whatever else got into it would do nothing.
pub(super) fn policy(style: &str, script: &str) -> String {
    let source = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; style-src {}; script-src {}; base-uri 'none'; form-action 'none'",
        source(style),
        source(script)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_told_by_their_digests() {
        // The digest of the specification's example, `alert('Hello, world.');`.
        let policy = policy("", "alert('Hello, world.');");
        let script = "script-src 'sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=';";
        assert!(policy.contains(script), "{policy}");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-47DEQpj8HBSa+/TImW+5JC"));
    }
}

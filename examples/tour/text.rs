//! What a page says: its words, and the pages it points to.

use std::collections::BTreeMap;

/// How often each word occurs: runs of letters and digits, in lower case.
pub(crate) fn words(text: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    let is_gap = |c: char| !c.is_alphanumeric();
    for word in text.split(is_gap).filter(|word| !word.is_empty()) {
        *counts.entry(word.to_lowercase()).or_insert(0) += 1;
    }
    counts
}

/// The absolute paths of this server that a page at `base` points to, each once.
pub(crate) fn links(base: &str, content_type: &str, text: &str) -> Vec<String> {
    let (opening, closing) = match content_type {
        it if it.starts_with("text/html") => ("href=\"", '"'),
        it if it.starts_with("text/markdown") => ("](", ')'),
        _ => return vec![],
    };
    let mut links: Vec<_> = text
        .split(opening)
        .skip(1)
        .filter_map(|rest| rest.split_once(closing))
        .filter_map(|(target, _)| resolve(base, target))
        .collect();
    links.sort_unstable();
    links.dedup();
    links
}

/// `target` as seen from the page `base`; `None` if it leads elsewhere.
fn resolve(base: &str, target: &str) -> Option<String> {
    let target = target.split(['#', '?']).next()?;
    // A scheme, another host, nothing, or not a link after all.
    if target.is_empty()
        || target.contains(':')
        || target.starts_with("//")
        || target.contains(char::is_whitespace)
    {
        return None;
    }
    let folder = match target.starts_with('/') {
        true => "",
        false => base.rsplit_once('/')?.0,
    };
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    let (path, is_folder) = match target.strip_suffix('/') {
        Some(path) => (path, true),
        None => (target, matches!(target.rsplit('/').next(), Some("." | ".."))),
    };
    for part in path.split('/') {
        match part {
            "" | "." => (),
            // Above the root there is nothing.
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let end = if is_folder && !parts.is_empty() { "/" } else { "" };
    Some(format!("/{}{end}", parts.join("/")))
}

/// `name` as it may stand in a path: what is not plain becomes `%xx`.
pub(crate) fn encode(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

/// What [`encode`] undoes. `None`: not an encoding of UTF-8.
pub(crate) fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((byte, more)) = rest.split_first() {
        rest = more;
        if *byte != b'%' {
            decoded.push(*byte);
            continue;
        }
        let (digits, more) = rest.split_at_checked(2)?;
        let digits = str::from_utf8(digits).ok().filter(|it| !it.starts_with('+'))?;
        decoded.push(u8::from_str_radix(digits, 16).ok()?);
        rest = more;
    }
    String::from_utf8(decoded).ok()
}

/// Text that may stand in HTML.
pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

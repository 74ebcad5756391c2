//! Words that never reach the main branch.

use crate::{File, Workspace, tokens};
use proc_macro2::{Delimiter, TokenTree};

/// Words, and what to do instead. Written in halves: this file is read, too.
const BANNED: [(&str, &str); 6] = [
    (concat!("FIX", "ME"), "mend it, or open an issue and name it"),
    (concat!("TO", "DO"), "do it, or open an issue and name it"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("un", "triaged"), "find out"),
    (concat!("obvi", "ously"), "say why"),
    (concat!("should be", " fine"), "say why it is"),
];

/// A proof discharges obligations; whoever is believed is not one of them.
const NOT_IN_PROOFS: &str = concat!("tr", "ust");

#[test]
fn banned_words_are_absent() {
    crate::check(words);
}

#[test]
fn sequential_consistency_is_a_fence() {
    crate::check(sequential_consistency);
}

fn words(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    let ours = |file: &&File| [".rs", ".md", ".toml"].iter().any(|it| file.path.ends_with(it));
    for file in workspace.all().filter(ours) {
        let mut is_proof = false;
        for (number, line) in file.lines() {
            let place = format!("{}:{number}", file.path);
            for (word, instead) in BANNED.iter().filter(|(word, _)| has_word(line, word)) {
                breaches.push(format!("{place}: {word}: {instead}"));
            }
            let comment = line.trim_start().strip_prefix("//");
            is_proof = comment.is_some_and(|it| is_proof || it.trim_start().starts_with("SAFETY:"));
            if is_proof && line.to_lowercase().contains(NOT_IN_PROOFS) {
                breaches.push(format!("{place}: a proof cites obligations"));
            }
        }
    }
    breaches
}

/// Whether the word stands in `line` by itself.
fn has_word(line: &str, word: &str) -> bool {
    let is_letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        !is_letter(before) && !is_letter(after)
    })
}

/// loom reads a `SeqCst` access as `AcqRel`: only a fence can be modelled.
fn sequential_consistency(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    for file in workspace.library().filter(|it| it.is_model() || !it.is_test()) {
        let tokens = tokens::without_tests(tokens::tokens(&file.path, &file.text));
        let mut lines = vec![];
        find_accesses(&tokens, &mut lines);
        breaches.extend(lines.iter().map(|line| format!("{}:{line}: only as a fence", file.path)));
    }
    breaches
}

fn find_accesses(tokens: &[TokenTree], lines: &mut Vec<usize>) {
    let mut is_import = false;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Ident(word) if word == "use" => is_import = true,
            TokenTree::Punct(sign) if sign.as_char() == ';' => is_import = false,
            TokenTree::Ident(word) if word == "SeqCst" && !is_import => {
                lines.push(word.span().start().line);
            }
            TokenTree::Group(group) if !is_import => {
                let is_fence = group.delimiter() == Delimiter::Parenthesis
                    && at > 0
                    && tokens::is_ident(tokens.get(at - 1), "fence");
                if !is_fence {
                    find_accesses(&tokens::inside(group), lines);
                }
            }
            _ => (),
        }
    }
}

#[test]
fn a_banned_word_is_caught() {
    let [mend, later, what, unread, sure, hope] = BANNED.map(|(word, _)| word);
    let text = format!(
        "// {mend}: a\n// {later}\nlet a{later} = \"{what}\";\n// {unread}, {sure}, {hope}\n"
    );
    crate::planted(
        words,
        [("src/a.rs", &text)],
        &[
            &format!("src/a.rs:1: {mend}: mend it, or open an issue and name it"),
            &format!("src/a.rs:2: {later}: do it, or open an issue and name it"),
            &format!("src/a.rs:3: {what}: say what is meant"),
            &format!("src/a.rs:4: {unread}: find out"),
            &format!("src/a.rs:4: {sure}: say why"),
            &format!("src/a.rs:4: {hope}: say why it is"),
        ],
    );
    let safety = concat!("// SAF", "ETY:");
    let prose = format!("// we {NOT_IN_PROOFS} readers\n{safety} it is held.\nf();\n");
    crate::planted(words, [("src/a.rs", &prose)], &[]);
    let proof = format!("{safety} it is held,\n// and we {NOT_IN_PROOFS} them.\nf();\n");
    let expected = ["src/a.rs:2: a proof cites obligations"];
    crate::planted(words, [("src/a.rs", &proof)], &expected);
}

#[test]
fn a_sequentially_consistent_access_is_caught() {
    let fine =
        "use a::Ordering::{Relaxed, SeqCst}; fn f() { fence(SeqCst); fence(Ordering::SeqCst) }";
    let tests = "#[cfg(test)] mod tests { fn f() { a.load(SeqCst); } }";
    crate::planted(sequential_consistency, [("src/a.rs", fine), ("src/b.rs", tests)], &[]);
    let text = "fn f() {\n a.load(SeqCst);\n m!(b.swap(1, Ordering::SeqCst)); }";
    let expected = ["src/a.rs:2: only as a fence", "src/a.rs:3: only as a fence"];
    crate::planted(sequential_consistency, [("src/a.rs", text)], &expected);
}

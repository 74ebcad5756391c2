//! Every public future says what its cancellation loses, and goes through the
//! kits: it is dropped at every await and polled with hostile wakers.
//!
//! The kits run what the files in `tests/it/kits/registry/` list. There a future is
//! named by its path, as a string: `future: "sync::mutex::Lock"`.

use crate::{CRATES, Workspace, tokens};
use proc_macro2::{Delimiter, Literal, TokenTree};
use std::collections::{BTreeMap, BTreeSet};

const REGISTRY: &str = "tests/it/kits/registry/";

#[test]
fn public_futures_are_documented_and_registered() {
    crate::check(breaches);
}

fn breaches(workspace: &Workspace) -> Vec<String> {
    let mut breaches = vec![];
    let registered: BTreeSet<String> = workspace.rust(REGISTRY).flat_map(registered).collect();
    let mut futures = BTreeSet::new();
    for member in CRATES.iter().filter(|it| it.is_library()) {
        let mut items = Items::default();
        for file in workspace.rust(&member.sources()).filter(|file| !file.is_test()) {
            let tokens = tokens::without_tests(tokens::tokens(&file.path, &file.text));
            let inside = file.path.trim_start_matches(&member.sources());
            let module = inside.trim_end_matches(".rs").trim_end_matches("/mod");
            let module = format!("{}::{}", member.name, module.replace('/', "::"));
            items.read(module.trim_end_matches("::lib"), &tokens);
        }
        for (path, name) in &items.futures {
            let Some(docs) = items.docs_of(path, name) else { continue };
            let constructors = items.functions.iter().filter(|it| it.gives.contains(name));
            let is_said = constructors
                .map(|it| &it.docs)
                .chain([docs])
                .any(|docs| docs.lines().any(|line| line.trim() == "# Cancel safety"));
            if !is_said {
                breaches.push(format!("{path}: no `# Cancel safety` on it or what returns it"));
            }
            if !registered.contains(path) {
                breaches.push(format!("{path}: not in {REGISTRY}"));
            }
            futures.insert(path.clone());
        }
    }
    let stale = registered.difference(&futures);
    breaches.extend(stale.map(|path| format!("{REGISTRY}: there is no public future {path}")));
    breaches
}

/// What is said in `future: "…"`.
fn registered(file: &crate::File) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(&tokens::tokens(&file.path, &file.text), &mut |tokens, at| {
        let is_field =
            tokens::is_ident(tokens.get(at), "future") && tokens::is_punct(tokens.get(at + 1), ':');
        if let Some(TokenTree::Literal(literal)) = tokens.get(at + 2).filter(|_| is_field) {
            found.insert(text_of(literal));
        }
    });
    found
}

/// What a crate defines.
#[derive(Default)]
struct Items {
    /// Paths of types that implement `Future`, with the names.
    futures: BTreeMap<String, String>,
    /// Paths of public types, with their documentation.
    types: BTreeMap<String, String>,
    /// Paths of other types: of the same name there may be a public one elsewhere.
    private: BTreeSet<String>,
    functions: Vec<Function>,
}

struct Function {
    /// The words of its return type.
    gives: BTreeSet<String>,
    docs: String,
}

impl Items {
    /// What is said of a type, if it is public: in the module in which it implements
    /// `Future`, or in another of the crate.
    fn docs_of(&self, path: &str, name: &str) -> Option<&String> {
        let elsewhere = || {
            let mut all = self.types.iter();
            all.find(|(path, _)| path.rsplit("::").next() == Some(name)).map(|(_, docs)| docs)
        };
        match self.private.contains(path) {
            true => None,
            false => self.types.get(path).or_else(elsewhere),
        }
    }

    fn read(&mut self, module: &str, tokens: &[TokenTree]) {
        walk(tokens, &mut |tokens, at| {
            if let Some(name) = future_implemented(tokens, at) {
                self.futures.insert(format!("{module}::{name}"), name);
            }
            let is_type = ["struct", "enum"].iter().any(|it| tokens::is_ident(tokens.get(at), it));
            let is_public = at > 0 && tokens::is_ident(tokens.get(at - 1), "pub");
            if let Some(name) = tokens::ident(tokens.get(at + 1)).filter(|_| is_type) {
                let path = format!("{module}::{name}");
                match is_public {
                    true => drop(self.types.insert(path, docs_before(tokens, at - 1))),
                    false => drop(self.private.insert(path)),
                }
            }
            if tokens::is_ident(tokens.get(at), "fn") {
                let docs = docs_before(tokens, at);
                self.functions.push(Function { gives: return_type(tokens, at), docs });
            }
        });
    }
}

/// Calls `look` with each place of each list of tokens.
fn walk(tokens: &[TokenTree], look: &mut impl FnMut(&[TokenTree], usize)) {
    for (at, token) in tokens.iter().enumerate() {
        look(tokens, at);
        if let TokenTree::Group(group) = token {
            walk(&tokens::inside(group), look);
        }
    }
}

/// `impl<…> Future for Name<…>`: the name.
fn future_implemented(tokens: &[TokenTree], at: usize) -> Option<String> {
    let before = at.checked_sub(1).and_then(|at| tokens.get(at));
    if !tokens::is_ident(tokens.get(at), "for") || !tokens::is_ident(before, "Future") {
        return None;
    }
    // The last segment of the path.
    let mut name = None;
    for token in &tokens[at + 1..] {
        match token {
            TokenTree::Ident(word) if word != "where" => name = Some(word.to_string()),
            TokenTree::Punct(sign) if sign.as_char() == ':' => (),
            _ => break,
        }
    }
    name
}

/// The documentation in the attributes that end before `at`.
fn docs_before(tokens: &[TokenTree], at: usize) -> String {
    let mut docs = vec![];
    let mut at = at;
    // Words between: `pub`, `pub(crate)`, `const`, `unsafe`.
    while at > 0 {
        let before = &tokens[at - 1];
        let is_word = matches!(before, TokenTree::Ident(_))
            || tokens::group(Some(before), Delimiter::Parenthesis).is_some();
        let attribute = tokens::group(Some(before), Delimiter::Bracket);
        match attribute.filter(|_| at > 1 && tokens::is_punct(tokens.get(at - 2), '#')) {
            Some(attribute) => {
                let inner = tokens::inside(attribute);
                if let Some(TokenTree::Literal(text)) = inner.get(2) {
                    docs.push(text_of(text));
                }
                at -= 2;
            }
            None if is_word => at -= 1,
            None => break,
        }
    }
    docs.reverse();
    docs.join("\n")
}

/// All words between `->` and the body.
fn return_type(tokens: &[TokenTree], at: usize) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    let mut is_type = false;
    for (step, token) in tokens.iter().enumerate().skip(at) {
        match token {
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => break,
            TokenTree::Punct(sign) if sign.as_char() == ';' => break,
            TokenTree::Punct(sign) if sign.as_char() == '>' => {
                is_type |= tokens::is_punct(tokens.get(step - 1), '-');
            }
            TokenTree::Ident(word) if is_type => {
                words.insert(word.to_string());
            }
            _ => (),
        }
    }
    words
}

fn text_of(literal: &Literal) -> String {
    let text = literal.to_string();
    text.trim_matches('"').replace("\\n", "\n")
}

#[test]
fn a_future_without_its_promises_is_caught() {
    let registry = (
        "tests/it/kits/registry/locks.rs",
        "const ALL: [Case; 1] = [Case { future: \"sync::lock::Lock\" }];",
    );
    let future = "impl<T> Future for Lock<'_, T> where T: Send { }";
    let said =
        format!("/// Waits.\n///\n/// # Cancel safety\npub struct Lock<'a, T>(T);\n{future}");
    crate::planted(breaches, [("sync/src/lock.rs", &said), registry], &[]);

    let by_constructor = format!(
        "pin_project! {{ /// A future.\n #[derive(Debug)] pub struct Lock {{ a: u8 }} }} {future}\n\
         impl Mutex {{ /// # Cancel safety\n #[inline] pub fn lock(&self) -> Lock<'_, u8> {{ }} }}"
    );
    crate::planted(breaches, [("sync/src/lock.rs", &by_constructor), registry], &[]);

    let unsaid = said.replace("/// # Cancel safety\n", "");
    let expected = "sync::lock::Lock: no `# Cancel safety` on it or what returns it";
    crate::planted(breaches, [("sync/src/lock.rs", &unsaid), registry], &[expected]);

    let expected = "sync::lock::Lock: not in tests/it/kits/registry/";
    crate::planted(breaches, [("sync/src/lock/mod.rs", &said)], &[expected]);

    let namesake = said.replace("# Cancel safety", "nothing");
    let expected = [
        "sync::condition::Lock: no `# Cancel safety` on it or what returns it",
        "sync::condition::Lock: not in tests/it/kits/registry/",
    ];
    let files = [("sync/src/lock.rs", &*said), ("sync/src/condition.rs", &namesake), registry];
    crate::planted(breaches, files, &expected);

    let private = said.replace("pub struct", "pub(crate) struct");
    crate::planted(breaches, [("sync/src/lock.rs", &private)], &[]);
    let expected = "tests/it/kits/registry/: there is no public future sync::lock::Lock";
    crate::planted(breaches, [registry], &[expected]);
}

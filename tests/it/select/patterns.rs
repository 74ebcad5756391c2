//! Any pattern: it binds as it says, and is tried without moving.

#![expect(
    clippy::needless_borrowed_reference,
    clippy::manual_range_patterns,
    reason = "every form there is"
)]

use bowerbird::select;
use std::future::ready;

/// Not `Copy`.
#[derive(Clone, Debug, PartialEq)]
struct Name(String);

fn name(text: &str) -> Name {
    Name(text.to_owned())
}

#[derive(Debug)]
struct Point {
    x: i32,
    y: Name,
}

#[derive(Debug)]
enum Shape {
    Dot(Name),
    Line { from: Name, to: Option<Name> },
    Empty,
}

type Alias = Result<u32, u8>;

const LIMIT: i32 = 7;
const WORD: &str = "word";

#[bowerbird::test]
async fn names_with_mut_and_ref() {
    let it = select! { mut it = ready(name("a")) => { it.0.push('b'); it } };
    assert_eq!(it, name("ab"));
    let it = select! { Some(mut it) = ready(Some(name("a"))) => { it.0.push('b'); it } };
    assert_eq!(it, name("ab"));
    let it = select! { ref it = ready(name("a")) => it.clone() };
    assert_eq!(it, name("a"));
    let it = select! { Some(ref it) = ready(Some(name("a"))) => it.clone() };
    assert_eq!(it, name("a"));
    let it = select! {
        Ok::<_, u8>(ref mut it) = ready(Ok(name("a"))) => { it.0.push('b'); it.clone() }
    };
    assert_eq!(it, name("ab"));
}

#[bowerbird::test]
async fn references() {
    let names = [name("a"), name("b")];
    let (one, maybe) = (&1, Some(2));
    assert_eq!(select! { &it = ready(one) => it }, 1);
    assert_eq!(select! { Some(&it) = ready(Some(one)) => it }, 1);
    assert_eq!(select! { &&it = ready(&one) => it }, 1);
    assert_eq!(select! { &Some(it) = ready(&maybe) => it, else => 0 }, 2);
    assert_eq!(select! { &Some(ref it) = ready(&maybe) => *it, else => 0 }, 2);
    // By default what is inside of a reference is bound as a reference.
    assert_eq!(select! { Some(it) = ready(&maybe) => *it, else => 0 }, 2);
    assert_eq!(*select! { [_, it] = ready(&names) => it }, names[1]);
    assert_eq!(*select! { &[_, ref it] = ready(&names) => it }, names[1]);
    let mut n = 1;
    select! { it = ready(&mut n) => *it += 1 }
    select! { Some(&mut ref mut it) = ready(Some(&mut n)) => *it += 1 }
    assert_eq!(n, 3);
}

#[bowerbird::test]
async fn constants_and_literals_anywhere() {
    assert!(select! { LIMIT = ready(7) => true, else => false });
    assert!(select! { LIMIT = ready(8) => false, else => true });
    assert!(select! { Some(LIMIT) = ready(Some(7)) => true, else => false });
    assert!(select! { Some(&LIMIT) = ready(Some(&7)) => true, else => false });
    assert!(select! { &LIMIT | &9 = ready(&9) => true, else => false });
    assert!(select! { WORD = ready("word") => true, else => false });
    assert!(select! { "word" = ready("word") => true, else => false });
    assert!(select! { "word" = ready("other") => false, else => true });
    assert!(select! { Some("word") = ready(Some("word")) => true, else => false });
    assert!(select! { Some(&"word") = ready(Some(&"word")) => true, else => false });
    assert_eq!(
        select! { ("word", it) = ready(("word", name("a"))) => it, else => name("") }.0,
        "a"
    );
    assert!(select! { b"ab" = ready(b"ab") => true, else => false });
    assert!(select! { 'x' = ready('x') => true, else => false });
    assert!(select! { -1 = ready(-1) => true, else => false });
    assert!(select! { i32::MAX = ready(i32::MAX) => true, else => false });
    assert!(select! { true = ready(true) => true, else => false });
    assert!(select! { &Shape::Empty = ready(&Shape::Empty) => true, else => false });
}

#[bowerbird::test]
async fn ranges_and_names_for_the_whole() {
    assert_eq!(select! { n @ 1..=3 = ready(2) => n, else => 0 }, 2);
    assert_eq!(select! { n @ 1..=3 = ready(4) => n, else => 0 }, 0);
    assert_eq!(select! { Some(n @ ..5) = ready(Some(4)) => n, else => 0 }, 4);
    assert_eq!(select! { Some(1..=5) = ready(Some(5)) => 1, else => 0 }, 1);
    assert_eq!(select! { 1.. = ready(5) => 1, else => 0 }, 1);
    assert_eq!(select! { 'a'..='f' = ready('c') => 1, else => 0 }, 1);
    assert_eq!(select! { LIMIT..=9 = ready(6) => 1, else => 0 }, 0);
    let it = select! { ref whole @ Some(ref it) = ready(Some(name("a"))) => (whole.clone(), it.clone()), else => unreachable!() };
    assert_eq!(it, (Some(name("a")), name("a")));
    let it = select! { whole @ Some(_) = ready(Some(name("a"))) => whole, else => None };
    assert_eq!(it, Some(name("a")));
}

#[bowerbird::test]
async fn alternatives() {
    let it = select! { Ok(it) | Err(it) = ready(Ok::<_, Name>(name("a"))) => it };
    assert_eq!(it, name("a"));
    let it = select! {
        | (Some(ref it), _) | (None, ref it) = ready((None, name("b"))) => it.clone()
    };
    assert_eq!(it, name("b"));
    assert!(select! { 1 | 2 | 3 = ready(3) => true, else => false });
}

#[bowerbird::test]
async fn tuples_slices_and_structs() {
    let it = select! { (a, Some(b)) = ready((name("a"), Some(name("b")))) => (a, b), else => unreachable!() };
    assert_eq!(it, (name("a"), name("b")));
    let it = select! { (first, .., last) = ready((1, name("a"), 3)) => (first, last) };
    assert_eq!(it, (1, 3));
    let list = [name("a"), name("b"), name("c")];
    let it = select! { [first, rest @ ..] = ready(list.clone()) => (first, rest.len()) };
    assert_eq!(it, (name("a"), 2));
    let it = select! { [a, .., c] = ready(&list[..]) => a != c, else => false };
    assert!(it);
    let it = select! { &[_, ref b, ..] = ready(&list[..]) => b.clone(), else => name("") };
    assert_eq!(it, name("b"));

    let point = || Point { x: 1, y: name("y") };
    assert_eq!(select! { Point { x, y } = ready(point()) => (x, y) }, (1, name("y")));
    assert_eq!(select! { Point { x, .. } = ready(point()) => x }, 1);
    assert_eq!(
        select! { Point { mut x, ref y } = ready(point()) => { x += 1; (x, y.clone()) } }.0,
        2
    );
    assert_eq!(
        select! { Point { x: 1, y: it } = ready(point()) => it, else => name("") },
        name("y")
    );
    assert_eq!(select! { Point { x: 2, .. } = ready(point()) => 2, else => 0 }, 0);

    for shape in [
        Shape::Dot(name("dot")),
        Shape::Line { from: name("from"), to: Some(name("to")) },
        Shape::Line { from: name("from"), to: None },
        Shape::Empty,
    ] {
        let expected = format!("{shape:?}");
        let said = select! {
            Shape::Dot(it) | Shape::Line { from: it, to: None } = ready(shape) => it.0,
            else => "another".to_owned(),
        };
        assert!(expected.contains(&said) || said == "another", "{said}: {expected}");
    }
}

#[bowerbird::test]
async fn macros_and_paths_in_patterns() {
    macro_rules! some {
        ($name:ident) => {
            Some($name)
        };
        (& $name:ident) => {
            Some(&$name)
        };
    }
    let it = select! { Some(Some(mut it)) = ready(Some(Some(1))) => { it += 1; it }, else => 0 };
    assert_eq!(it, 2);
    assert_eq!(select! { (some!(&it), _) = ready((Some(&1), 2)) => it, else => 0 }, 1);
    assert_eq!(select! { (some!(it), _) = ready((Some(1), 2)) => it, else => 0 }, 1);
    assert_eq!(select! { Option::<u32>::Some(it) = ready(Some(1)) => it, else => 0 }, 1);
    assert_eq!(select! { Alias::Ok(it) = ready(Ok(1)) => it, else => 0 }, 1);
}

#[bowerbird::test]
async fn a_refused_output_leaves_the_others_alone() {
    let it = select! {
        biased;
        Some(Ok(it)) = ready(Some(Err::<Name, _>("no"))) => it,
        Err(it) = ready(Ok::<u8, _>(1)) => it,
        (0, it) = ready((1, name("not"))) => it,
        it = ready(name("this")) => it,
    };
    assert_eq!(it, name("this"));
}

#[bowerbird::test]
async fn sixty_four_branches() {
    use std::future::pending;
    let never = || pending::<u32>();
    let last = select! {
        0 = ready(1) => 0, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = never() => it,
        it = never() => it, it = never() => it, it = never() => it, it = ready(64) => it,
    };
    assert_eq!(last, 64);
}

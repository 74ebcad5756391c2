//! The tour does what it says: its counts are those of a plain walk, and an
//! interrupt at any moment leaves a consistent database.
//!
//! The tour runs in a process of its own, which is this program again: see
//! [`the_tour_itself`].

#[path = "../examples/tour.rs"]
#[expect(dead_code, reason = "its `main` is not ours")]
mod tour;

use rusqlite::Connection;
use std::{
    collections::BTreeMap,
    env, fs,
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{self, Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

/// The arguments of a tour, one a line: set for the process that is one.
const ARGUMENTS: &str = "BOWERBIRD_TOUR_ARGUMENTS";

/// How many lines a round prints.
const LINES_PER_ROUND: u64 = 3;

/// Not a test but the program under test, when it is told to be.
#[test]
fn the_tour_itself() {
    if let Some(arguments) = env::var_os(ARGUMENTS) {
        let arguments = arguments.into_string().unwrap();
        process::exit(tour::run(arguments.lines().map(Into::into)).into());
    }
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", "the_tour_itself", "--nocapture"])
        .env(ARGUMENTS, arguments.join("\n"))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// A folder that is gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("bowerbird-{name}-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).into_os_string().into_string().unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What one thread counts without us.
#[derive(Debug, Default, PartialEq, Eq)]
struct Walk {
    files: u64,
    listings: u64,
    bytes: u64,
    words: BTreeMap<String, u64>,
}

impl Walk {
    fn of(folder: &Path) -> Self {
        let mut walk = Self::default();
        walk.folder(folder);
        walk
    }

    fn folder(&mut self, folder: &Path) {
        self.listings += 1;
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name.starts_with('.') || name == "target" || name.starts_with("target-") {
                continue;
            }
            match entry.file_type().unwrap().is_dir() {
                true => self.folder(&entry.path()),
                false => self.file(&entry.path()),
            }
        }
    }

    fn file(&mut self, path: &Path) {
        let bytes = fs::read(path).unwrap();
        self.files += 1;
        self.bytes += bytes.len() as u64;
        // Those of the site's list of types that are in this workspace.
        let is_text =
            [".css", ".html", ".md", ".rs", ".toml", ".txt", ".yml", ".lock", ".py", ".sh"];
        if !is_text.iter().any(|end| path.to_str().unwrap().ends_with(end)) {
            return;
        }
        let text = String::from_utf8(bytes).unwrap();
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if c.is_alphanumeric() {
                word.push(c);
            } else if !word.is_empty() {
                *self.words.entry(word.to_lowercase()).or_default() += 1;
                word.clear();
            }
        }
    }

    /// The same from a round in the database.
    fn stored(database: &Connection, round: u32) -> Self {
        let sql = "SELECT kind, count(*), sum(bytes) FROM pages WHERE round = ?1 GROUP BY kind";
        let mut statement = database.prepare(sql).unwrap();
        let mut walk = Self::default();
        let mut rows = statement.query([round]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let (kind, count, bytes): (String, i64, i64) =
                (row.get(0).unwrap(), row.get(1).unwrap(), row.get(2).unwrap());
            match &*kind {
                "file" => (walk.files, walk.bytes) = (count as u64, bytes as u64),
                "listing" => walk.listings = count as u64,
                // Dead links in documents.
                _ => (),
            }
        }
        let mut statement =
            database.prepare("SELECT word, count FROM words WHERE round = ?1").unwrap();
        let words = statement.query_map([round], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
        walk.words =
            words.unwrap().map(|it| it.map(|(word, n)| (word, n as u64)).unwrap()).collect();
        walk
    }
}

#[test]
fn a_quick_tour_finds_what_a_plain_walk_finds() {
    let folder = Folder::new("tour-quick");
    let database = folder.file("tour.sqlite");
    let source = env!("CARGO_MANIFEST_DIR");
    let output = command(&["--quick", "--database", &database, source]).output().unwrap();
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");

    let expected = Walk::of(Path::new(source));
    assert!(expected.files > 100 && expected.listings > 10, "{expected:?}");
    assert_eq!(Walk::stored(&Connection::open(&database).unwrap(), 1), expected);
    let (word, count) = expected
        .words
        .iter()
        .max_by_key(|(word, count)| (**count, std::cmp::Reverse(*word)))
        .unwrap();
    let sorted = text.lines().find(|line| line.starts_with("sort 1")).unwrap();
    assert!(sorted.contains(&format!("ms   {word} {count}, ")), "{sorted}");
    assert!(text.contains(&format!("{} sizes equal, 0 changed, 0 not answered", expected.files)));
}

#[test]
fn names_that_need_encoding_are_served_and_found() {
    let folder = Folder::new("tour-names");
    let site = folder.0.join("site");
    for name in ["a b.txt", "100%.txt", "ü.md", "q?a#b.txt", "<&>\".txt", "sub dir/x.txt"] {
        let file = site.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, format!("one two {name}")).unwrap();
    }
    fs::write(
        site.join("links.md"),
        "[up](../up.md) [gone](gone.md) [root](/) [out](//elsewhere/x)",
    )
    .unwrap();
    fs::write(site.join("empty.txt"), "").unwrap();
    let (database, site) =
        (folder.file("tour.sqlite"), site.into_os_string().into_string().unwrap());
    let output = command(&["--quick", "--clients", "2", "--database", &database, &site]).output();
    let output = output.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{text}");

    let database = Connection::open(&database).unwrap();
    assert_eq!(Walk::stored(&database, 1), Walk::of(Path::new(&site)));
    let sql = "SELECT path, status FROM pages WHERE kind = 'none'";
    let dead = database.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(dead, Ok(("/gone.md".to_owned(), 404)));
}

#[test]
fn bad_arguments_are_explained() {
    let cases: [(&[&str], &str); 7] = [
        (&["--fast"], "unknown option --fast"),
        (&["--rounds"], "--rounds wants a number of at least 1 after it"),
        (&["--rounds", "0"], "--rounds wants a number of at least 1, not 0"),
        (&["--clients", "many"], "--clients wants a number from 1 to 1000, not many"),
        (&["--database"], "--database wants a file after it"),
        (&["/", "/"], "a second directory: /"),
        (&["/no/such/folder"], "/no/such/folder is not a directory"),
    ];
    for (arguments, complaint) in cases {
        let output = command(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{text}");
        assert!(text.contains(complaint) && text.contains("usage: tour"), "{text}");
    }
    let output = command(&["--help"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("usage: tour"));
}

/// A tour that goes round until it is interrupted.
struct Endless {
    child: Child,
    lines: BufReader<process::ChildStdout>,
    text: String,
}

impl Endless {
    fn start(database: &str) -> Self {
        Self::serving(database, env!("CARGO_MANIFEST_DIR"))
    }

    fn serving(database: &str, site: &str) -> Self {
        let arguments = ["--rounds", "1000000", "--database", database, site];
        let mut child = command(&arguments).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut tour = Self { child, lines, text: String::new() };
        while !tour.text.contains("serve ") {
            tour.line();
        }
        tour
    }

    fn line(&mut self) {
        assert!(self.lines.read_line(&mut self.text).unwrap() > 0, "{}", self.text);
    }

    fn address(&self) -> SocketAddr {
        let (_, rest) = self.text.split_once("http://").unwrap();
        rest.split('/').next().unwrap().parse().unwrap()
    }

    fn interrupt(&self) {
        interrupt(self.child.id());
    }

    /// The exit code, and all it said.
    fn end(mut self) -> (Option<i32>, String) {
        self.lines.read_to_string(&mut self.text).unwrap();
        (self.child.wait().unwrap().code(), self.text)
    }
}

fn interrupt(pid: u32) {
    assert!(Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

/// What must hold of any database the tour leaves.
fn check(database: &Connection) {
    let one = |sql| database.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap();
    assert_eq!(one("PRAGMA integrity_check"), "ok");
    assert_eq!(one("SELECT count(*) || '' FROM pragma_foreign_key_check"), "0");
    let sql = "SELECT round, state,
                   (SELECT coalesce(sum(words), 0) FROM pages WHERE pages.round = rounds.round),
                   (SELECT coalesce(sum(count), 0) FROM words WHERE words.round = rounds.round)
               FROM rounds ORDER BY round";
    let mut statement = database.prepare(sql).unwrap();
    let rows = statement.query_map([], |row| {
        Ok::<(i64, String, i64, i64), _>((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
    });
    let rounds: Vec<_> = rows.unwrap().map(Result::unwrap).collect();
    for (index, (round, state, pages, words)) in rounds.iter().enumerate() {
        assert_eq!(pages, words, "round {round}: words of its pages, words of its table");
        let is_last = index + 1 == rounds.len();
        assert!(state == "complete" || (is_last && state == "interrupted"), "{round}: {state}");
    }
}

#[test]
fn an_interrupt_at_any_moment_ends_it_in_order() {
    let folder = Folder::new("tour-interrupt");
    let seed = RandomState::new().hash_one(process::id());
    for attempt in 0..10_u64 {
        let random = RandomState::new().hash_one((seed, attempt));
        let database = folder.file("tour.sqlite");
        let mut tour = Endless::start(&database);
        // Any line of the first two rounds, and any moment in the stage after it.
        for _ in 0..random % (2 * LINES_PER_ROUND) {
            tour.line();
        }
        for _ in 0..(random >> 32) % 50_000 {
            std::hint::spin_loop();
        }
        tour.interrupt();
        let (code, text) = tour.end();
        assert_eq!(code, Some(130), "attempt {attempt}, random {random}: {text}");
        assert!(text.contains("cut short by Ctrl-C: "), "{text}");
        check(&Connection::open(&database).unwrap());
        assert!(!Path::new(&format!("{database}-wal")).exists(), "{text}");
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once() {
    let folder = Folder::new("tour-twice");
    let database = folder.file("tour.sqlite");
    let mut tour = Endless::start(&database);
    tour.line();
    tour.interrupt();
    while !tour.text.contains("interrupted: ") {
        tour.line();
    }
    tour.interrupt();
    let (code, text) = tour.end();
    assert_eq!(code, Some(130), "{text}");
    let database = Connection::open(&database).unwrap();
    let ok = database.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(ok.unwrap(), "ok");
}

/// How long a test waits for an answer, or for the end.
const PATIENCE: Duration = Duration::from_secs(30);

/// A client that says what it is told to.
struct Rude(BufReader<TcpStream>);

/// What it was told.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Rude {
    fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    fn says(mut self, text: impl AsRef<[u8]>) -> Self {
        self.0.get_mut().write_all(text.as_ref()).unwrap();
        self
    }

    /// Waits until the server has read all that was said. The system knows how much
    /// it has not.
    fn is_read(&self) {
        let stream = self.0.get_ref();
        let port = |address: SocketAddr| format!(":{:04X}", address.port());
        let server = port(stream.peer_addr().unwrap());
        let client = port(stream.local_addr().unwrap());
        // Number, the server's address, the client's, state, bytes to send and to read.
        let is_read = |line: &str| match *line.split_whitespace().collect::<Vec<_>>() {
            [_, local, remote, _, queues, ..] => {
                local.ends_with(&server)
                    && remote.ends_with(&client)
                    && queues.ends_with(":00000000")
            }
            _ => false,
        };
        while !fs::read_to_string("/proc/net/tcp").unwrap().lines().any(is_read) {
            thread::yield_now();
        }
    }

    /// The head of the next answer. `None`: the connection has ended.
    fn head(&mut self) -> Option<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            // A connection may be reset if there is more to read than was read.
            if self.0.read_line(&mut head).unwrap_or(0) == 0 {
                assert_eq!(head, "");
                return None;
            }
        }
        let status = head.strip_prefix("HTTP/1.1 ").and_then(|it| it[..3].parse().ok());
        Some(Answer { status: status.unwrap_or_else(|| panic!("{head}")), head, body: vec![] })
    }

    fn answer(&mut self) -> Option<Answer> {
        let mut answer = self.head()?;
        let (_, rest) = answer.head.split_once("Content-Length: ").unwrap();
        let length = rest.lines().next().unwrap().parse().unwrap();
        answer.body.resize(length, 0);
        self.0.read_exact(&mut answer.body).unwrap();
        Some(answer)
    }
}

/// A folder to serve, with a secret beside it.
fn site(folder: &Folder) -> String {
    let site = folder.0.join("site");
    fs::create_dir_all(site.join("sub")).unwrap();
    fs::write(site.join("a.txt"), "hello").unwrap();
    fs::write(site.join(".hidden"), "hidden").unwrap();
    fs::write(folder.0.join("secret.txt"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret.txt", site.join("link.txt")).unwrap();
    let pipe = Command::new("mkfifo").arg(site.join("pipe")).status();
    assert!(pipe.unwrap().success());
    site.into_os_string().into_string().unwrap()
}

#[test]
fn every_request_has_an_answer_and_nothing_outside_is_served() {
    let folder = Folder::new("tour-requests");
    let tour = Endless::serving(&folder.file("tour.sqlite"), &site(&folder));
    let address = tour.address();
    let tour = Drained::new(tour);
    let get = |target: &str| format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
    let with = |header: &str| format!("GET / HTTP/1.1\r\n{header}\r\n\r\n");
    let cases = [
        (get("/"), 200),
        (get("/a.txt?x=1#y"), 200),
        (get("/sub"), 301),
        (get("/none"), 404),
        (get("/../secret.txt"), 404),
        (get("/sub/../../secret.txt"), 404),
        (get("/%2e%2e/secret.txt"), 404),
        (get("/%2E%2e%2fsecret.txt"), 404),
        (get("//etc/passwd"), 404),
        (get("/a.txt%00"), 404),
        (get("/%zz"), 404),
        (get("/.hidden"), 404),
        (get("/link.txt"), 404),
        (get("/pipe"), 404),
        (get("elsewhere"), 404),
        ("POST / HTTP/1.1\r\n\r\n".into(), 405),
        (with("Content-Length: 4"), 413),
        (with("Content-Length: 0\r\nContent-Length: 4"), 413),
        (with("Transfer-Encoding: \u{fc}"), 413),
        ("hello\r\n\r\n".into(), 400),
        (with(&format!("X: {}", "x".repeat(16 * 1024))), 431),
        (with(&"X: x\r\n".repeat(100)), 431),
    ];
    for (request, status) in cases {
        let answer = Rude::connect(address).says(&request).answer().unwrap();
        assert_eq!(answer.status, status, "{request:.100}: {answer:?}");
        assert!(!answer.body.starts_with(b"secret"));
    }
    // `//sub/` would be a server of that name.
    let moved = Rude::connect(address).says(get("//sub")).answer().unwrap();
    assert!(moved.head.contains("\r\nLocation: /sub/\r\n"), "{moved:?}");
    tour.end();
}

#[test]
fn a_connection_is_kept_in_step_and_not_for_ever() {
    let folder = Folder::new("tour-kept");
    let tour = Endless::serving(&folder.file("tour.sqlite"), &site(&folder));
    let address = tour.address();
    let tour = Drained::new(tour);
    // An answer to HEAD has no body, also when it refuses.
    let requests = ["HEAD /a.txt", "HEAD /none", "HEAD /", "GET /a.txt"];
    let text: String = requests.iter().map(|it| format!("{it} HTTP/1.1\r\n\r\n")).collect();
    let mut client = Rude::connect(address).says(text);
    let statuses: Vec<_> = (0..3).map(|_| client.head().unwrap().status).collect();
    assert_eq!(statuses, [200, 404, 200]);
    assert_eq!(client.answer().unwrap().body, b"hello");

    let mut client = Rude::connect(address).says("HEAD / HTTP/1.1\r\n\r\n".repeat(1_100));
    let answers: Vec<_> = std::iter::from_fn(|| client.head()).collect();
    assert_eq!(answers.len(), 1_000);
    assert!(answers[999].head.contains("Connection: close"), "{:?}", answers[999]);

    let mut client = Rude::connect(address).says("GET /a.txt HTTP/1.0\r\n\r\n");
    assert_eq!(client.answer().unwrap().body, b"hello");
    assert!(client.head().is_none());
    tour.end();
}

#[test]
fn an_interrupt_lets_requests_finish_but_not_for_ever() {
    let folder = Folder::new("tour-drain");
    let site = site(&folder);
    let large = fs::File::create(Path::new(&site).join("large.bin")).unwrap();
    large.set_len(24 << 20).unwrap();
    let tour = Endless::serving(&folder.file("tour.sqlite"), &site);
    let address = tour.address();
    let mut silent: Vec<_> = (0..300).map(|_| Rude::connect(address)).collect();
    // Once it has an answer, what it says next is in a connection that is served.
    let begins = |text: &str| {
        let mut client = Rude::connect(address).says("GET /a.txt HTTP/1.1\r\n\r\n");
        client.answer().unwrap();
        client.says(text)
    };
    let (finishes, mut stays) = (begins("GET /a.txt HT"), begins("GET /a.t"));
    let mut never_reads = begins("GET /large.bin HTTP/1.1\r\n\r\n");
    assert_eq!(never_reads.head().unwrap().status, 200);
    // What has begun is known to the server before it hears of the interrupt.
    finishes.is_read();
    stays.is_read();
    tour.interrupt();
    let tour = Drained::new(tour);
    for client in &mut silent {
        assert!(client.head().is_none());
    }
    let answer = finishes.says("TP/1.1\r\n\r\n").answer().unwrap();
    assert_eq!(answer.body, b"hello");
    assert!(answer.head.contains("Connection: close"), "{answer:?}");
    let text = tour.ends();
    assert!(text.contains("2 connections in a request"), "{text}");
    assert!(stays.head().is_none());
    check(&Connection::open(folder.file("tour.sqlite")).unwrap());
}

/// A tour that waits for nobody to read what it says.
struct Drained {
    pid: u32,
    end: Receiver<(Option<i32>, String)>,
}

impl Drained {
    fn new(tour: Endless) -> Self {
        let (pid, (said, end)) = (tour.child.id(), mpsc::channel());
        thread::spawn(move || said.send(tour.end()));
        Self { pid, end }
    }

    /// All it said after an interrupt.
    fn end(self) -> String {
        interrupt(self.pid);
        self.ends()
    }

    /// All it said, now that it was interrupted.
    fn ends(self) -> String {
        let (code, text) = self.end.recv_timeout(PATIENCE).expect("it ends in time");
        assert_eq!(code, Some(130), "{text}");
        text
    }
}

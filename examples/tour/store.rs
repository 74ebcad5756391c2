//! The database: SQLite, on a thread of its own.
//!
//! SQLite blocks, so it does not run on a worker. Tasks send it jobs through a
//! bounded channel: when the disk is slow, the crawler waits. Each batch of pages
//! is one transaction, so the database is consistent whenever the program ends.

use bowerbird::sync::{mpsc, oneshot};
use rusqlite::{Connection, Result, Transaction, params};
use std::{
    collections::BTreeMap,
    io,
    path::Path,
    thread::{self, JoinHandle},
};

/// Jobs that may wait for the thread.
const QUEUE: usize = 64;

/// Jobs done in one transaction.
const BATCH: usize = 64;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = NORMAL;
    CREATE TABLE rounds (
        round INTEGER PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('running', 'complete', 'interrupted'))
    );
    CREATE TABLE pages (
        round INTEGER NOT NULL REFERENCES rounds,
        path TEXT NOT NULL,
        status INTEGER NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('file', 'listing', 'none')),
        bytes INTEGER NOT NULL,
        words INTEGER NOT NULL,
        links INTEGER NOT NULL,
        PRIMARY KEY (round, path)
    ) WITHOUT ROWID;
    CREATE TABLE words (
        round INTEGER NOT NULL REFERENCES rounds,
        word TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (round, word)
    ) WITHOUT ROWID;
";

/// What was found at one path.
#[derive(Debug)]
pub(crate) struct PageRow {
    pub(crate) round: u32,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) bytes: u64,
    pub(crate) words: BTreeMap<String, u64>,
    pub(crate) links: u64,
}

/// Sums over one round.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) files: u64,
    pub(crate) listings: u64,
    pub(crate) missing: u64,
    pub(crate) bytes: u64,
    pub(crate) words: u64,
    pub(crate) distinct: u64,
}

enum Job {
    Begin(u32),
    Page(PageRow),
    End(u32, &'static str),
    Totals(u32, oneshot::Sender<Totals>),
    Sizes(u32, oneshot::Sender<Vec<(String, u64)>>),
    Words(u32, oneshot::Sender<Vec<(String, u64)>>),
}

/// Sends jobs to the database's thread.
#[derive(Clone, Debug)]
pub(crate) struct Store {
    jobs: mpsc::Sender<Job>,
}

/// The database's thread: ends when the last [`Store`] is dropped.
#[derive(Debug)]
pub(crate) struct StoreThread(JoinHandle<Result<()>>);

/// The database's thread has ended early; [`StoreThread::join`] tells why.
pub(crate) fn is_gone() -> io::Error {
    io::Error::other("the database's thread has ended")
}

impl Store {
    /// Makes the database in `file` anew, and starts its thread.
    pub(crate) fn open(file: &Path) -> io::Result<(Self, StoreThread)> {
        for suffix in ["", "-wal", "-shm"] {
            let mut name = file.as_os_str().to_owned();
            name.push(suffix);
            match std::fs::remove_file(name) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => (),
            }
        }
        let connection = Connection::open(file).map_err(io::Error::other)?;
        connection.execute_batch(SCHEMA).map_err(io::Error::other)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let body = move || work(connection, queue);
        let thread = thread::Builder::new().name("database".to_owned()).spawn(body)?;
        Ok((Self { jobs }, StoreThread(thread)))
    }

    pub(crate) async fn begin(&self, round: u32) -> io::Result<()> {
        self.send(Job::Begin(round)).await
    }

    /// Waits if the database is behind.
    pub(crate) async fn page(&self, page: PageRow) -> io::Result<()> {
        self.send(Job::Page(page)).await
    }

    pub(crate) async fn end(&self, round: u32, state: &'static str) -> io::Result<()> {
        self.send(Job::End(round, state)).await
    }

    pub(crate) async fn totals(&self, round: u32) -> io::Result<Totals> {
        self.ask(|answer| Job::Totals(round, answer)).await
    }

    /// The sizes of all files found, by path.
    pub(crate) async fn sizes(&self, round: u32) -> io::Result<Vec<(String, u64)>> {
        self.ask(|answer| Job::Sizes(round, answer)).await
    }

    /// How often each word was found.
    pub(crate) async fn words(&self, round: u32) -> io::Result<Vec<(String, u64)>> {
        self.ask(|answer| Job::Words(round, answer)).await
    }

    async fn ask<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> io::Result<T> {
        let (answer, answered) = oneshot::channel();
        self.send(job(answer)).await?;
        answered.await.map_err(|_| is_gone())
    }

    async fn send(&self, job: Job) -> io::Result<()> {
        self.jobs.send(job).await.map_err(|_| is_gone())
    }
}

impl StoreThread {
    /// Waits for the thread to do what was asked of it. Blocks.
    pub(crate) fn join(self) -> io::Result<()> {
        self.0
            .join()
            .map_err(|_| io::Error::other("the database's thread panicked"))?
            .map_err(io::Error::other)
    }
}

fn work(mut connection: Connection, mut queue: mpsc::Receiver<Job>) -> Result<()> {
    let mut batch = Vec::with_capacity(BATCH);
    while queue.blocking_recv_many(&mut batch, BATCH) > 0 {
        let transaction = connection.transaction()?;
        for job in batch.drain(..) {
            run(&transaction, job)?;
        }
        transaction.commit()?;
    }
    // Leaves one file instead of three.
    connection.execute_batch("PRAGMA journal_mode = DELETE;")
}

fn run(transaction: &Transaction<'_>, job: Job) -> Result<()> {
    match job {
        Job::Begin(round) => {
            transaction.execute("INSERT INTO rounds VALUES (?1, 'running')", [round])?;
        }
        Job::Page(page) => insert(transaction, &page)?,
        Job::End(round, state) => {
            let sql = "UPDATE rounds SET state = ?2 WHERE round = ?1";
            transaction.execute(sql, params![round, state])?;
        }
        // Who asked may be gone; then nobody wants to know.
        Job::Totals(round, answer) => drop(answer.send(totals(transaction, round)?)),
        Job::Sizes(round, answer) => {
            let sql = "SELECT path, bytes FROM pages WHERE round = ?1 AND kind = 'file'";
            drop(answer.send(pairs(transaction, sql, round)?));
        }
        Job::Words(round, answer) => {
            let sql = "SELECT word, count FROM words WHERE round = ?1";
            drop(answer.send(pairs(transaction, sql, round)?));
        }
    }
    Ok(())
}

fn insert(transaction: &Transaction<'_>, page: &PageRow) -> Result<()> {
    let sql = "INSERT INTO pages VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let words: u64 = page.words.values().sum();
    let row = params![page.round, page.path, page.status, page.kind, page.bytes, words, page.links];
    transaction.prepare_cached(sql)?.execute(row)?;
    let sql = "INSERT INTO words VALUES (?1, ?2, ?3) \
               ON CONFLICT DO UPDATE SET count = count + excluded.count";
    let mut statement = transaction.prepare_cached(sql)?;
    for (word, count) in &page.words {
        statement.execute(params![page.round, word, count])?;
    }
    Ok(())
}

fn totals(transaction: &Transaction<'_>, round: u32) -> Result<Totals> {
    let sql = "SELECT count(*) FILTER (WHERE kind = 'file'),
                      count(*) FILTER (WHERE kind = 'listing'),
                      count(*) FILTER (WHERE kind = 'none'),
                      coalesce(sum(bytes) FILTER (WHERE kind = 'file'), 0),
                      coalesce(sum(words) FILTER (WHERE kind = 'file'), 0),
                      (SELECT count(*) FROM words WHERE round = ?1)
               FROM pages WHERE round = ?1";
    transaction.query_row(sql, [round], |row| {
        Ok(Totals {
            files: row.get(0)?,
            listings: row.get(1)?,
            missing: row.get(2)?,
            bytes: row.get(3)?,
            words: row.get(4)?,
            distinct: row.get(5)?,
        })
    })
}

fn pairs(transaction: &Transaction<'_>, sql: &str, round: u32) -> Result<Vec<(String, u64)>> {
    let mut statement = transaction.prepare_cached(sql)?;
    let rows = statement.query_map([round], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

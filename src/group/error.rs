//! What a group failed of: every error and every panic, in order of happening.

use super::tree::{self, Branch};
use executor::TaskInfo;
use std::{
    any::Any,
    error::Error,
    fmt, io,
    panic::{Location, resume_unwind},
};
use sync::shim::Lock;

/// Why a [`task_group`](super::task_group) failed: everything that went wrong in
/// it, in order of happening.
///
/// It prints as a tree, of which a group in a group is a branch. A task's own
/// cancellation is no failure, and is not in it.
///
/// ```text
/// 3 failures in the task group at src/main.rs:31:18
/// ├─ task `fetch` #7 (src/main.rs:33:11): no route to host
/// │  caused by: the cable is gone
/// ├─ task #9 (src/main.rs:34:11) panicked: index out of bounds
/// └─ the body: 1 failure in the task group at src/pages.rs:8:5
///    └─ task #12 (src/pages.rs:9:7): line 3 has no key
/// ```
///
/// `Debug` prints the tree as well, so that `unwrap` and a `main` that returns it
/// show it. Causes are shown where `E` is a boxed error or an [`io::Error`];
/// for an error type of one's own, [`report`](Self::report) shows them.
///
/// # Examples
///
/// ```
/// use bowerbird::{task::TaskGroup, task_group};
///
/// let error = bowerbird::run(async {
///     task_group(async |g: TaskGroup<String>| {
///         g.spawn_named("berries", async { Err::<(), _>("none left".to_owned()) });
///         g.cancelled().await;
///         Ok(())
///     })
///     .await
///     .unwrap_err()
/// });
/// let failure = error.first();
/// assert_eq!(failure.task.as_ref().unwrap().name.as_deref(), Some("berries"));
/// assert_eq!(failure.error().unwrap(), "none left");
/// assert!(error.to_string().starts_with("1 failure in the task group at "));
/// ```
#[doc(alias = "ExceptionGroup")]
pub struct GroupError<E> {
    /// At least one.
    failures: Vec<Failure<E>>,
    location: &'static Location<'static>,
}

/// One failure in a group.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<E> {
    /// The child. `None`: the body.
    pub task: Option<TaskInfo>,
    /// What happened to it.
    pub kind: FailureKind<E>,
}

/// How a child or the body failed.
#[derive(Debug)]
pub enum FailureKind<E> {
    /// It gave an error.
    Failed(E),
    /// It panicked, or its destructor did.
    Panicked(Panic),
}

/// What somebody panicked with.
pub struct Panic {
    message: Option<String>,
    /// Reached by value only, since a payload need not be `Sync`.
    payload: Lock<Box<dyn Any + Send>>,
}

impl<E> GroupError<E> {
    pub(super) fn new(failures: Vec<Failure<E>>, location: &'static Location<'static>) -> Self {
        debug_assert!(!failures.is_empty(), "a group that failed has a failure");
        Self { failures, location }
    }

    /// All failures, in order of happening.
    #[must_use]
    #[doc(alias = "exceptions")]
    pub fn failures(&self) -> &[Failure<E>] {
        &self.failures
    }

    /// All failures, in order of happening.
    #[must_use]
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }

    /// The failure that ended the group.
    #[must_use]
    pub fn first(&self) -> &Failure<E> {
        &self.failures[0]
    }

    /// Where the group was made.
    #[must_use]
    pub fn location(&self) -> &'static Location<'static> {
        self.location
    }

    /// The failures of which `is_wanted` says yes, and the others.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let error = task_group(async |_: TaskGroup<u32>| Err::<(), _>(404)).await.unwrap_err();
    /// let (panics, errors) = error.split(|failure| failure.panic().is_some());
    /// assert!(panics.is_none());
    /// assert_eq!(errors.unwrap().first().error(), Some(&404));
    /// # });
    /// ```
    #[must_use]
    pub fn split(self, is_wanted: impl FnMut(&Failure<E>) -> bool) -> (Option<Self>, Option<Self>) {
        let location = self.location;
        let (wanted, others): (Vec<_>, Vec<_>) = self.failures.into_iter().partition(is_wanted);
        let some = |failures: Vec<_>| (!failures.is_empty()).then(|| Self { failures, location });
        (some(wanted), some(others))
    }

    /// The same failures with errors of another type.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let error = task_group(async |_: TaskGroup<u32>| Err::<(), _>(404)).await.unwrap_err();
    /// let error = error.map(|code| format!("status {code}"));
    /// assert_eq!(error.first().error().unwrap(), "status 404");
    /// # });
    /// ```
    #[must_use]
    pub fn map<D>(self, mut change: impl FnMut(E) -> D) -> GroupError<D> {
        let failures = self.failures.into_iter().map(|failure| Failure {
            task: failure.task,
            kind: match failure.kind {
                FailureKind::Failed(error) => FailureKind::Failed(change(error)),
                FailureKind::Panicked(panic) => FailureKind::Panicked(panic),
            },
        });
        GroupError { failures: failures.collect(), location: self.location }
    }

    /// Goes on with the first panic in it, if there is any; otherwise gives the error
    /// back.
    ///
    /// # Panics
    ///
    /// If somebody in the group did.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    ///
    /// # bowerbird::run(async {
    /// let result = task_group(async |_: TaskGroup<u32>| Err::<(), _>(404)).await;
    /// let error = result.map_err(|error| error.resume_panic()).unwrap_err();
    /// assert_eq!(error.failures().len(), 1);
    /// # });
    /// ```
    #[must_use]
    pub fn resume_panic(mut self) -> Self {
        let is_panic = |failure: &Failure<E>| failure.panic().is_some();
        if let Some(at) = self.failures.iter().position(is_panic)
            && let FailureKind::Panicked(panic) = self.failures.remove(at).kind
        {
            panic.resume();
        }
        self
    }

    /// The same tree, with the causes of each error below it.
    ///
    /// # Examples
    ///
    /// ```
    /// use bowerbird::{task::TaskGroup, task_group};
    /// use std::{error::Error, fmt};
    ///
    /// #[derive(Debug)]
    /// struct Unreadable(std::num::ParseIntError);
    ///
    /// impl fmt::Display for Unreadable {
    ///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    ///         f.write_str("not readable")
    ///     }
    /// }
    ///
    /// impl Error for Unreadable {
    ///     fn source(&self) -> Option<&(dyn Error + 'static)> {
    ///         Some(&self.0)
    ///     }
    /// }
    ///
    /// # bowerbird::run(async {
    /// let error = task_group(async |_: TaskGroup<Unreadable>| {
    ///     "x".parse::<u32>().map_err(Unreadable)
    /// })
    /// .await
    /// .unwrap_err();
    /// let report = error.report().to_string();
    /// let lines: Vec<&str> = report.lines().skip(1).collect();
    /// assert_eq!(lines, [
    ///     "└─ the body: not readable",
    ///     "   caused by: invalid digit found in string",
    /// ]);
    /// # });
    /// ```
    #[must_use]
    pub fn report(&self) -> Report<'_, E>
    where
        E: Error + 'static,
    {
        Report { error: self }
    }

    fn draw(
        &self,
        f: &mut fmt::Formatter<'_>,
        describe: impl Fn(&E, &fmt::Formatter<'_>) -> Branch,
    ) -> fmt::Result {
        let noun = if self.failures.len() == 1 { "failure" } else { "failures" };
        write!(f, "{} {noun} in the task group at {}", self.failures.len(), self.location)?;
        let branches: Vec<Branch> =
            self.failures.iter().map(|failure| failure.branch(|it| describe(it, f))).collect();
        tree::draw(f, branches.into_iter())
    }
}

/// As its user sees it.
fn displayed<E: fmt::Display + 'static>(error: &E, f: &fmt::Formatter<'_>) -> Branch {
    let text = if f.alternate() { format!("{error:#}") } else { error.to_string() };
    Branch::new(text).caused_by(tree::error_in(error).and_then(Error::source))
}

/// As its programmer sees it, or its user, where that can be had.
fn debugged<E: fmt::Debug + 'static>(error: &E, f: &fmt::Formatter<'_>) -> Branch {
    if let Some(error) = tree::error_in(error) {
        return Branch::new(error.to_string()).caused_by(error.source());
    }
    let plain = || if f.alternate() { format!("{error:#?}") } else { format!("{error:?}") };
    Branch::new(tree::text_in(error).map_or_else(plain, str::to_owned))
}

impl<E: fmt::Display + 'static> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, displayed)
    }
}

impl<E: fmt::Debug + 'static> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.draw(f, debugged)
    }
}

impl<E: fmt::Debug + fmt::Display + 'static> Error for GroupError<E> {
    /// The first error, where `E` is a boxed error or an [`io::Error`].
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.first().error().and_then(tree::error_in)
    }
}

/// For functions that fail with an [`io::Error`]: with the kind of the first failure, if
/// that was one.
impl<E: fmt::Debug + fmt::Display + Send + Sync + 'static> From<GroupError<E>> for io::Error {
    fn from(error: GroupError<E>) -> Self {
        let first = error.first().error().map(|it| it as &dyn Any);
        let kind = first.and_then(|it| it.downcast_ref::<Self>()).map(Self::kind);
        Self::new(kind.unwrap_or(io::ErrorKind::Other), error)
    }
}

impl<E> IntoIterator for GroupError<E> {
    type Item = Failure<E>;
    type IntoIter = std::vec::IntoIter<Failure<E>>;

    fn into_iter(self) -> Self::IntoIter {
        self.failures.into_iter()
    }
}

/// A [`GroupError`] with causes. See [`GroupError::report`].
pub struct Report<'a, E> {
    error: &'a GroupError<E>,
}

impl<E: Error + 'static> fmt::Display for Report<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.draw(f, |error, _| Branch::new(error.to_string()).caused_by(error.source()))
    }
}

impl<E: Error + 'static> fmt::Debug for Report<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl<E> Failure<E> {
    /// The error, if it was one.
    #[must_use]
    pub fn error(&self) -> Option<&E> {
        match &self.kind {
            FailureKind::Failed(error) => Some(error),
            FailureKind::Panicked(_) => None,
        }
    }

    /// The error, if it was one.
    #[must_use]
    pub fn into_error(self) -> Option<E> {
        match self.kind {
            FailureKind::Failed(error) => Some(error),
            FailureKind::Panicked(_) => None,
        }
    }

    /// The panic, if it was one.
    #[must_use]
    pub fn panic(&self) -> Option<&Panic> {
        match &self.kind {
            FailureKind::Failed(_) => None,
            FailureKind::Panicked(panic) => Some(panic),
        }
    }

    /// Who did what, without details: of those nothing is known here.
    pub(super) fn headline(&self) -> String {
        let what = match &self.kind {
            FailureKind::Failed(_) => "failed",
            FailureKind::Panicked(_) => "panicked",
        };
        format!("{} {what}", self.who())
    }

    fn who(&self) -> String {
        self.task.as_ref().map_or_else(|| "the body".to_owned(), TaskInfo::to_string)
    }

    fn branch(&self, describe: impl FnOnce(&E) -> Branch) -> Branch {
        match &self.kind {
            FailureKind::Failed(error) => describe(error).after(&format!("{}: ", self.who())),
            FailureKind::Panicked(panic) => Branch::new(format!("{} {panic}", self.who())),
        }
    }
}

impl<E: fmt::Display + 'static> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.branch(|error| displayed(error, f)).write(f, "")
    }
}

impl<E> FailureKind<E> {
    /// There is no group to hear of it.
    pub(super) fn go_on_alone(self) {
        match self {
            Self::Failed(error) => drop(error),
            Self::Panicked(panic) => panic.resume(),
        }
    }
}

impl Panic {
    pub(super) fn new(payload: Box<dyn Any + Send>) -> Self {
        let text = payload.downcast_ref::<&'static str>().map(|it| (*it).to_owned());
        let message = text.or_else(|| payload.downcast_ref::<String>().cloned());
        Self { message, payload: Lock::new(payload) }
    }

    /// What it said, if it was text.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// What was panicked with.
    #[must_use]
    pub fn into_payload(self) -> Box<dyn Any + Send> {
        self.payload.into_inner()
    }

    /// Goes on with it on this thread.
    ///
    /// # Panics
    ///
    /// Always: that is what it is for.
    pub fn resume(self) -> ! {
        resume_unwind(self.into_payload())
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.message {
            Some(message) => write!(f, "panicked: {message}"),
            None => f.write_str("panicked with a payload that is not text"),
        }
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Panic").field("message", &self.message).finish_non_exhaustive()
    }
}

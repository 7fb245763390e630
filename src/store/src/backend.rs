use crate::Error;
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;

/// Nobody but the owner.
const MODE: u32 = 0o700;

/// Opens the object store in a directory, which is made if it is not there, and is the owner's alone (mode 0700).
///
/// Safe against death at any instant: an object is written to a file with `#` in its name, which no list shows and no
/// key can name, synced, and only then linked to its own name; what is left of a dead writer is never seen.
///
/// # Errors
/// `Denied` or `Unavailable` if the directory cannot be made or used.
pub fn local(directory: &Path) -> Result<Arc<dyn ObjectStore>, Error> {
    let problem = |error: io::Error| {
        let text = format!("{}: {error}", directory.display());
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => Error::Denied(text),
            _ => Error::Unavailable(text),
        }
    };
    DirBuilder::new().recursive(true).mode(MODE).create(directory).map_err(problem)?;
    let permissions = fs::metadata(directory).map_err(problem)?.permissions();
    if permissions.mode() & 0o777 != MODE {
        fs::set_permissions(directory, Permissions::from_mode(MODE)).map_err(problem)?;
    }
    let store = LocalFileSystem::new_with_prefix(directory)?;
    Ok(Arc::new(store.with_fsync(true).with_automatic_cleanup(true)))
}

/// Makes an empty object store in memory.
pub fn memory() -> Arc<dyn ObjectStore> {
    Arc::new(InMemory::new())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{key, open};
    use crate::{Created, Key};
    use std::collections::BTreeSet;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    const ROUNDS: u64 = 40;

    #[test]
    fn the_directory_is_the_owners_alone() {
        let base = tempfile::tempdir().unwrap();
        let mode = |directory: &Path| fs::metadata(directory).unwrap().permissions().mode() & 0o777;
        let fresh = base.path().join("a/b");
        local(&fresh).unwrap();
        assert_eq!(mode(&fresh), MODE);
        let loose = base.path().join("loose");
        DirBuilder::new().mode(0o755).create(&loose).unwrap();
        local(&loose).unwrap();
        assert_eq!(mode(&loose), MODE);
        fs::write(base.path().join("file"), "").unwrap();
        assert!(matches!(local(&base.path().join("file")), Err(Error::Unavailable(_))));
    }

    #[tokio::test]
    async fn what_a_dead_writer_left_is_not_seen() {
        let directory = tempfile::tempdir().unwrap();
        let store = open(&local(directory.path()).unwrap()).await;
        let _ = store.create(&key("a/b"), &1).await.unwrap();
        fs::write(directory.path().join("a/c!record#1"), "half").unwrap();
        assert_eq!(store.list(&key("a")).await.unwrap(), [key("a/b")]);
        assert_eq!(store.create(&key("a/c"), &2).await.unwrap(), Created::Made);
        assert_eq!(store.list(&key("a")).await.unwrap(), [key("a/b"), key("a/c")]);
    }

    /// Starts this test binary again, to do one thing in a process of its own.
    #[expect(clippy::disallowed_methods, reason = "only this process knows which binary that is")]
    fn child(directory: &Path, what: &str) -> Child {
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "backend::tests::a_child_does_what_it_is_told", "--nocapture"])
            .env("ACQUIRE_TEST_DIRECTORY", directory)
            .env("ACQUIRE_TEST_CHILD", what)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap()
    }

    fn numbers(child: &mut Child) -> impl Iterator<Item = u64> {
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.map_while(Result::ok).filter_map(|line| line.strip_prefix("did ")?.parse().ok())
    }

    #[expect(clippy::disallowed_methods, reason = "this is how a test tells its child what to do")]
    #[tokio::test]
    async fn a_child_does_what_it_is_told() {
        let Some(directory) = std::env::var_os("ACQUIRE_TEST_DIRECTORY") else { return };
        let store = open(&local(Path::new(&directory)).unwrap()).await;
        let race = std::env::var("ACQUIRE_TEST_CHILD").unwrap() == "race";
        let here = key("ready").child(&std::process::id().to_string()).unwrap();
        let _ = store.create(&here, &()).await.unwrap();
        while race && store.list(&key("ready")).await.unwrap().len() < 2 {
            tokio::task::yield_now().await;
        }
        for n in 0..if race { ROUNDS } else { u64::MAX } {
            let name = key("work").child(&n.to_string()).unwrap();
            if store.create(&name, &n).await.unwrap() == Created::Made {
                println!("\ndid {n}");
            }
        }
    }

    #[test]
    fn of_two_processes_one_makes_each_record() {
        let directory = tempfile::tempdir().unwrap();
        let mut children = [child(directory.path(), "race"), child(directory.path(), "race")];
        let made: Vec<Vec<u64>> = children.iter_mut().map(|child| numbers(child).collect()).collect();
        for mut child in children {
            assert!(child.wait().unwrap().success());
        }
        let mut all = made.concat();
        all.sort_unstable();
        assert_eq!(all, (0..ROUNDS).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_writer_killed_at_any_instant_loses_nothing_that_it_was_told_is_done() {
        let directory = tempfile::tempdir().unwrap();
        let mut done = BTreeSet::new();
        for enough in [1, 5, 20] {
            let mut child = child(directory.path(), "write");
            done.extend(numbers(&mut child).take(enough));
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let store = open(&local(directory.path()).unwrap()).await;
        let listed: BTreeSet<Key> = store.list(&key("work")).await.unwrap().into_iter().collect();
        for n in done {
            assert!(listed.contains(&key("work").child(&n.to_string()).unwrap()), "{n}");
        }
        for name in &listed {
            let n: u64 = store.get(name).await.unwrap().unwrap();
            assert_eq!(name.segments().last(), Some(n.to_string().as_str()));
        }
    }
}

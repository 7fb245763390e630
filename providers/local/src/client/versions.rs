use super::files;
use super::process::Home;
use acquire_crypto::hash;
use acquire_provider::{Deployment, Error};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Most programs that are kept, unless more are needed at the moment.
const KEPT_MAX: usize = 3;
/// Digits of a digest.
const DIGEST_CHARACTERS: usize = 64;
/// How many of them people are shown.
const SHOWN_CHARACTERS: usize = 8;

/// The programs that the host ran, each under its SHA-256, so that one can be run again after the file that it came from
/// was replaced.
pub(crate) struct Versions(PathBuf);

impl Versions {
    /// Those of the host of a deployment.
    pub(crate) fn of(home: &Home) -> Self {
        Self(home.directory().join("versions"))
    }

    /// Finds the program of that digest. The one of the deployment is kept for later on the way; `running` is what the
    /// host runs now, which is not forgotten for it.
    ///
    /// # Errors
    /// `NotFound` if it is neither the one of the deployment nor kept; `Invalid` if what is kept was changed.
    pub(crate) fn program(
        &self,
        deployment: &Deployment,
        digest: &str,
        running: Option<&str>,
    ) -> Result<PathBuf, Error> {
        if digest == deployment.binary.sha256 {
            self.keep(&deployment.binary.path, digest)?;
            self.forget_oldest(&deployment.proved, &[Some(digest), running])?;
            return Ok(deployment.binary.path.clone());
        }
        let short = digest.get(..SHOWN_CHARACTERS).unwrap_or(digest);
        let path = self.path(digest).filter(|path| path.is_file()).ok_or_else(|| {
            Error::NotFound(format!("the binary {short}… is not kept on this machine"))
                .advise("apply with that binary itself")
        })?;
        let read = || hash::sha256_of(&mut File::open(&path)?);
        let found = read().map_err(|error| files::failed("read", &path, &error))?;
        if hash::hex(&found) != digest {
            let advice = "remove that file, and apply with the binary itself";
            return Err(
                Error::Invalid(format!("{} is not the binary {short}… any more", path.display())).advise(advice)
            );
        }
        Ok(path)
    }

    /// Where the program of a digest is kept; `None` if that is no digest.
    fn path(&self, digest: &str) -> Option<PathBuf> {
        is_digest(digest).then(|| self.0.join(digest))
    }

    /// Keeps a program: as another name of the same file where that can be, else as a copy. One that is kept already and is
    /// empty, as after a power cut, is kept anew.
    fn keep(&self, program: &Path, digest: &str) -> Result<(), Error> {
        let is_there = |path: &PathBuf| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 0);
        let Some(path) = self.path(digest).filter(|path| !is_there(path)) else { return Ok(()) };
        files::make_directory(&self.0)?;
        files::remove(&path)?;
        let copied = || {
            let partial = path.with_extension("new");
            fs::copy(program, &partial)?;
            File::open(&partial)?.sync_all()?;
            fs::rename(&partial, &path)
        };
        let kept = fs::hard_link(program, &path).or_else(|_| copied());
        kept.map_err(|error| files::failed("keep the program as", &path, &error))
    }

    /// Forgets what is too much: first what was never proved alive, then what was proved; the oldest first.
    fn forget_oldest(&self, proved: &[String], needed: &[Option<&str>]) -> Result<(), Error> {
        let rank = |digest: &String| proved.iter().position(|proved| proved == digest);
        let mut kept: Vec<(Option<usize>, SystemTime, String)> = self
            .all()
            .map_err(|error| files::failed("list", &self.0, &error))?
            .into_iter()
            .map(|(digest, modified)| (rank(&digest), modified, digest))
            .collect();
        let excess = kept.len().saturating_sub(KEPT_MAX);
        kept.retain(|(_, _, digest)| !needed.contains(&Some(digest)));
        // `None` sorts first.
        kept.sort();
        kept.iter().take(excess).try_for_each(|(_, _, digest)| files::remove(&self.0.join(digest)))
    }

    /// Every kept program, and when its file was written.
    fn all(&self) -> io::Result<Vec<(String, SystemTime)>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut all = Vec::new();
        for entry in entries {
            let entry = entry?;
            let digest = entry.file_name().into_string().unwrap_or_default();
            if is_digest(&digest) {
                all.push((digest, entry.metadata()?.modified()?));
            }
        }
        Ok(all)
    }
}

fn is_digest(text: &str) -> bool {
    text.len() == DIGEST_CHARACTERS && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Bench;
    use acquire_provider::Binary;

    /// A deployment whose program is a file with that content; its digest is returned too.
    fn with(bench: &Bench, content: &str, proved: &[&String]) -> (Deployment, String) {
        let path = bench.cx.deployment.data.parent().unwrap().join("acquire");
        // As an installer does it: another file takes the name.
        let _ = fs::remove_file(&path);
        fs::write(&path, content).unwrap();
        let sha256 = hash::sha256_hex(content.as_bytes());
        let proved = proved.iter().map(|digest| (*digest).clone()).collect();
        let binary = Binary { path, sha256: sha256.clone() };
        (Deployment { binary, proved, ..Deployment::clone(&bench.cx.deployment) }, sha256)
    }

    fn kept(versions: &Versions) -> Vec<String> {
        let mut kept: Vec<String> = versions.all().unwrap().into_iter().map(|(digest, _)| digest).collect();
        kept.sort();
        kept
    }

    #[test]
    fn a_program_is_found_again_after_its_file_was_replaced_and_not_if_it_was_changed() {
        let bench = Bench::new();
        let versions = Versions::of(&Home::new(&bench.cx.deployment.data));
        let (one, first) = with(&bench, "one", &[]);
        assert_eq!(versions.program(&one, &first, None).unwrap(), one.binary.path);
        let (two, second) = with(&bench, "two", &[]);
        assert_eq!(versions.program(&two, &second, None).unwrap(), two.binary.path);
        let path = versions.program(&two, &first, None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one");
        fs::write(&path, "three").unwrap();
        let (what, advice) = versions.program(&two, &first, None).unwrap_err().told();
        assert!(what.contains(&path.display().to_string()) && advice.is_some(), "{what}");
    }

    #[test]
    fn what_is_not_kept_is_named() {
        let bench = Bench::new();
        let versions = Versions::of(&Home::new(&bench.cx.deployment.data));
        for unknown in ["ab".repeat(32), "../../acquire".to_owned(), String::new()] {
            let error = versions.program(&bench.cx.deployment, &unknown, None).unwrap_err();
            assert!(matches!(error, Error::NotFound(_)), "{error}");
        }
    }

    #[test]
    fn three_are_kept_and_what_was_never_proved_goes_before_what_was() {
        let bench = Bench::new();
        let versions = Versions::of(&Home::new(&bench.cx.deployment.data));
        let keep = |content: &str, proved: &[&String], running: Option<&String>| {
            let (deployment, digest) = with(&bench, content, proved);
            versions.program(&deployment, &digest, running.map(String::as_str)).unwrap();
            digest
        };
        let sorted = |mut digests: Vec<&String>| {
            digests.sort();
            digests.into_iter().cloned().collect::<Vec<_>>()
        };
        let a = keep("a", &[], None);
        let b = keep("b", &[&a], Some(&a));
        let c = keep("c", &[&a], Some(&b));
        assert_eq!(kept(&versions), sorted(vec![&a, &b, &c]));
        let d = keep("d", &[&a], Some(&c));
        assert_eq!(kept(&versions), sorted(vec![&a, &c, &d]), "b was never proved, and c runs");
        let e = keep("e", &[&a, &c, &d], Some(&d));
        assert_eq!(kept(&versions), sorted(vec![&c, &d, &e]), "a was proved first");
    }
}

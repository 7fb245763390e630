use crate::tool;
use anyhow::{Context, Result};
use std::fs;

/// The stock Python client with today's packages, and with those of its own time.
const PEERS: [(&str, &[&str]); 2] = [
    ("new", &["acquire==0.1.2", "cryptography", "pyotp"]),
    ("old", &["acquire==0.1.2", "cryptography==3.4.8", "pyotp==2.3.0"]),
];

/// Makes the Python environments `target/peers/new` and `target/peers/old`, unless they are there and complete.
pub fn peers() -> Result<()> {
    PEERS.iter().try_for_each(|(name, packages)| peer(name, packages))
}

fn peer(name: &str, packages: &[&str]) -> Result<()> {
    let directory = tool::target().join("peers").join(name);
    // Written last, so an environment that was interrupted is made again.
    let stamp = directory.join("complete");
    let wanted = packages.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    let path = directory.to_string_lossy();
    tool::run(&mut tool::command("python3", &["-m", "venv", "--clear", &path]))
        .context("the peer tests need Python 3 with venv (Debian: python3-venv)")?;
    let python = directory.join("bin/python").to_string_lossy().into_owned();
    let install = ["-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-input"];
    tool::run(&mut tool::command(&python, &[&install, packages].concat()))?;
    tool::run(&mut tool::command(&python, &["-c", "import Acquire.Client, Acquire.Crypto, Acquire.Service"]))?;
    fs::write(&stamp, wanted).with_context(|| format!("cannot write {}", stamp.display()))
}

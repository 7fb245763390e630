use crate::tool;
use anyhow::{Context, Result, bail};
use std::env::consts::ARCH;
use std::fs;
use std::process::Command;

/// Builds the static release binary, checks that it is static and stripped, and says where it is and how big.
#[expect(clippy::print_stdout, reason = "a developer reads it")]
pub fn dist() -> Result<()> {
    // With the target named, the flag reaches the binary and not the build scripts.
    let target = format!("{ARCH}-unknown-linux-gnu");
    let arguments = ["rustc", "--locked", "--release", "--target", &target, "--bin", "acquire"];
    tool::run(tool::cargo(&arguments).args(["--", "-C", "target-feature=+crt-static"]))?;
    let binary = tool::target().join(&target).join("release/acquire");
    let path = binary.to_string_lossy();
    let links = said(&mut tool::command("ldd", &[&path]))?;
    if !["statically linked", "not a dynamic executable"].iter().any(|words| links.contains(words)) {
        bail!("{path} is not static: {links}");
    }
    let symbols = said(&mut tool::command("nm", &[&path]))?;
    if !symbols.contains("no symbols") {
        bail!("{path} is not stripped");
    }
    let bytes = fs::metadata(&binary).with_context(|| format!("cannot see {path}"))?.len();
    println!("{path}: static, stripped, {:.1} MiB", bytes as f64 / f64::from(1 << 20));
    Ok(())
}

/// What a command says on either stream, whether or not it succeeds: `ldd` fails on what it is wanted to find.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot run {command:?}"))?;
    Ok(String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).trim().to_owned())
}

use super::deployment::Deployment;
use anyhow::{Result, bail};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Fresh applies, and cold starts, that are measured; the best and the median are printed.
const ROUNDS: usize = 7;
/// How long the host is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(3);

/// Measures and prints.
pub fn run() -> Result<()> {
    let mut applies = Vec::new();
    let mut deployment = Deployment::new()?;
    for _ in 0..ROUNDS {
        deployment = Deployment::new()?;
        applies.push(deployment.acquire(&["apply", "--yes"])?.1);
    }
    print("apply of the least spec on an empty directory (goal ≤ 3 s)", applies);
    std::thread::sleep(IDLE);
    println!("all six running idle (goal ≤ 30 MB): {:.1} MB resident", deployment.memory_mb("VmRSS")?);
    let (mut starts, mut last) = (Vec::new(), None);
    for _ in 0..ROUNDS {
        starts.push(cold_start(&deployment, &mut last)?);
    }
    print("cold serve to the first answered root call (goal ≤ 20 ms)", starts);
    println!(
        "binary: {:.1} MB, not static; `cargo xtask dist` makes the static one",
        fs::metadata(deployment.binary())?.len() as f64 / 1e6
    );
    Ok(())
}

fn print(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (best, median) =
        (times.first().copied().unwrap_or_default(), times.get(times.len() / 2).copied().unwrap_or_default());
    println!(
        "{what}: best {:.1} ms, median {:.1} ms of {}",
        best.as_secs_f64() * 1e3,
        median.as_secs_f64() * 1e3,
        times.len()
    );
}

/// Ends the host, starts `serve` as the provider does, and asks root until it answers. `last` is the host that was started
/// here before: a child stays in the table of processes until it is waited for.
fn cold_start(deployment: &Deployment, last: &mut Option<Child>) -> Result<Duration> {
    let pid = deployment.pid()?;
    let environ = fs::read(format!("/proc/{pid}/environ"))?;
    let variables: Vec<(String, String)> = String::from_utf8_lossy(&environ)
        .split('\0')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let address = fs::read_to_string(deployment.path().join(".acquire/bench/data/host/address"))?;
    Command::new("kill").args(["-9", &pid.to_string()]).status()?;
    if let Some(mut child) = last.take() {
        child.wait()?;
    }
    while fs::exists(format!("/proc/{pid}"))? {
        std::thread::sleep(Duration::from_millis(5));
    }
    let started = Instant::now();
    let child = Command::new(deployment.binary())
        .arg("serve")
        .env_clear()
        .envs(variables)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    *last = Some(child);
    while started.elapsed() < Duration::from_secs(10) {
        if let Ok(mut stream) = TcpStream::connect(&address) {
            let head = "POST /t/registry HTTP/1.1\r\nhost: bench\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            stream.write_all(head.as_bytes())?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            if answer.starts_with("HTTP/1.1 200") {
                return Ok(started.elapsed());
            }
        }
        std::thread::sleep(Duration::from_micros(200));
    }
    bail!("the host did not answer within 10 s")
}

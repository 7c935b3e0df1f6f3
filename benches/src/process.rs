//! Server processes: started, waited for, asked over a plain socket, and read from `/proc`.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, bail, ensure};

/// What stands before the address in the line that a server prints when it listens.
pub const WORD: &str = "listens on http://";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at something that is awaited.
const PAUSE: Duration = Duration::from_micros(500);

/// A server process; killed when it is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
}

impl Server {
    /// Starts a server that prints its address; what it writes to its error output goes to `log`.
    pub fn start(mut command: Command, log: &Path) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(log)?);
        let mut child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        let output = child.stdout.take().context("the output of a server is piped")?;
        let mut server = Self { child, address: String::new() };
        let mut lines = BufReader::new(output);
        let mut line = String::new();
        while server.address.is_empty() {
            line.clear();
            if lines.read_line(&mut line)? == 0 {
                let log = std::fs::read_to_string(log).unwrap_or_default();
                bail!("a server ended before it listened: {command:?}\n{log}");
            }
            if let Some((_, after)) = line.split_once(WORD) {
                after.split_whitespace().next().unwrap_or_default().trim_end_matches('/').clone_into(&mut server.address);
            }
        }
        std::thread::spawn(move || drop(std::io::copy(&mut lines, &mut std::io::sink())));
        Ok(server)
    }

    /// Starts a server that listens on an address known beforehand, and waits until it accepts connections.
    pub fn start_at(mut command: Command, address: String, log: &Path) -> anyhow::Result<Self> {
        command.stdin(Stdio::null()).stdout(File::create(log)?).stderr(Stdio::null());
        let child = command.spawn().with_context(|| format!("{command:?} cannot be started"))?;
        let mut server = Self { child, address };
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(&server.address).is_err() {
            if let Some(status) = server.child.try_wait()? {
                bail!("{command:?} ended with {status}\n{}", std::fs::read_to_string(log).unwrap_or_default());
            }
            ensure!(Instant::now() < deadline, "{command:?} does not listen on {}", server.address);
            std::thread::park_timeout(PAUSE);
        }
        Ok(server)
    }

    /// Asks until `/readyz` answers 200.
    pub fn wait_until_ready(&self) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, body) = self.get("/readyz")?;
            if status == 200 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "the service does not become ready: {body}");
            std::thread::park_timeout(PAUSE);
        }
    }

    /// GET: status and body.
    pub fn get(&self, path: &str) -> anyhow::Result<(u16, String)> {
        self.request(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address))
    }

    /// Sends a whole request that asks for the connection to be closed.
    pub fn request(&self, text: &str) -> anyhow::Result<(u16, String)> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(text.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).context("an answer without a status")?;
        Ok((status, body.to_owned()))
    }

    /// Process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) -> anyhow::Result<()> {
        let status = Command::new("kill").args([format!("-{name}"), self.pid().to_string()]).status()?;
        ensure!(status.success(), "signal {name} was not sent");
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.signal("TERM")?;
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < deadline, "the server does not stop");
            std::thread::park_timeout(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Processor time so far, of the process and of its children that ended.
    pub fn processor_time(&self) -> anyhow::Result<Duration> {
        processor_time(&std::fs::read_to_string(format!("/proc/{}/stat", self.pid()))?)
    }

    /// A line of `/proc/PID/FILE` in kibibytes: `memory("status", "VmRSS:")`.
    pub fn memory(&self, file: &str, name: &str) -> anyhow::Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.pid()))?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).with_context(|| format!("{file} has no {name}"))?;
        Ok(line.trim().trim_end_matches("kB").trim().parse()?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Linux counts processor time for programs in hundredths of a second.
const TICK: Duration = Duration::from_millis(10);

/// Fields 14 to 17 of `/proc/PID/stat` (proc_pid_stat(5)); the second field, a name in parentheses, may hold spaces.
fn processor_time(stat: &str) -> anyhow::Result<Duration> {
    let (_, after) = stat.rsplit_once(')').context("a stat file without a name")?;
    let times: Vec<u32> = after.split_whitespace().skip(11).take(4).map(str::parse).collect::<Result<_, _>>()?;
    ensure!(times.len() == 4, "a stat file with too few fields");
    Ok(TICK * times.iter().sum::<u32>())
}

/// The program on a list of processors, or anywhere.
pub fn command_on(processors: Option<&str>, program: &Path) -> Command {
    let Some(processors) = processors else { return Command::new(program) };
    let mut command = Command::new("taskset");
    command.arg("--cpu-list").arg(processors).arg(program);
    command
}

/// An address of this machine that was free a moment ago.
pub fn free_address() -> anyhow::Result<String> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn processor_time_counts_children_and_survives_odd_names() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 5 6 7";
        assert_eq!(processor_time(stat).unwrap(), Duration::from_secs(1));
        assert!(processor_time("7 (a) S 1").is_err());
    }
}

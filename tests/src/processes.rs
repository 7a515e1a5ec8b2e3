//! Real processes of the program, asked over their control sockets.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

/// The bootstrap's port on loopback; node n has the n-th after it.
const BASE_PORT: u16 = 21_400;

/// A node's process and its control socket. It is killed when this is dropped.
#[derive(Debug)]
pub struct Node {
    /// Where it listens.
    pub address: String,
    /// Its state.
    pub folder: PathBuf,
    process: Child,
    control: Option<BufReader<UnixStream>>,
}

impl Drop for Node {
    fn drop(&mut self) {
        self.signal("CONT");
        self.kill();
    }
}

fn spawn(mut program: Command, verb: &str, listen: &str, folder: &Path, more: &[&str]) -> Child {
    program.args(["-q", "-q", verb, "--listen", listen, "--state"]).arg(folder).args(more);
    program.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program starts")
}

/// Where the `number`-th on loopback listens.
pub fn loopback(number: u16) -> String {
    format!("127.0.0.1:{}", BASE_PORT + number)
}

impl Node {
    /// Starts `egoist VERB` as the `number`-th, with its state in a folder of its own under `folder`.
    pub fn start(binary: &Path, verb: &str, number: u16, folder: &Path) -> Self {
        let bootstrap = loopback(0);
        let more = if number == 0 { vec![] } else { vec!["--bootstrap", &bootstrap] };
        Node::run(Command::new(binary), verb, loopback(number), folder.join(number.to_string()), &more)
    }

    /// Starts `program VERB` at an address, with its state in `folder` and what else it is told.
    pub fn run(program: Command, verb: &str, address: String, folder: PathBuf, more: &[&str]) -> Self {
        let process = spawn(program, verb, &address, &folder, more);
        Node { address, folder, process, control: None }
    }

    /// Starts `program VERB` at a port of every address of its host; `address` is the one that it names.
    pub fn run_everywhere(
        program: Command,
        verb: &str,
        address: String,
        folder: PathBuf,
        more: &[&str],
    ) -> Self {
        let port = address.rsplit_once(':').map_or("0", |(_, port)| port);
        let more = [more, &["--advertise", &address]].concat();
        let process = spawn(program, verb, &format!("0.0.0.0:{port}"), &folder, &more);
        Node { address, folder, process, control: None }
    }

    /// Starts a killed node again, on the state that is there.
    pub fn restart(&mut self, binary: &Path) {
        self.control = None;
        let more = ["--bootstrap", &loopback(0)];
        self.process = spawn(Command::new(binary), "node", &self.address, &self.folder, &more);
    }

    /// SIGKILL, and the end awaited.
    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Sends a signal by its name without SIG.
    pub fn signal(&self, name: &str) {
        let _ = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.pid().to_string())
            .stderr(Stdio::null())
            .status();
    }

    /// The process.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Addresses of those to whom the node has a route; `None` while it does not answer.
    pub fn reached(&mut self) -> Option<Vec<String>> {
        let routes = self.ask("overlay.routes", "")?;
        let rows = routes.get("routes").unwrap_or(&routes).as_array()?;
        let reached = rows.iter().filter(|row| !row["cost_ms"].is_null());
        Some(reached.filter_map(|row| Some(row["address"].as_str()?.to_owned())).collect())
    }

    /// Addresses of the nodes on the way to the one that listens at `to`, without the first and with the last.
    pub fn path(&mut self, to: &str) -> Option<Vec<String>> {
        let path = self.ask("overlay.path", &format!(r#""to":"{to}""#))?;
        let hops = path["hops"].as_array()?.iter();
        hops.map(|hop| Some(hop["address"].as_str()?.to_owned())).collect()
    }

    /// The answer to one request with these members of a JSON object; `None` if there was none.
    pub fn ask(&mut self, action: &str, with: &str) -> Option<Value> {
        if self.control.is_none() {
            let stream = UnixStream::connect(self.folder.join("control.sock")).ok()?;
            stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
            self.control = Some(BufReader::new(stream));
        }
        let answer = self.exchange(action, with);
        if answer.is_none() {
            self.control = None;
        }
        answer
    }

    fn exchange(&mut self, action: &str, with: &str) -> Option<Value> {
        let control = self.control.as_mut()?;
        writeln!(control.get_mut(), r#"{{"id":1,"do":"{action}","with":{{{with}}}}}"#).ok()?;
        let mut line = String::new();
        control.read_line(&mut line).ok()?;
        let mut answer: Value = serde_json::from_str(&line).ok()?;
        Some(answer["ok"].take()).filter(|ok| !ok.is_null())
    }
}

/// The program, beside the running example or test.
///
/// # Panics
/// If it was not built.
pub fn binary() -> PathBuf {
    assert!(missing().is_none(), "{}", missing().unwrap_or_default());
    place()
}

/// What to do where the program was not built.
pub fn missing() -> Option<String> {
    let place = place();
    (!place.exists()).then(|| format!("{} is missing: build the workspace first", place.display()))
}

fn place() -> PathBuf {
    let running = std::env::current_exe().expect("a running program has a path");
    running.ancestors().nth(2).expect("it lies two folders below target/PROFILE").join("egoist")
}

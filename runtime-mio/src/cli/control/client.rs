//! The asking side of the control socket.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use egoist_mio::control::{Answer, Body, Refusal, Request, codes};
use serde::de::DeserializeOwned;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};

use super::super::duration;
use super::super::failure::{Failure, Outcome};
use super::Ask;

/// The longest line, its end included: a payload of 65,536 octets as hexadecimal digits, and room around it.
const LONGEST_LINE: u64 = 1 << 20;

/// A connection to a node's control socket.
pub(crate) struct Client {
    stream: BufReader<UnixStream>,
    path: PathBuf,
    patience: Duration,
    next_id: u64,
}

impl Client {
    /// Connects to the socket at `path`; each answer may take `patience`.
    ///
    /// # Errors
    /// Nobody listens there.
    pub(crate) fn connect(path: &Path, patience: Duration) -> Outcome<Self> {
        let stream = connect_within(patience, path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(path, patience),
            _ => unreachable(path, &error),
        })?;
        Ok(Client { stream: BufReader::new(stream), path: path.to_owned(), patience, next_id: 1 })
    }

    /// Asks, and waits for the answer.
    ///
    /// # Errors
    /// The node refused, did not answer in time, or answered something else.
    pub(crate) fn ask<A: Ask>(&mut self, request: &A) -> Outcome<A::Answer> {
        self.try_ask(request)?.map_err(|refusal| self.refused(&refusal))
    }

    /// Asks, and waits for the answer, which may be a refusal.
    ///
    /// # Errors
    /// The node did not answer in time, or answered something else.
    pub(crate) fn try_ask<A: Ask>(&mut self, request: &A) -> Outcome<Result<A::Answer, Refusal>> {
        let id = self.send(request)?;
        self.wait_at_most(Some(self.patience))?;
        match self.answer(id)? {
            Body::Ok(value) => self.read_as(value).map(Ok),
            Body::Error(refusal) => Ok(Err(refusal)),
            Body::Event(_) => Err(self.strange("an event before the answer")),
        }
    }

    /// Asks for events and hands each to `take` until it answers `false`, or the node says that there are no more. Each
    /// may take as long as it likes.
    ///
    /// # Errors
    /// The node refused, went away, or answered something else; what `take` fails with.
    pub(crate) fn follow<A: Ask>(
        &mut self,
        request: &A,
        mut take: impl FnMut(A::Answer) -> Outcome<bool>,
    ) -> Outcome {
        let id = self.send(request)?;
        self.wait_at_most(None)?;
        loop {
            match self.answer(id)? {
                Body::Event(value) => {
                    if !take(self.read_as(value)?)? {
                        return Ok(());
                    }
                }
                Body::Error(refusal) => return Err(self.refused(&refusal)),
                Body::Ok(_) => return Ok(()),
            }
        }
    }

    /// Asks for what comes in pieces and hands each to `take`. Each may take as long as an answer, which may be a refusal.
    ///
    /// # Errors
    /// The node did not go on in time, or answered something else; what `take` fails with.
    pub(crate) fn try_collect<A: Ask>(
        &mut self,
        request: &A,
        mut take: impl FnMut(A::Answer) -> Outcome,
    ) -> Outcome<Result<(), Refusal>> {
        let id = self.send(request)?;
        self.wait_at_most(Some(self.patience))?;
        loop {
            match self.answer(id)? {
                Body::Event(value) => take(self.read_as(value)?)?,
                Body::Error(refusal) => return Ok(Err(refusal)),
                Body::Ok(_) => return Ok(Ok(())),
            }
        }
    }

    /// Asks all of these, so many at a time, and hands each answer to `take`, with what its request was called. Behind a
    /// request that fails there are no more.
    ///
    /// # Errors
    /// The node did not answer in time, or answered something else; what a request or `take` fails with.
    pub(crate) fn ask_all<T, A: Ask>(
        &mut self,
        requests: impl IntoIterator<Item = Outcome<(T, A)>>,
        at_once: usize,
        mut take: impl FnMut(T, Result<A::Answer, Refusal>) -> Outcome,
    ) -> Outcome {
        self.wait_at_most(Some(self.patience))?;
        let (mut requests, mut asked, mut failed) = (requests.into_iter().fuse(), BTreeMap::new(), None);
        loop {
            while failed.is_none()
                && asked.len() < at_once
                && let Some(request) = requests.next()
            {
                match request {
                    Ok((called, request)) => _ = asked.insert(self.send(&request)?, called),
                    Err(failure) => failed = Some(failure),
                }
            }
            if asked.is_empty() {
                return failed.map_or(Ok(()), Err);
            }
            let Answer { id, body } = self.line()?;
            let called = id.as_u64().and_then(|id| asked.remove(&id));
            let called = called.ok_or_else(|| self.strange("an answer to something else"))?;
            match body {
                Body::Ok(value) => take(called, Ok(self.read_as(value)?))?,
                Body::Error(refusal) => take(called, Err(refusal))?,
                Body::Event(_) => return Err(self.strange("an event before the answer")),
            }
        }
    }

    /// Waits until the node closes the connection, at most as long as an answer may take; whether it did.
    ///
    /// # Errors
    /// The operating system refuses the time-out.
    pub(crate) fn wait_for_end(&mut self) -> Outcome<bool> {
        self.wait_at_most(Some(self.patience))?;
        Ok(matches!(self.stream.fill_buf(), Ok([])))
    }

    fn wait_at_most(&self, patience: Option<Duration>) -> Outcome {
        self.stream.get_ref().set_read_timeout(patience).map_err(|e| unreachable(&self.path, &e))
    }

    fn send<A: Ask>(&mut self, request: &A) -> Outcome<u64> {
        let id = self.next_id;
        self.next_id += 1;
        let line = line(id, request).map_err(|e| self.strange(&e.to_string()))?;
        match self.stream.get_mut().write_all(&line) {
            // It may have said why before it closed.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(id),
            written => written.map(|()| id).map_err(|e| self.gone(&e)),
        }
    }

    fn answer(&mut self, id: u64) -> Outcome<Body> {
        let answer = self.line()?;
        match (answer.id, answer.body) {
            (Value::Null, body @ Body::Error(_)) => Ok(body),
            (named, body) if named == id => Ok(body),
            _ => Err(self.strange("an answer to something else")),
        }
    }

    fn line(&mut self) -> Outcome<Answer> {
        let mut line = Vec::new();
        let mut bounded = (&mut self.stream).take(LONGEST_LINE);
        bounded.read_until(b'\n', &mut line).map_err(|e| self.gone(&e))?;
        if !line.ends_with(b"\n") {
            let what = if line.len() as u64 == LONGEST_LINE {
                io::ErrorKind::InvalidData
            } else {
                io::ErrorKind::UnexpectedEof
            };
            return Err(self.gone(&what.into()));
        }
        serde_json::from_slice(&line).map_err(|e| self.strange(&e.to_string()))
    }

    fn read_as<T: DeserializeOwned>(&self, value: Value) -> Outcome<T> {
        serde_json::from_value(value).map_err(|e| self.strange(&e.to_string()))
    }

    fn refused(&self, refusal: &Refusal) -> Failure {
        let place = format!("{} ({})", self.path.display(), refusal.code);
        let failure = Failure::new(refusal.message.as_str()).at(place);
        match refusal.code.as_ref() {
            codes::UNKNOWN_PROTOCOL => failure.try_this("'egoist status' says of which protocol a node is"),
            _ => failure,
        }
    }

    fn strange(&self, what: &str) -> Failure {
        Failure::new(format!("the node's answer cannot be understood ({what})"))
            .at(self.path.display())
            .try_this("is it of the same version? compare 'egoist --version'")
    }

    fn gone(&self, error: &io::Error) -> Failure {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => late(&self.path, self.patience),
            io::ErrorKind::InvalidData => self.strange("a line of more than a MiB"),
            _ => {
                Failure::new("the node closed the connection").at(self.path.display()).try_this("see its log")
            }
        }
    }
}

fn line<A: Ask>(id: u64, request: &A) -> serde_json::Result<Vec<u8>> {
    let action = format!("{}.{}", A::PROTOCOL, A::VERB);
    let request = Request { id: id.into(), action, with: serde_json::to_value(request)? };
    let mut line = serde_json::to_vec(&request)?;
    line.push(b'\n');
    Ok(line)
}

/// A connection whose writes wait no longer than `patience`. It waits so long itself while as many wait to be accepted as
/// the system keeps.
fn connect_within(patience: Duration, path: &Path) -> io::Result<UnixStream> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    socket.set_write_timeout(Some(patience))?;
    socket.connect(&SockAddr::unix(path)?)?;
    Ok(OwnedFd::from(socket).into())
}

fn late(path: &Path, patience: Duration) -> Failure {
    Failure::new(format!("no answer within {}", duration::show(patience)))
        .at(path.display())
        .try_this("the node may be stopped or busy; wait longer with --timeout")
}

fn unreachable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::io("cannot reach the node", path.display(), error);
    failure.try_this(match error.kind() {
        io::ErrorKind::PermissionDenied => "it belongs to another user: ask as that user, or as root",
        _ => "is it running? start one with 'egoist node'",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::{Deserialize, Serialize};
    use serde_json::json;
    use std::os::unix::net::UnixListener;
    use std::thread;

    #[derive(Serialize, Deserialize)]
    struct Anything {}

    impl Ask for Anything {
        const PROTOCOL: &'static str = "overlay";
        const VERB: &'static str = "anything";
        type Answer = Value;
    }

    /// A node that says `lines` to whoever asks something, then closes, or waits for the asker to close.
    fn node(lines: &'static str, closes: bool) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut asked).unwrap();
            stream.write_all(lines.as_bytes()).unwrap();
            if !closes {
                let _ = stream.read(&mut [0]);
            }
        });
        (dir, path)
    }

    fn ask(lines: &'static str, closes: bool) -> Outcome<Value> {
        let (_dir, path) = node(lines, closes);
        Client::connect(&path, Duration::from_millis(100)).unwrap().ask(&Anything {})
    }

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(ask("{\"id\":1,\"ok\":{\"a\":1}}\n", true).unwrap(), json!({"a": 1}));
        let error = |lines, closes| ask(lines, closes).unwrap_err().to_string();
        assert!(
            error("{\"id\":1,\"error\":{\"code\":\"busy\",\"message\":\"no\"}}\n", true)
                .starts_with("egoist: no: ")
        );
        assert!(
            error("{\"id\":null,\"error\":{\"code\":\"busy\",\"message\":\"full\"}}\n", true)
                .starts_with("egoist: full: ")
        );
        assert!(error("{\"id\":null,\"ok\":1}\n", true).contains("an answer to something else"));
        assert!(error("{\"id\":2,\"ok\":1}\n", true).contains("an answer to something else"));
        assert!(error("{\"id\":1,\"event\":1}\n", true).contains("an event before the answer"));
        assert!(error("nonsense\n", true).contains("cannot be understood"));
        assert!(error("{\"id\":1,\"ok\":1}", true).contains("closed the connection"));
        assert!(error("", true).contains("closed the connection"));
        assert!(error("", false).contains("no answer within 100ms"));
    }

    #[test]
    fn a_line_without_end_is_not_read_without_end() {
        let (_dir, path) = {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("c");
            let listener = UnixListener::bind(&path).unwrap();
            thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                while stream.write_all(&[b'x'; 65_536]).is_ok() {}
            });
            (dir, path)
        };
        let mut client = Client::connect(&path, Duration::from_secs(5)).unwrap();
        let error = client.ask(&Anything {}).unwrap_err().to_string();
        assert!(error.contains("more than a MiB"), "{error}");
    }

    #[test]
    fn events_follow_until_enough() {
        let (_dir, path) =
            node("{\"id\":1,\"event\":1}\n{\"id\":1,\"event\":2}\n{\"id\":1,\"ok\":{}}\n", false);
        let mut seen = Vec::new();
        let mut client = Client::connect(&path, Duration::from_secs(5)).unwrap();
        let take = |n: Value| {
            seen.push(n);
            Ok(seen.len() < 2)
        };
        client.follow(&Anything {}, take).unwrap();
        assert_eq!(seen, [1, 2]);
    }

    #[test]
    fn pieces_are_collected_until_the_answer() {
        let collect = |lines, closes| {
            let (_dir, path) = node(lines, closes);
            let mut pieces = Vec::new();
            let mut client = Client::connect(&path, Duration::from_millis(100)).unwrap();
            let take = |piece| {
                pieces.push(piece);
                Ok(())
            };
            client.try_collect(&Anything {}, take).map(|ended| ended.map(|()| pieces))
        };
        let all = collect("{\"id\":1,\"event\":1}\n{\"id\":1,\"event\":2}\n{\"id\":1,\"ok\":{}}\n", false);
        assert_eq!(all.unwrap().unwrap(), [1, 2]);
        let refused = collect(
            "{\"id\":1,\"event\":1}\n{\"id\":1,\"error\":{\"code\":\"busy\",\"message\":\"no\"}}\n",
            false,
        );
        assert_eq!(refused.unwrap().unwrap_err().code, "busy");
        let silent = collect("{\"id\":1,\"event\":1}\n", false).unwrap_err().to_string();
        assert!(silent.contains("no answer within 100ms"), "{silent}");
    }

    #[test]
    fn many_are_asked_at_once_and_each_answer_finds_its_request() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("c");
        let listener = UnixListener::bind(&path).unwrap();
        // Answers each two requests in the other order, and refuses every third.
        let node = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut ids = BufReader::new(stream.try_clone().unwrap()).lines().map(|line| {
                let request: Value = serde_json::from_str(&line.unwrap()).unwrap();
                request["id"].as_u64().unwrap()
            });
            while let (Some(first), second) = (ids.next(), ids.next()) {
                for id in second.into_iter().chain([first]) {
                    let answer = if id % 3 == 0 {
                        format!("{{\"id\":{id},\"error\":{{\"code\":\"busy\",\"message\":\"no\"}}}}\n")
                    } else {
                        format!("{{\"id\":{id},\"ok\":{id}}}\n")
                    };
                    stream.write_all(answer.as_bytes()).unwrap();
                }
            }
        });
        let mut client = Client::connect(&path, Duration::from_secs(5)).unwrap();
        let mut told = BTreeMap::new();
        let take = |id: u64, answer: Result<Value, Refusal>| {
            told.insert(id, answer.ok());
            Ok(())
        };
        client.ask_all((1..=10).map(|id| Ok((id, Anything {}))), 2, take).unwrap();
        let expected = (1..=10_u64).map(|id| (id, (id % 3 != 0).then(|| json!(id))));
        assert_eq!(told, expected.collect());

        let wrong =
            [1, 2, 0, 3].map(|id| if id > 0 { Ok((id, Anything {})) } else { Err(Failure::new("wrong")) });
        let mut told = Vec::new();
        let take = |id, _| {
            told.push(id);
            Ok(())
        };
        let said = client.ask_all(wrong, 4, take).unwrap_err().to_string();
        told.sort_unstable();
        assert_eq!((said.as_str(), told), ("egoist: wrong", vec![1, 2]), "what was asked before is answered");
        drop(client);
        node.join().unwrap();
    }

    #[test]
    fn nobody_there_is_said() {
        let error =
            Client::connect(Path::new("/nowhere/c"), Duration::from_secs(1)).err().unwrap().to_string();
        assert!(
            error.starts_with("egoist: cannot reach the node (")
                && error.contains(": /nowhere/c: is it running?"),
            "{error}"
        );
    }
}

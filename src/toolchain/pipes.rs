//! The two named pipes between the app's process and us; they work through npx, shells and the sandbox alike.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tokio::sync::mpsc;

use super::protocol::{self, HookMessage, Reply};
use crate::error::{Error, Result};

/// The longest line: an app with a hundred thousand files of its own stays below.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;

/// Both pipes, held open at both ends, so that no open ever waits and no end of file comes before [`Pipes::stop`].
pub(super) struct Pipes {
    pub request: PathBuf,
    pub reply: PathBuf,
    to_self: File,
    replies: File,
}

impl Pipes {
    /// Makes the pipes in `folder` and a thread that reads the hook's messages into the channel.
    pub(super) fn create(folder: &Path) -> Result<(Self, mpsc::Receiver<HookMessage>)> {
        let (request, reply) = (folder.join("request"), folder.join("reply"));
        let open = |path: &Path, flags: i32| OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
        let make = || -> std::io::Result<(File, File, File)> {
            make_fifo(&request)?;
            make_fifo(&reply)?;
            Ok((open(&request, 0)?, open(&request, libc::O_NONBLOCK)?, open(&reply, libc::O_NONBLOCK)?))
        };
        let (requests, to_self, replies) =
            make().map_err(|source| Error::io("making the pipes to the app", folder, source))?;
        let (sender, messages) = mpsc::channel(1024);
        std::thread::spawn(move || read(requests, &sender));
        Ok((Pipes { request, reply, to_self, replies }, messages))
    }

    /// Ends the reading thread after everything that was written so far.
    pub(super) fn stop(&self) {
        for _ in 0..10_000 {
            match (&self.to_self).write(b"\n{\"t\":\"stop\"}\n") {
                Err(error) if error.kind() == ErrorKind::WouldBlock => std::thread::yield_now(),
                _ => return,
            }
        }
    }

    /// Writes a reply; waits without blocking a thread while the hook is not reading.
    pub(super) async fn send(&self, reply: &Reply) -> std::io::Result<()> {
        let mut line = serde_json::to_vec(reply)?;
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match (&self.replies).write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for Pipes {
    fn drop(&mut self) {
        self.stop();
    }
}

fn read(requests: File, sender: &mpsc::Sender<HookMessage>) {
    let mut reader = BufReader::with_capacity(64 * 1024, requests);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let Some(message) = protocol::parse(&line) else { continue };
        let last = message == HookMessage::Stop;
        if sender.blocking_send(message).is_err() || last {
            return;
        }
    }
}

#[cfg(not(target_vendor = "apple"))]
fn make_fifo(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::mkfifoat(rustix::fs::CWD, path, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR)?)
}

#[cfg(target_vendor = "apple")]
fn make_fifo(path: &Path) -> std::io::Result<()> {
    let made = std::process::Command::new("mkfifo").arg("-m").arg("600").arg(path).status()?;
    if made.success() { Ok(()) } else { Err(std::io::Error::other("mkfifo did not make the pipe")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_arrive_in_order_and_stop_comes_last() {
        let folder = tempfile::tempdir().unwrap();
        let (pipes, mut messages) = Pipes::create(folder.path()).unwrap();
        std::fs::write(&pipes.request, "{\"t\":\"need\",\"ids\":[1]}\nrubbish\n{\"t\":\"need\",").unwrap();
        pipes.stop();
        assert_eq!(messages.recv().await, Some(HookMessage::Need { ids: vec![1] }));
        assert_eq!(messages.recv().await, Some(HookMessage::Stop));
        assert_eq!(messages.recv().await, None);
    }

    #[tokio::test]
    async fn a_reply_can_be_read_at_the_other_end() {
        let folder = tempfile::tempdir().unwrap();
        let (pipes, _messages) = Pipes::create(folder.path()).unwrap();
        pipes.send(&Reply::Failed { id: 1, error: "x".into() }).await.unwrap();
        let mut line = String::new();
        BufReader::new(File::open(&pipes.reply).unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "{\"id\":1,\"error\":\"x\"}\n");
    }
}

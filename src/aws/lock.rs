//! The stage lock: an object written with S3's conditional writes, renewed while held, taken over when it has expired.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::home::{ETag, Home, Only, Written, json};
use crate::error::{Error, Result};

/// A lock that is not renewed for this long belongs to nobody.
const TTL: Duration = Duration::from_secs(90);
/// Renewed this often.
const RENEW: Duration = Duration::from_secs(25);

/// What the lock's object says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Readable: `deploy of prod at 1a2b3c4d`.
    pub what: String,
    /// The run, or the operation's own id.
    pub run: String,
    /// Machine and process, so that a run killed on this machine can be taken over at once.
    pub host: String,
    pub pid: u32,
    /// Seconds since 1970.
    pub since_s: u64,
    pub expires_s: u64,
}

/// Looks whether the lock is still held, from wherever something is about to be changed.
#[derive(Clone)]
pub struct Proof {
    home: Home,
    key: String,
    holder: Holder,
}

impl Proof {
    /// Errors (`lock.lost`) when somebody has broken the lock meanwhile.
    pub async fn still_held(&self) -> Result<()> {
        let found = self.home.read_bytes(&self.key).await?;
        if found.is_some_and(|(bytes, _)| is_of(&bytes, &self.holder)) {
            return Ok(());
        }
        Err(Error::refused("lock.lost", format!("holding {}", self.key), "somebody else has taken the lock")
            .next("look at who deploys this stage: offshoot stages"))
    }
}

/// Proof that this process holds the stage; everything that writes to a stage asks for it.
pub struct StageLock {
    home: Home,
    key: String,
    holder: Holder,
    tag: Arc<Mutex<ETag>>,
    renewing: JoinHandle<()>,
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|d| d.as_secs()).unwrap_or(0)
}

fn key(stage: &str) -> String {
    format!("{stage}.lock")
}

/// Whom a lock is asked for.
#[derive(Clone, Debug)]
pub struct Asker {
    pub what: String,
    pub run: String,
    pub host: String,
    pub pid: u32,
}

impl StageLock {
    /// Takes the lock, or says who has it (`lock.held`). A lock that has expired, and one of a process of this machine
    /// that is gone (`is_alive` says), is taken over.
    pub async fn take(home: &Home, stage: &str, asker: Asker, is_alive: impl Fn(u32) -> bool) -> Result<StageLock> {
        let key = key(stage);
        for _ in 0..5 {
            let holder = fresh(&asker);
            let bytes = json(&holder)?;
            let found = home.read_bytes(&key).await?;
            let only = match &found {
                None => Only::IfAbsent,
                Some((bytes, tag)) => {
                    let other: Option<Holder> = serde_json::from_slice(bytes).ok();
                    if let Some(other) = other.filter(|o| !is_free(o, &asker, &is_alive)) {
                        return Err(held(stage, &other));
                    }
                    Only::IfUnchanged(tag)
                }
            };
            if let Written::Done(tag) = home.write(&key, bytes, only).await? {
                return Ok(StageLock::hold(home.clone(), key, holder, tag));
            }
        }
        Err(Error::refused(
            "lock.held",
            format!("locking stage {stage}"),
            "several others try to lock it at the same time",
        )
        .next("try again"))
    }

    fn hold(home: Home, key: String, holder: Holder, tag: ETag) -> StageLock {
        let tag = Arc::new(Mutex::new(tag));
        let renewing = tokio::spawn(renew(home.clone(), key.clone(), holder.clone(), tag.clone()));
        StageLock { home, key, holder, tag, renewing }
    }

    /// Errors (`lock.lost`) when somebody has broken the lock meanwhile.
    pub async fn still_held(&self) -> Result<()> {
        self.proof().still_held().await
    }

    pub fn proof(&self) -> Proof {
        Proof { home: self.home.clone(), key: self.key.clone(), holder: self.holder.clone() }
    }

    /// Gives the stage back. That it could not be said is no failure of the run: the lock expires by itself.
    pub async fn release(self) {
        self.renewing.abort();
        let _no_renewal_now = self.tag.lock().await;
        if self.still_held().await.is_err() {
            return;
        }
        if let Err(error) = self.home.delete(&self.key).await {
            tracing::warn!(lock.key = self.key, "giving the stage lock back: {error}");
        }
    }

    /// Breaks whatever lock there is; gives its holder back.
    pub async fn unlock(home: &Home, stage: &str) -> Result<Option<Holder>> {
        let key = key(stage);
        let Some((bytes, _)) = home.read_bytes(&key).await? else { return Ok(None) };
        let holder = serde_json::from_slice(&bytes).ok();
        home.delete(&key).await?;
        Ok(holder)
    }

    /// Who holds the stage now; an expired lock is nobody's.
    pub async fn holder(home: &Home, stage: &str) -> Result<Option<Holder>> {
        let found = home.read_bytes(&key(stage)).await?;
        Ok(found.and_then(|(bytes, _)| serde_json::from_slice::<Holder>(&bytes).ok()).filter(|h| h.expires_s > now_s()))
    }
}

impl Drop for StageLock {
    fn drop(&mut self) {
        // without a release the lock expires by itself; only the renewal must end with the process's interest in it
        self.renewing.abort();
    }
}

async fn renew(home: Home, key: String, holder: Holder, tag: Arc<Mutex<ETag>>) {
    loop {
        tokio::time::sleep(RENEW).await;
        let mut tag = tag.lock().await;
        let next = Holder { expires_s: now_s() + TTL.as_secs(), ..holder.clone() };
        let Ok(bytes) = json(&next) else { return };
        match home.write(&key, bytes, Only::IfUnchanged(&tag)).await {
            Ok(Written::Done(new)) => *tag = new,
            // perhaps our own write, whose answer was lost; else it was taken from us, and `still_held` tells the run
            Ok(Written::Lost) => match home.read_bytes(&key).await {
                Ok(Some((bytes, found))) if is_of(&bytes, &holder) => *tag = found,
                Ok(_) => return,
                Err(error) => tracing::warn!(lock.key = key, "looking at the stage lock: {error}"),
            },
            // unreachable for a moment: try again before it expires
            Err(error) => tracing::warn!(lock.key = key, "renewing the stage lock: {error}"),
        }
    }
}

fn fresh(asker: &Asker) -> Holder {
    Holder {
        what: asker.what.clone(),
        run: asker.run.clone(),
        host: asker.host.clone(),
        pid: asker.pid,
        since_s: now_s(),
        expires_s: now_s() + TTL.as_secs(),
    }
}

/// The lock's object names this process of this run: a run that is resumed elsewhere has the same run.
fn is_of(bytes: &[u8], holder: &Holder) -> bool {
    serde_json::from_slice::<Holder>(bytes)
        .is_ok_and(|h| (h.run, h.host, h.pid) == (holder.run.clone(), holder.host.clone(), holder.pid))
}

fn is_free(other: &Holder, asker: &Asker, is_alive: &impl Fn(u32) -> bool) -> bool {
    other.expires_s <= now_s() || (other.host == asker.host && !is_alive(other.pid)) || is_asker(other, asker)
}

/// Our own write, whose answer was lost.
fn is_asker(other: &Holder, asker: &Asker) -> bool {
    other.run == asker.run && other.pid == asker.pid && other.host == asker.host
}

fn held(stage: &str, by: &Holder) -> Error {
    let minutes = now_s().saturating_sub(by.since_s) / 60;
    let what = format!("{} holds it ({}, process {}, for {minutes} min)", by.what, by.host, by.pid);
    Error::refused("lock.held", format!("locking stage {stage}"), what)
        .next(format!("wait for it to end; if that run is gone for good: offshoot unlock --stage {stage}"))
}

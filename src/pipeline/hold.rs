//! Takes the stage's lock for a run, at once or as soon as whoever has it lets go.

use std::time::{Duration, Instant};

use super::Desk;
use super::progress::Teller;
use super::stage::Intent;
use crate::aws::lock::{Asker, StageLock};
use crate::error::Result;
use crate::names::Digest;

/// How long a lock that somebody else holds is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    No,
    For(Duration),
}

/// Between two looks at a lock that is held.
const LOOK: Duration = Duration::from_secs(2);

/// Takes the lock. Errors (`lock.held`): somebody else has it, and goes on having it.
pub async fn take(
    intent: &Intent,
    desk: &Desk,
    run: &str,
    what: &str,
    patience: Patience,
    teller: &Teller,
) -> Result<StageLock> {
    let stage = intent.stage.name.as_str();
    let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let asker = Asker {
        what: format!("{what} of {stage} at {}", intent.revision.short()),
        run: run.to_owned(),
        host,
        pid: std::process::id(),
    };
    let begun = Instant::now();
    let mut told = false;
    loop {
        match StageLock::take(&desk.home, stage, asker.clone(), is_alive).await {
            Err(error) if error.code() == "lock.held" => match patience {
                Patience::For(most) if begun.elapsed() < most => {
                    if !told {
                        teller.note(format!("waiting for stage {stage}: {}", error.what()));
                        told = true;
                    }
                    tokio::time::sleep(LOOK.min(desk.aws.pace().most)).await;
                }
                _ => return Err(error),
            },
            taken => return taken,
        }
    }
}

/// Whether a process of this machine still runs.
fn is_alive(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    rustix::process::test_kill_process(pid) != Err(rustix::io::Errno::SRCH)
}

/// Names a run: unique, and fit for a `ClientRequestToken`.
pub fn run_id() -> String {
    let moment = jiff::Timestamp::now();
    let unique = Digest::of(format!("{} {}", moment.as_nanosecond(), std::process::id()));
    format!("{}-{}", moment.as_second(), &unique.as_str()[..8])
}

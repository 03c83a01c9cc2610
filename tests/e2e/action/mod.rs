//! The Action as people use it: its installer, and the example workflows run as they are by `act`.

mod act;
mod cancel;
mod install;
mod log;
mod story;

use crate::cloud::{is_set, say};

fn wanted() -> bool {
    let wanted = is_set("OFFSHOOT_E2E");
    if !wanted {
        say("skipped: the Action is tested only with OFFSHOOT_E2E=1");
    }
    wanted
}

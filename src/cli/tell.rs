//! Watches a run: draws its progress, and turns Ctrl-C into the two ways to stop.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::JoinHandle;

use super::common::Format;
use super::printer::Printer;
use crate::error::{Error, Result};
use crate::pipeline::progress::{Progress, Stop, Teller};
use crate::plan::outcome::Ended;
use crate::render::progress::{Event, Phase, StackProgress};
use crate::render::{self, Detail};

/// How often the live block is drawn again when nothing happens, for the elapsed time.
const REDRAW: Duration = Duration::from_millis(250);

/// A run being watched.
pub struct Watch {
    teller: Teller,
    stop: Stop,
    drawing: JoinHandle<()>,
    signals: JoinHandle<()>,
}

impl Watch {
    pub fn start(printer: Printer, _format: Format) -> Watch {
        let (send, receive) = unbounded_channel();
        let stop = Stop::default();
        let drawing = tokio::spawn(draw(receive, printer.clone()));
        let signals = tokio::spawn(listen(stop.clone(), printer));
        Watch { teller: Teller::new(send), stop, drawing, signals }
    }

    pub fn teller(&self) -> Teller {
        self.teller.clone()
    }

    pub fn stop(&self) -> Stop {
        self.stop.clone()
    }

    /// Work that a first Ctrl-C may simply end: nothing is deployed by it.
    pub async fn guard<T>(&self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            result = work => result,
            () = self.stop.begin_nothing.cancelled() => Err(
                Error::failed("run.cancelled", "working", "stopped by Ctrl-C").next("nothing was deployed; run the command again when you like"),
            ),
        }
    }

    /// Ends the drawing, so that what is printed next stands below it.
    pub async fn end(self) {
        self.signals.abort();
        drop(self.teller);
        // senders in tasks that were left behind must not keep us here
        let _ = tokio::time::timeout(Duration::from_secs(1), self.drawing).await;
    }
}

/// First signal: begin nothing new. Second: leave. Third: the process ends at once.
async fn listen(stop: Stop, printer: Printer) {
    let mut count = 0;
    let Some(mut signals) = Signals::listen() else { return };
    while signals.next().await {
        count += 1;
        match count {
            1 => {
                stop.begin_nothing.cancel();
                printer.always(
                    "Stopping: what runs is finished, nothing new begins. Ctrl-C again to leave it to CloudFormation.",
                );
            }
            2 => {
                stop.leave.cancel();
                printer.always(
                    "Leaving: CloudFormation goes on by itself. `offshoot deploy --resume` takes the run up again.",
                );
            }
            #[expect(
                clippy::disallowed_methods,
                reason = "a third Ctrl-C wants out at once; the lock expires by itself"
            )]
            _ => std::process::exit(130),
        }
    }
}

/// Ctrl-C and a polite request to end; listened to without a gap, so that none is lost.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn listen() -> Option<Signals> {
        Some(Signals {
            interrupt: signal(SignalKind::interrupt()).ok()?,
            terminate: signal(SignalKind::terminate()).ok()?,
        })
    }

    async fn next(&mut self) -> bool {
        tokio::select! {
            got = self.interrupt.recv() => got.is_some(),
            got = self.terminate.recv() => got.is_some(),
        }
    }
}

/// What is known of the run while it is drawn.
struct Board {
    printer: Printer,
    begun: Instant,
    stacks: Vec<(StackProgress, Instant)>,
    /// Lines of the live block on the screen.
    drawn: usize,
}

async fn draw(mut receive: UnboundedReceiver<Progress>, printer: Printer) {
    let mut board = Board { printer, begun: Instant::now(), stacks: Vec::new(), drawn: 0 };
    let mut tick = tokio::time::interval(REDRAW);
    loop {
        tokio::select! {
            progress = receive.recv() => match progress {
                Some(progress) => board.take(progress),
                None => break,
            },
            _ = tick.tick() => {}
        }
        board.redraw();
    }
    board.redraw();
}

impl Board {
    fn take(&mut self, progress: Progress) {
        match progress {
            Progress::Step(step) => self.line(&format!("· {step}")),
            Progress::Note(note) => self.line(&format!("note: {note}")),
            Progress::StackStarted { name, action, resources } => {
                let verb = render::facts::stack_action(action).1;
                self.event(&name, verb, "", "", "");
                let row = StackProgress {
                    name,
                    phase: Phase::Running,
                    status: String::new(),
                    done: 0,
                    total: resources,
                    elapsed: Duration::ZERO,
                    working_on: None,
                };
                self.stacks.push((row, Instant::now()));
            }
            Progress::Resource { stack, logical_id, resource_type, status, reason } => {
                self.event(&stack, &status, &logical_id, &resource_type, &reason);
                self.resource(&stack, &logical_id, &resource_type, &status);
            }
            Progress::StackEnded(outcome) => {
                let word = match outcome.ended {
                    Ended::Done | Ended::Unchanged => Phase::Done,
                    Ended::Failed => Phase::Failed,
                    Ended::Skipped => Phase::Skipped,
                    Ended::Running => Phase::Running,
                };
                if let Some((row, begun)) = self.stacks.iter_mut().find(|(r, _)| r.name == outcome.name) {
                    row.phase = word;
                    row.status = outcome.status.clone();
                    row.elapsed = begun.elapsed();
                    row.working_on = None;
                }
            }
        }
    }

    fn resource(&mut self, stack: &str, logical_id: &str, resource_type: &str, status: &str) {
        let Some((row, _)) = self.stacks.iter_mut().find(|(r, _)| r.name == stack) else { return };
        if resource_type == "AWS::CloudFormation::Stack" && (logical_id == stack || logical_id.is_empty()) {
            row.status = status.to_owned();
            if status.contains("ROLLBACK") {
                row.phase = Phase::RollingBack;
            }
        } else if status.ends_with("_COMPLETE") {
            row.done += 1;
        } else {
            row.working_on = Some(logical_id.to_owned());
        }
    }

    /// A line of a log; on a terminal the live block says it instead.
    fn event(&mut self, stack: &str, status: &str, resource: &str, resource_type: &str, reason: &str) {
        // in a log people look for stacks and for what went wrong; --verbose says every step
        let telling = resource.is_empty() || resource == stack || status.ends_with("_FAILED");
        let hidden = !telling && self.printer.err.detail == Detail::Short;
        if self.printer.quiet || self.printer.live || hidden {
            return;
        }
        let resource = if resource == stack { "" } else { resource };
        let event = Event { elapsed: self.begun.elapsed(), stack, status, resource, resource_type, reason };
        self.printer.say(&render::progress::event(&event, self.printer.err));
    }

    fn line(&mut self, line: &str) {
        self.erase();
        self.printer.say(line);
    }

    fn erase(&mut self) {
        if self.drawn > 0 {
            self.printer.raw(&format!("\x1b[{}A\x1b[J", self.drawn));
            self.drawn = 0;
        }
    }

    fn redraw(&mut self) {
        if !self.printer.live || self.printer.quiet || self.stacks.is_empty() {
            return;
        }
        for (row, begun) in &mut self.stacks {
            if matches!(row.phase, Phase::Running | Phase::RollingBack) {
                row.elapsed = begun.elapsed();
            }
        }
        let rows: Vec<StackProgress> = self.stacks.iter().map(|(r, _)| r.clone()).collect();
        let block = render::progress::live(&rows, self.printer.err);
        self.erase();
        self.printer.raw(&block);
        self.drawn = block.lines().count();
    }
}

/// Where the time went, longest first.
pub fn timings(timings: &BTreeMap<String, f64>) -> String {
    let mut rows: Vec<(&String, &f64)> = timings.iter().collect();
    rows.sort_by(|a, b| b.1.total_cmp(a.1));
    let lines: Vec<String> = rows.iter().map(|(name, seconds)| format!("  {name:<12} {seconds:>8.3} s")).collect();
    format!("Time by step:\n{}", lines.join("\n"))
}

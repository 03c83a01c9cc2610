//! Everything that runs a child process: the app's own program, its bundler, type checker and package manager.

mod bundle_cache;
mod bundle_key;
mod bundler;
mod capture;
mod child;
mod context;
mod deps;
mod esbuild;
mod esbuild_output;
mod file_state;
mod limits;
mod link_tree;
mod node;
mod pipes;
mod process_tree;
mod protocol;
mod sandbox;
mod store;
mod synth;
mod synth_end;
mod synth_run;
mod transpile;
mod typecheck;
mod zip;

pub use bundle_cache::{Pruned, prune};
pub use capture::Captured;
pub use child::{Ended, Ending, Job, LineSink, Stream, clean_environment, run};
pub use context::{ContextLayers, TOOLKIT_CLI_VERSION, TOOLKIT_SCHEMA_VERSION, ToolkitSwitches, merge_context};
pub use deps::{DepsRequest, Installed, install};
pub use limits::Limits;
pub use node::{AppCommand, Runtime};
pub use sandbox::{Sandbox, SandboxMode, Trust, keep_memory_private};
pub use synth::{BundledFunction, Started, Synth, SynthRequest, Typecheck, Validation, synth};
pub use zip::{Zipped, zip};

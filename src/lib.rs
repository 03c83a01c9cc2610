//! The map: the pipeline's picture and the layer rules (ways in → pipeline → outside → words).

// the ways in
pub mod cli;

// the pipeline, read in order
pub mod pipeline;

// the words: pure, no I/O, no async, no SDK types
pub mod names;
pub mod config;
pub mod assembly;
pub mod diff;
pub mod plan;
pub mod render;

// the outside: one folder per thing we talk to
pub mod git;
pub mod aws;
pub mod toolchain;

// everywhere
pub mod error;

//! The map: the pipeline's picture and the layer rules (ways in → review → pipeline → outside → words).

// the ways in
pub mod cli;

// what an event of the forge means for stages, and how it is reported; for every way in that has a forge
pub mod review;

// the pipeline, read in order
pub mod pipeline;

// the words: pure, no I/O, no async, no SDK types
pub mod names;
pub mod config;
pub mod assembly;
pub mod diff;
pub mod plan;
pub mod forge;
pub mod command;
pub mod render;

// the outside: one folder per thing we talk to
pub mod git;
pub mod github;
pub mod aws;
pub mod toolchain;

// everywhere
pub mod error;

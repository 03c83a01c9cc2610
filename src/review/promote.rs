//! Promotes what one stage runs to another one, and rolls a stage back to an assembly that was kept.

//! A pull request as it is now, and its stages made equal to it: planned, deployed, or removed.

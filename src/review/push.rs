//! A branch or tag moved, a merge queue asks: the stages of that branch are planned and deployed.

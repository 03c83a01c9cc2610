//! Previews whose time is over, whose pull request is closed or whose branch is gone are removed.

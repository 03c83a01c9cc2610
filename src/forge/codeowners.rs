//! CODEOWNERS: who owns a path; the last matching line wins.

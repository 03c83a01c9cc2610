//! The fake AWS against the real SDK clients: what tests may rely on.

//! Answers the commands of a comment: asks for the rights, does what is asked, reacts and says what came of it.

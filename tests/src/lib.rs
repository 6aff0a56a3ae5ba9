//! Harness for the stories.

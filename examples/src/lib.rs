//! Helpers of the examples.

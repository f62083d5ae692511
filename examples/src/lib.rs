//! Helpers of the examples.

/// The program in the README of the repository, which has to compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

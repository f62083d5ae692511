//! What the parser expects, in the words of somebody who writes a configuration and not a program.

/// The message of the parser with its types of Rust translated.
pub(super) fn plain(message: &str) -> String {
    let Some((found, expected)) = message.rsplit_once(", expected ") else { return message.to_owned() };
    let found = match found {
        "invalid type: map" => "invalid type: table",
        "invalid type: sequence" => "invalid type: list",
        other => other,
    };
    let expected = match expected {
        "a boolean" => "true or false",
        "a nonzero u16" => "a whole number from 1 to 65535",
        "path string" => "the path of a file in quotes",
        "a sequence" => "a list, as [\"...\", \"...\"], or as [[listener]] where each is a table",
        "a string" => "text in quotes",
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number, 0 or more",
        other if other.starts_with("struct ") => "a table of settings",
        other => other,
    };
    format!("{found}, expected {expected}")
}

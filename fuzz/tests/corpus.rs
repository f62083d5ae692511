//! The bodies of the targets on stable: over the corpus, over random inputs, and over a corpus that was damaged.

use std::fs;
use std::path::Path;

type Body = fn(&[u8]);

const TARGETS: [(&str, Body); 15] = [
    ("acl", mqtt_fuzz::acl),
    ("aliases", mqtt_fuzz::aliases),
    ("configuration", mqtt_fuzz::configuration),
    ("decode", mqtt_fuzz::decode),
    ("differential", mqtt_fuzz::differential),
    ("frames", mqtt_fuzz::frames),
    ("hostile", mqtt_fuzz::hostile),
    ("jwt", mqtt_fuzz::jwt),
    ("password_file", mqtt_fuzz::password_file),
    ("proxy", mqtt_fuzz::proxy),
    ("roundtrip", mqtt_fuzz::roundtrip),
    ("scram", mqtt_fuzz::scram),
    ("session", mqtt_fuzz::session),
    ("topic_match", mqtt_fuzz::topic_match),
    ("websocket", mqtt_fuzz::websocket),
];

/// How many random and how many damaged inputs each target gets.
const INPUTS: usize = 3000;

fn corpus(target: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).expect("a readable file")).collect()
}

/// A small generator of the same numbers in every run (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

#[test]
fn no_input_of_the_corpus_is_a_finding() {
    for (target, body) in TARGETS {
        let corpus = corpus(target);
        assert!(corpus.len() >= 15, "the corpus of {target} has {} inputs", corpus.len());
        corpus.iter().for_each(|input| body(input));
    }
}

#[test]
fn no_random_input_is_a_finding() {
    let mut numbers = Numbers(1);
    for (_, body) in TARGETS {
        for _ in 0..INPUTS {
            let mut input: Vec<u8> = (0..numbers.below(300)).map(|_| numbers.next() as u8).collect();
            // short lengths, so that packets are complete
            if let Some(length) = input.get_mut(1) {
                *length %= 64;
            }
            body(&input);
        }
    }
}

#[test]
fn no_damaged_input_of_the_corpus_is_a_finding() {
    let mut numbers = Numbers(2);
    for (target, body) in TARGETS {
        let corpus = corpus(target);
        for _ in 0..INPUTS {
            let mut input = corpus[numbers.below(corpus.len())].clone();
            for _ in 0..=numbers.below(3) {
                if input.is_empty() {
                    break;
                }
                let at = numbers.below(input.len());
                match numbers.below(3) {
                    0 => input[at] = numbers.next() as u8,
                    1 => input.insert(at, numbers.next() as u8),
                    _ => {
                        input.remove(at);
                    }
                }
            }
            body(&input);
        }
    }
}

#[test]
fn every_class_of_differences_is_written_down_and_no_other() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("DIFFERENCES.md"));
    let text = text.expect("a readable file");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    let written: Vec<&str> = rows.map(|(class, _)| class).collect();
    assert_eq!(written, mqtt_fuzz::CLASSES);
}

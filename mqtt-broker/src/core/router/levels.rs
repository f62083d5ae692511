//! The texts of Topic Levels, each kept once.

use hashbrown::HashTable;

use super::hashing::Hashing;
use super::slab::Slab;

/// Numbers for level texts, counted by use.
///
/// A topic's level is looked up once, however many branches of the tree are at that depth, and a text such as
/// `temperature` is stored once for all devices.
#[derive(Debug)]
pub(super) struct Levels {
    texts: Slab<Level>,
    by_text: HashTable<u32>,
}

#[derive(Debug)]
struct Level {
    text: Box<str>,
    uses: u32,
}

impl Levels {
    pub(super) fn new() -> Self {
        Self { texts: Slab::new(), by_text: HashTable::new() }
    }

    /// The number of a text, which counts as one more use of it.
    pub(super) fn acquire(&mut self, text: &str, hashing: &Hashing) -> u32 {
        if let Some(id) = self.find(text, hashing) {
            self.texts[id].uses += 1;
            return id;
        }
        let id = self.texts.insert(Level { text: text.into(), uses: 1 });
        let texts = &self.texts;
        self.by_text.insert_unique(hashing.text(text), id, |&id| hashing.text(&texts[id].text));
        id
    }

    /// Ends one use; a text without uses is forgotten.
    pub(super) fn release(&mut self, id: u32, hashing: &Hashing) {
        let level = &mut self.texts[id];
        level.uses -= 1;
        if level.uses == 0 {
            let hash = hashing.text(&self.texts.remove(id).text);
            self.by_text.find_entry(hash, |&each| each == id).expect("each text is in the table").remove();
        }
    }

    pub(super) fn find(&self, text: &str, hashing: &Hashing) -> Option<u32> {
        self.by_text.find(hashing.text(text), |&id| *self.texts[id].text == *text).copied()
    }

    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }
}

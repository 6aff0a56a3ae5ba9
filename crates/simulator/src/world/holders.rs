//! Gives every serial number and user id that was ever named a small number, and keeps its text once.

use std::collections::HashMap;

use hashbrown::HashTable;

use crate::seed::mix_text;

/// The number of a holder in its location.
pub(crate) type HolderId = u32;

/// Whether a holder is a device or a user; the same text can name one of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum HolderKind {
    Device,
    User,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    start: u32,
    length: u16,
    kind: HolderKind,
}

/// The holders of one location. About 20 bytes and the text for each, so that a million fit anywhere.
#[derive(Debug, Default)]
pub(crate) struct Holders {
    text: String,
    entries: Vec<Entry>,
    table: HashTable<HolderId>,
    /// The number that a name had before it got this one; few names ever had another.
    before: HashMap<HolderId, HolderId>,
}

impl Holders {
    /// The number of this holder; a new one when it was never named before.
    ///
    /// Texts beyond 65,535 bytes are cut, and callers refuse them long before.
    pub(crate) fn intern(&mut self, kind: HolderKind, name: &str) -> HolderId {
        let name = &name[..name.floor_char_boundary(usize::from(u16::MAX))];
        if let Some(id) = self.find(kind, name) {
            return id;
        }
        let id = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let start = u32::try_from(self.text.len()).unwrap_or(u32::MAX);
        self.text.push_str(name);
        let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
        self.entries.push(Entry { start, length, kind });
        let (text, entries) = (&self.text, &self.entries);
        self.table.insert_unique(hash(kind, name), id, |&id| {
            let entry = entries[id as usize];
            hash(entry.kind, slice(text, entry))
        });
        id
    }

    pub(crate) fn find(&self, kind: HolderKind, name: &str) -> Option<HolderId> {
        self.table
            .find(hash(kind, name), |&id| {
                let entry = self.entries[id as usize];
                entry.kind == kind && slice(&self.text, entry) == name
            })
            .copied()
    }

    /// A new number for a name that has one. From now on the name leads to it, and what belongs to the number
    /// before stays there.
    pub(crate) fn renew(&mut self, kind: HolderKind, name: &str) -> HolderId {
        let Some(before) = self.find(kind, name) else { return self.intern(kind, name) };
        let id = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.entries.push(self.entries[before as usize]);
        self.before.insert(id, before);
        if let Some(found) = self.table.find_mut(hash(kind, name), |&known| known == before) {
            *found = id;
        }
        id
    }

    /// All numbers that a name has and had, the newest first.
    pub(crate) fn all_named(&self, kind: HolderKind, name: &str) -> Vec<HolderId> {
        std::iter::successors(self.find(kind, name), |id| self.before.get(id).copied()).collect()
    }

    /// The number that the name of this one has now.
    pub(crate) fn newest(&self, id: HolderId) -> HolderId {
        self.find(self.kind(id), self.name(id)).unwrap_or(id)
    }

    pub(crate) fn name(&self, id: HolderId) -> &str {
        slice(&self.text, self.entries[id as usize])
    }

    pub(crate) fn kind(&self, id: HolderId) -> HolderKind {
        self.entries[id as usize].kind
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

fn slice(text: &str, entry: Entry) -> &str {
    let start = entry.start as usize;
    &text[start..start + usize::from(entry.length)]
}

fn hash(kind: HolderKind, name: &str) -> u64 {
    mix_text(kind as u64, name)
}

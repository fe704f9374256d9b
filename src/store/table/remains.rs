//! What was cleared: entries and tables that nobody looks anything up in any more, and that are taken apart bit by bit.
//!
//! Clearing a large namespace is one transaction: all of it becomes the remains, and the namespace begins with nothing.
//! Their blocks come free in steps that are short enough to hold a lock for: those who need blocks take such steps first,
//! and whoever cleared goes on until nothing is left. A slot keeps its remains when its namespace is destroyed.
//!
//! Each step is one transaction, so a death in between leaves fewer remains.

use crate::shm::layout::{NIL, Remains};
use crate::store::ground::stop::{Step, Stop};
use crate::store::table::Table;

/// Entries that one transaction takes apart: what a journal has room for.
const AT_ONCE: u32 = 16;

impl Table<'_> {
    /// What was cleared last, if something of it is left.
    pub(in crate::store) fn remains(&self) -> Step<Option<(u32, &'static Remains)>> {
        let id = self.ns.remains.get();
        if id == NIL {
            return Ok(None);
        }
        Ok(Some((id, self.segment.block(id).ok_or(Stop::Damaged)?)))
    }

    /// Takes one step; the blocks are in the stash then. False where nothing was left.
    pub(in crate::store) fn take_apart(&mut self) -> Step<bool> {
        let Some((id, remains)) = self.remains()? else {
            return Ok(false);
        };
        if remains.head.get() != NIL {
            self.give_up_entries(remains)?;
        } else if remains.table_root.get() != NIL {
            self.prune(&remains.table_root, remains.table_depth.get())?;
        } else if remains.tags_root.get() != NIL {
            self.prune_tags(&remains.tags_root)?;
        } else {
            let mut change = self.begin();
            change.set32(&self.ns.remains, remains.next.get());
            self.push_node(&mut change, id)?;
            change.commit_rarely(false)?;
        }
        Ok(true)
    }

    fn give_up_entries(&mut self, remains: &'static Remains) -> Step<()> {
        let mut change = self.begin();
        let mut stock = self.stock();
        let (mut id, mut left) = (remains.head.get(), remains.count.get());
        for _ in 0..AT_ONCE {
            if id == NIL {
                break;
            }
            let entry = self.entry(id)?;
            self.give_up(&mut change, &entry.chain_from(id), &mut stock)?;
            // More of them than there were: the list runs in a circle.
            left = left.checked_sub(1).ok_or(Stop::Damaged)?;
            id = entry.after.get();
        }
        self.store_stock(&mut change, &stock);
        change.set32(&remains.head, id);
        change.set32(&remains.count, left);
        Ok(change.commit_rarely(false)?)
    }

    /// Takes remains apart until the stash has `want` blocks, or nothing is left of them.
    #[cold]
    pub(in crate::store) fn stock_from_remains(&mut self, want: u32) -> Step<()> {
        while self.ns.stash_count.get() < want && self.take_apart()? {}
        Ok(())
    }
}

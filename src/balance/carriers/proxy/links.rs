//! All links of the proxy, by their ids.
//!
//! A link is named by its place and a serial number that no other link of that place has had, so an event that comes
//! late finds nothing and harms nobody.

use super::link::Link;

/// An id holds a serial number above a place, with room for one bit below.
const SERIAL_AT: u32 = 22;
const MOST: usize = 1 << (SERIAL_AT - 1);

#[derive(Debug, Default)]
pub(super) struct Links {
    slots: Vec<Slot>,
    free: Vec<u32>,
}

#[derive(Debug, Default)]
struct Slot {
    serial: u32,
    link: Option<Box<Link>>,
}

impl Links {
    pub(super) fn count(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// The id of a new link; none where there are too many.
    pub(super) fn reserve(&mut self) -> Option<u64> {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None if self.slots.len() == MOST => return None,
            None => {
                self.slots.push(Slot::default());
                self.slots.len() - 1
            }
        };
        Some(u64::from(self.slots[index].serial) << SERIAL_AT | (index as u64) << 1)
    }

    pub(super) fn put(&mut self, link: Box<Link>) {
        let slot = &mut self.slots[place(link.id)];
        slot.link = Some(link);
    }

    /// The link of that id, if it is still there. It is put back, or its id is free again.
    pub(super) fn take(&mut self, id: u64) -> Option<Box<Link>> {
        let slot = self.slots.get_mut(place(id))?;
        slot.link.take_if(|link| link.id == id)
    }

    pub(super) fn free(&mut self, id: u64) {
        let slot = &mut self.slots[place(id)];
        slot.serial = (slot.serial + 1) & (u32::MAX >> 1);
        self.free.push(place(id) as u32);
    }

    /// The ids of those that are like that.
    pub(super) fn which(&self, is_one: impl Fn(&Link) -> bool) -> Vec<u64> {
        let links = self.slots.iter().filter_map(|slot| slot.link.as_deref());
        links.filter(|link| is_one(link)).map(|link| link.id).collect()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = Box<Link>> {
        self.slots.iter_mut().filter_map(|slot| slot.link.take())
    }
}

fn place(id: u64) -> usize {
    (id as usize >> 1) & (MOST - 1)
}

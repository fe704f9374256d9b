//! Which seats get connections, and which of them the strategy chooses.

use super::Board;
use crate::balance::score::{Random, Strategy};
use crate::balance::sticky::{self, Key};
use std::collections::HashMap;

/// Where a connection is to come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::balance) enum Wish {
    /// To a worker of the strategy's choice.
    Any,
    /// To that one.
    Seat(usize),
    /// To the one that its visitor belongs to.
    Belongs(Key),
}

#[derive(Debug)]
pub(in crate::balance) struct Seats {
    /// In the order in which they got ready.
    ready: Vec<usize>,
    /// Which worker sits there.
    workers: HashMap<usize, u32>,
    strategy: Strategy,
    random: Random,
    turn: u64,
}

impl Seats {
    pub(super) fn new(strategy: Strategy, seed: u64) -> Self {
        Self {
            ready: Vec::new(),
            workers: HashMap::new(),
            strategy,
            random: Random::new(seed),
            turn: 0,
        }
    }

    pub(in crate::balance) fn add(&mut self, seat: usize) {
        if !self.has(seat) {
            self.ready.push(seat);
        }
    }

    pub(in crate::balance) fn remove(&mut self, seat: usize) {
        self.ready.retain(|ready| *ready != seat);
    }

    pub(in crate::balance) fn has(&self, seat: usize) -> bool {
        self.ready.contains(&seat)
    }

    pub(in crate::balance) fn ready(&self) -> &[usize] {
        &self.ready
    }

    pub(super) fn name(&mut self, seat: usize, worker: u32) {
        self.workers.insert(seat, worker);
    }

    /// Where a connection has to go, among these; nothing where that is left to the strategy.
    pub(in crate::balance) fn wanted(&self, wish: Wish, among: &[usize]) -> Option<usize> {
        let place = match wish {
            Wish::Any => None,
            Wish::Seat(seat) => among.iter().position(|known| *known == seat),
            Wish::Belongs(key) => {
                let worker = |seat: &usize| self.workers.get(seat).copied().unwrap_or(*seat as u32);
                sticky::belongs(key, among.iter().map(worker))
            }
        };
        place.map(|place| among[place])
    }

    /// Chooses among some of them; gives the place of the chosen one in what was given.
    pub(in crate::balance) fn choose(&mut self, among: &[usize], board: &Board) -> Option<usize> {
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let figures = |index: usize| board.figures(among[index]);
        self.strategy.choose(among.len(), figures, turn, &mut self.random)
    }
}

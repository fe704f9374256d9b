//! Which seats get connections, and which of them the strategy chooses.

use super::Board;
use crate::balance::score::{Random, Strategy};

#[derive(Debug)]
pub(in crate::balance) struct Seats {
    /// In the order in which they got ready.
    ready: Vec<usize>,
    strategy: Strategy,
    random: Random,
    turn: u64,
}

impl Seats {
    pub(super) fn new(strategy: Strategy, seed: u64) -> Self {
        Self {
            ready: Vec::new(),
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

    /// Chooses among some of them; gives the place of the chosen one in what was given.
    pub(in crate::balance) fn choose(&mut self, among: &[usize], board: &Board) -> Option<usize> {
        let turn = self.turn;
        self.turn = self.turn.wrapping_add(1);
        let figures = |index: usize| board.figures(among[index]);
        self.strategy.choose(among.len(), figures, turn, &mut self.random)
    }
}

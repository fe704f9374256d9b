//! The primary's side: what `lib/cluster/fronts/handoff.js` tells the thread, and reads of its counts.

use super::super::balance::{seed, strategy};
use super::super::proxy::{Asked, address, asking, internal, number_of, probes};
use crate::balance::handoff::{Handoff, Happened, Options};
use crate::balance::proxy::{Count, Report};
use napi::bindgen_prelude::Function;
use napi_derive::napi;

/// How a hand-off is to work, as `lib/cluster/fronts/handoff.js` has checked it.
#[napi(object)]
#[derive(Debug)]
pub struct HandoffOptions {
    pub strategy: u32,
    pub weights: Vec<f64>,
    pub door: String,
    pub rebalance: bool,
    pub inspection_ms: f64,
    pub head_limit: u32,
    pub answer_ms: f64,
}

#[napi]
#[derive(Debug, Default)]
pub struct NativeHandoff {
    handoff: Option<Handoff>,
}

#[napi]
impl NativeHandoff {
    #[napi(constructor, catch_unwind)]
    pub fn new() -> Self {
        Self::default()
    }

    /// Listens there. Gives 0, or the number of the system's error. With `ask`, that is asked for each connection.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives objects and strings away by value"
    )]
    pub fn bind(
        &mut self,
        host: String,
        port: u32,
        options: HandoffOptions,
        ask: Option<Function<'_, Asked, ()>>,
    ) -> napi::Result<i32> {
        let asker = ask
            .map(|ask| ask.build_threadsafe_function().weak::<true>().build())
            .transpose()?;
        let known = strategy(options.strategy, &options.weights);
        let (Some(address), Some(strategy)) = (address(&host, port), known) else {
            return Err(internal("A hand-off was told to bind what it cannot"));
        };
        let limits = (options.inspection_ms, options.head_limit, options.answer_ms);
        let bound = Handoff::bind(
            &address,
            Options {
                strategy,
                seed: seed(),
                door: options.door.into_bytes(),
                rebalance: options.rebalance,
                ask: asker.map(|asker| asking(asker, limits)),
            },
        );
        Ok(match bound {
            Ok(handoff) => {
                self.handoff = Some(handoff);
                0
            }
            Err(error) => number_of(&error),
        })
    }

    /// The port that it listens on; 0 for a Unix path.
    #[napi(catch_unwind)]
    pub fn port(&self) -> u32 {
        let local = self.handoff.as_ref().and_then(Handoff::local);
        local.map_or(0, |local| u32::from(local.port()))
    }

    /// The address that it listens on; nothing for a Unix path.
    #[napi(catch_unwind)]
    pub fn local(&self) -> Option<String> {
        let local = self.handoff.as_ref().and_then(Handoff::local);
        local.map(|local| local.ip().to_string())
    }

    #[napi(catch_unwind)]
    pub fn open(&self) {
        if let Some(handoff) = &self.handoff {
            handoff.open();
        }
    }

    /// What is answered while no worker can: paths, statuses and bodies, one beside the other.
    #[napi(catch_unwind)]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "Node-API gives arrays away by value"
    )]
    pub fn set_probes(&self, paths: Vec<String>, statuses: Vec<u32>, bodies: Vec<String>) {
        if let Some(handoff) = &self.handoff {
            handoff.set_probes(probes(paths, statuses, bodies));
        }
    }

    #[napi(catch_unwind)]
    pub fn close(&self) {
        if let Some(handoff) = &self.handoff {
            handoff.close();
        }
    }

    /// Ends the thread, and with it every connection that no worker has taken.
    #[napi(catch_unwind)]
    pub fn stop(&mut self) {
        self.handoff = None;
    }

    #[napi(catch_unwind)]
    pub fn seated(&self, seat: u32, pid: u32) {
        if let Some(handoff) = &self.handoff {
            handoff.seated(seat as usize, pid);
        }
    }

    /// Connections that are a worker's.
    #[napi(catch_unwind)]
    pub fn connections(&self, seat: u32) -> u32 {
        let board = self.handoff.as_ref().map(Handoff::board);
        board.map_or(0, |board| board.connections(seat as usize) as u32)
    }

    #[napi(catch_unwind)]
    pub fn ready(&self, seat: u32) {
        if let Some(handoff) = &self.handoff {
            handoff.ready(seat as usize);
        }
    }

    #[napi(catch_unwind)]
    pub fn withdraw(&self, seat: u32) {
        if let Some(handoff) = &self.handoff {
            handoff.withdraw(seat as usize);
        }
    }

    #[napi(catch_unwind)]
    pub fn gone(&self, seat: u32) {
        if let Some(handoff) = &self.handoff {
            handoff.gone(seat as usize);
        }
    }

    /// The answer to a question: a seat, or -1 to have the strategy choose.
    #[napi(catch_unwind)]
    pub fn assign(&self, id: f64, seat: i32) {
        if let Some(handoff) = &self.handoff {
            handoff.assign(id as u64, usize::try_from(seat).ok());
        }
    }

    #[napi(catch_unwind)]
    pub fn report(&self, seat: u32, lag_ms: f64, cpu_percent: f64, heap_used: f64, heap_total: f64) {
        if let Some(handoff) = &self.handoff {
            let report = Report {
                lag_ms,
                cpu_percent,
                heap_used,
                heap_total,
            };
            handoff.board().report(seat as usize, &report);
        }
    }

    /// Of a seat: connections, those among them that its worker has not taken, requests in flight, and for how many
    /// milliseconds its event loop has been at one thing.
    #[napi(catch_unwind)]
    pub fn load(&self, seat: u32) -> Vec<f64> {
        let seat = seat as usize;
        let load = self.handoff.as_ref().map(Handoff::board).map(|board| {
            let counts = [
                board.connections(seat),
                board.waiting(seat),
                board.in_flight(seat),
            ];
            let [connections, waiting, in_flight] = counts.map(|count| count as f64);
            vec![connections, waiting, in_flight, board.lag_ms(seat)]
        });
        load.unwrap_or_else(|| vec![0.0; 4])
    }

    /// Whether connections go to a seat.
    #[napi(catch_unwind)]
    pub fn serves(&self, seat: u32) -> bool {
        let board = self.handoff.as_ref().map(Handoff::board);
        board.is_some_and(|board| board.serves(seat as usize))
    }

    /// Since the beginning: accepted, failed, taken back, moved, adopted; and now: held.
    #[napi(catch_unwind)]
    pub fn counts(&self) -> Vec<f64> {
        let counts = self.handoff.as_ref().map(Handoff::board).map(|board| {
            vec![
                board.count(Count::Accepted) as f64,
                board.count(Count::Failed) as f64,
                board.happened(Happened::TakenBack) as f64,
                board.happened(Happened::Moved) as f64,
                board.happened(Happened::Adopted) as f64,
                board.held() as f64,
            ]
        });
        counts.unwrap_or_else(|| vec![0.0; 6])
    }
}

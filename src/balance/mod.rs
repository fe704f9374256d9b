//! The balancer: which worker a connection goes to, and how it gets there.
//!
//! `head`, `score` and `sticky` are pure: bytes in, a request out; figures in, a choice out; a visitor in, its worker out. They hold nothing between two
//! calls, so a death in them loses nothing. The `front` listens, accepts, looks at heads and asks who chooses. Beneath it
//! one of two `carriers` brings each connection to a worker: the hand-off gives it the connection itself, the proxy
//! forwards its bytes. The front knows what a carrier is and names none; the carriers do not know of each other.

pub mod carriers;
pub mod front;
pub mod head;
pub mod score;
pub mod sticky;

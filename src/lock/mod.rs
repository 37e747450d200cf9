//! The lock room.

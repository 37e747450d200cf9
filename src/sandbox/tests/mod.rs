//! The sandbox through the real SDK clients.

//! Images: found, built, or read from a layout, and checked before anything is sent.

//! The server beside the real `git`.

mod serving;

//! From files of other programs to reviews.
//!
//! Every input is untrusted: no size in it is believed before the bytes are there, nothing in it is run.

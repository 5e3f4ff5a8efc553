//! The one integration binary: every story and every surface, over HTTP and the command line.

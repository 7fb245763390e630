pub(crate) mod fixture;
mod laws;
mod running;

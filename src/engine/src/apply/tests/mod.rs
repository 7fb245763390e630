pub(crate) mod fixture;
mod import;
mod laws;
mod leased;
mod running;
mod sketch;

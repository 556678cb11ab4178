//! Facts about images: who an image runs as, where it writes, how far its containers can be hardened.
//!
//! One type for what is built in, for files and for custom resources. What is known is looked up by the image as it
//! is written in the pod; nobody asks a registry.

mod addition;
mod document;
mod image;
mod library;
mod load;
mod set;
mod validate;

pub use document::{
    Content, ImageMatch, ImageProfile, ImageUser, KIND, Medium, Origin, ProfileSpec, WritablePath,
};
pub use image::Reference;
pub(crate) use library::shared;
pub use library::{LIBRARY, built_in, with_built_in};
pub use load::{load, parse, parse_object};
pub use set::{Profile, ProfileSet};
pub(crate) use validate::MOST_PATHS;

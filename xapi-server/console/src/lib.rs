//! Consoles of guests. A text console is a line of bytes that one reader reads and many viewers share ([`Hub`]); the
//! same text can be seen as pictures over RFB ([`rfb::serve`]), which is how graphical clients show guests that have
//! no screen. Knows no VMs, sessions or HTTP; trusts nothing a guest or a viewer sends.

mod font;
mod hub;
mod keys;
mod line;
mod paint;
pub mod rfb;
mod screen;

pub use hub::{Hub, Viewer};
pub use line::{Line, open_terminal};
pub use screen::Screen;

//! Sections and tables.

use std::fmt::{self, Display};

/// A section with a heading; `id` is what links and the script find it by.
pub(super) fn section(
    f: &mut fmt::Formatter<'_>,
    id: &str,
    heading: &str,
    content: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    writeln!(f, "<section id=\"{id}\" aria-labelledby=\"{id}-h\"><h2 id=\"{id}-h\">{heading}</h2>")?;
    content(f)?;
    f.write_str("</section>\n")
}

/// A table that is moved sideways where it is too wide, by the keyboard as well.
///
/// `head` are the columns; a name that ends in `#` is of a column of numbers.
pub(super) fn table<R>(
    f: &mut fmt::Formatter<'_>,
    id: &str,
    caption: &str,
    head: &[&str],
    rows: &[R],
    row: impl Fn(&R, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    write!(
        f,
        "<div class=\"scroll\" id=\"{id}-t\" tabindex=\"0\" role=\"region\" aria-labelledby=\"{id}-c\">\n\
         <table><caption id=\"{id}-c\">{caption}</caption>\n<thead><tr>"
    )?;
    for name in head {
        match name.strip_suffix('#') {
            Some(name) => write!(f, "<th scope=\"col\" class=\"number\">{name}</th>")?,
            None => write!(f, "<th scope=\"col\">{name}</th>")?,
        }
    }
    f.write_str("</tr></thead>\n<tbody>\n")?;
    for each in rows {
        f.write_str("<tr>")?;
        row(each, f)?;
        f.write_str("</tr>\n")?;
    }
    f.write_str("</tbody></table></div>\n")
}

/// A line where there is nothing to list.
pub(super) fn nothing(f: &mut fmt::Formatter<'_>, line: impl Display) -> fmt::Result {
    writeln!(f, "<p class=\"muted\">{line}</p>")
}

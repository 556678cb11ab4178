//! What our pages share: text from outside made harmless, and how they look.
//!
//! A page needs no script and nothing from elsewhere. Its style is one text, which a Content-Security-Policy can name
//! by [`STYLE_HASH`]; so there are no `style` attributes, and widths in charts are attributes of SVG.

use std::fmt::{self, Display, Write as _};

/// Text from outside, for the content of an element or a quoted attribute.
///
/// Control characters, which HTML does not know, and marks that turn the direction of writing, by which a name can
/// pretend to be another, become U+FFFD.
#[must_use]
pub const fn escape(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// What [`escape`] gives: written where it is displayed, with nothing copied before.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'t>(&'t str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\n' | '\t' => f.write_char(c)?,
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    f.write_char('\u{fffd}')?;
                }
                c if c.is_control() => f.write_char('\u{fffd}')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The SHA-256 of [`STYLE`] as a Content-Security-Policy writes it: for a page that holds it in its one `<style>`.
pub const STYLE_HASH: &str = "sha256-c9jZePlYcgNtl8lGrCKCgQPRpaXuIeTCwrOJjH2iQK0=";

/// The look of all pages, in light and dark.
///
/// Classes: `skip` (the link to the content), `cards` and `card` (numbers side by side: `b` the number, `span` what it
/// is), `scroll` (around a wide table; give it `tabindex="0"`), `badge`, `muted`, `number` (a cell, set right), `wrap`
/// (a cell whose words may break), `chart` (an SVG), `legend`. Colours, of `badge` and of what an SVG fills: `ok`,
/// `change`, `warn`, `bad`, `rest`.
pub const STYLE: &str = "\
:root{color-scheme:light dark;--page:#f5f6f8;--sheet:#fff;--text:#1b1f24;--muted:#57606a;--line:#d3d9e0;\
--link:#0b5cad;--ok:#1a7f37;--change:#0969da;--warn:#9a6700;--bad:#b42318;--rest:#c3cad3}
@media (prefers-color-scheme:dark){:root{--page:#0f1318;--sheet:#181d24;--text:#e6edf3;--muted:#9da7b3;\
--line:#333b45;--link:#6cb6ff;--ok:#3fb950;--change:#58a6ff;--warn:#d9a32b;--bad:#ff7b72;--rest:#4a535e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--page);color:var(--text);font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,\
'Helvetica Neue',Arial,sans-serif;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px;border-radius:3px}
.skip{position:absolute;left:-99em}
.skip:focus{left:1rem;top:.5rem;background:var(--sheet);padding:.5rem 1rem;z-index:1}
header,main,footer{max-width:76rem;margin:0 auto;padding:0 1.25rem}
header{padding-top:1.5rem}
main{padding-bottom:2rem}
footer{padding-bottom:2rem;color:var(--muted);font-size:.87rem}
h1{font-size:1.55rem;line-height:1.25;margin:0 0 .25rem}
h2{font-size:1.15rem;margin:0 0 .75rem}
h3{font-size:1rem;margin:1.25rem 0 .5rem}
p{margin:.25rem 0 .75rem}
nav ul{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1rem;margin:.75rem 0;padding:0}
section{background:var(--sheet);border:1px solid var(--line);border-radius:10px;padding:1.1rem 1.25rem;\
margin:1rem 0;scroll-margin-top:1rem}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0;padding:0;\
list-style:none}
.card{background:var(--sheet);border:1px solid var(--line);border-radius:10px;padding:.8rem 1rem}
.card b{display:block;font-size:1.6rem;line-height:1.2;font-variant-numeric:tabular-nums}
.card span{color:var(--muted);font-size:.87rem}
.muted{color:var(--muted)}
.scroll{overflow-x:auto;margin:0 -1.25rem;padding:0 1.25rem}
table{border-collapse:collapse;width:100%;font-size:.93rem;overflow-wrap:normal}
caption{text-align:left;color:var(--muted);padding-bottom:.35rem}
th,td{text-align:left;vertical-align:top;padding:.4rem .8rem .4rem 0;border-bottom:1px solid var(--line)}
th:last-child,td:last-child{padding-right:0}
thead th{color:var(--muted);font-weight:600;font-size:.8rem;white-space:nowrap}
tbody th{font-weight:600}
tbody tr:last-child>*{border-bottom:0}
.number{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.wrap{min-width:14rem;overflow-wrap:anywhere}
code{font:.9em ui-monospace,SFMono-Regular,Menlo,Consolas,'Liberation Mono',monospace}
.badge{display:inline-block;border:1px solid;border-radius:99px;padding:0 .55rem;font-size:.8rem;line-height:1.4rem;\
white-space:nowrap;color:var(--muted)}
.badge.ok{color:var(--ok)}.badge.change{color:var(--change)}.badge.warn{color:var(--warn)}.badge.bad{color:var(--bad)}
details>summary{cursor:pointer;padding:.3rem 0}
.chart{display:block;width:100%;height:auto;overflow:visible}
.chart text{fill:var(--text);font-size:13px}
.chart .muted{fill:var(--muted)}
svg .ok{fill:var(--ok)}svg .change{fill:var(--change)}svg .warn{fill:var(--warn)}svg .bad{fill:var(--bad)}\
svg .rest{fill:var(--rest)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.1rem;margin:.5rem 0 .75rem;padding:0;font-size:.87rem}
.legend svg{width:.8em;height:.8em;margin-right:.4em}
@media (max-width:40rem){header,main,footer{padding-left:.75rem;padding-right:.75rem}section{padding:.9rem}\
.scroll{margin:0 -.9rem;padding:0 .9rem}.cards{grid-template-columns:repeat(2,1fr)}}
@media print{body{background:none}section,.card{break-inside:avoid}}
";

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use tokio_rustls::rustls::crypto::ring::cipher_suite::TLS13_AES_128_GCM_SHA256;

    use super::*;

    #[test]
    fn nothing_from_outside_becomes_markup() {
        for (text, escaped) in [
            ("web", "web"),
            ("<script>alert('1')</script>", "&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;"),
            ("\" onload=\"x", "&quot; onload=&quot;x"),
            ("a&lt;b", "a&amp;lt;b"),
            ("a\u{0}\u{1b}[2J\r\nb", "a\u{fffd}\u{fffd}[2J\u{fffd}\nb"),
            ("\u{202e}gpj.exe\u{2066}", "\u{fffd}gpj.exe\u{fffd}"),
            ("schön 東京", "schön 東京"),
        ] {
            assert_eq!(escape(text).to_string(), escaped, "{text:?}");
        }
    }

    #[test]
    fn the_hash_is_that_of_the_style() {
        let suite = TLS13_AES_128_GCM_SHA256.tls13().expect("a suite of TLS 1.3");
        let hash = suite.common.hash_provider.hash(STYLE.as_bytes());
        assert_eq!(STYLE_HASH, format!("sha256-{}", STANDARD.encode(hash.as_ref())));
    }

    #[test]
    fn the_style_needs_nothing_from_elsewhere() {
        for text in ["url(", "@import", "http", "</"] {
            assert!(!STYLE.contains(text), "{text}");
        }
    }
}

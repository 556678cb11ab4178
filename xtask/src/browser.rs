//! The browser in which the status page is looked at.

use anyhow::{Result, bail};

use crate::packages::{self, Want};

/// The test that needs it.
pub(crate) const TEST: &str = "page::in_a_browser";
/// Where that test finds the driver, which finds the browser.
pub(crate) const VARIABLE: &str = "E2E_BROWSER";

const PACKAGES: &[Want] =
    &[Want { what: "chromium", package: "chromium" }, Want { what: DRIVER, package: "chromium-driver" }];

const DRIVER: &str = "chromedriver";

/// The driver's name; what is missing is installed, where that is possible.
pub(crate) fn driver() -> Result<&'static str> {
    if !cfg!(target_os = "linux") {
        bail!("it is driven on Linux only");
    }
    packages::need(PACKAGES)?;
    Ok(DRIVER)
}

//! A real Chromium without a window, driven as its makers' own driver does it. It speaks to 127.0.0.1 and to nobody else.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::Test;
use crate::process::{Process, free_ports};

/// Names the driver's program; `cargo xtask test` sets it where there is a browser.
const VARIABLE: &str = "E2E_BROWSER";
/// A folder in which to leave pictures, for who wants to look at them.
const PICTURES: &str = "E2E_PICTURES";
/// Nothing here takes long; a slow machine may.
const LONGEST: Duration = Duration::from_secs(60);

/// Ignores a test, and says so, where there is no browser.
pub(crate) fn needed(mut test: Test) -> Test {
    if driver().is_none() {
        test.ignored = Some(format!("SKIPPED: {VARIABLE} names no chromedriver"));
    }
    test
}

fn driver() -> Option<PathBuf> {
    std::env::var_os(VARIABLE).filter(|name| !name.is_empty()).map(PathBuf::from)
}

pub(crate) struct Browser {
    driver: Process,
    port: u16,
    session: String,
}

impl Browser {
    pub(crate) fn start(folder: &Path) -> Self {
        let [port] = free_ports();
        let program = driver().expect("a driver");
        let args = [format!("--port={port}"), "--allowed-ips=127.0.0.1".to_owned()];
        let driver = Process::start("chromedriver", &program, &args, folder);
        let mut browser = Self { driver, port, session: String::new() };
        let deadline = Instant::now() + LONGEST;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            browser.driver.assert_running();
            assert!(Instant::now() < deadline, "chromedriver does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        let profile = folder.join("chromium");
        let args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-extensions",
            "--no-first-run",
            "--hide-scrollbars",
            // No name leads anywhere.
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            &format!("--user-data-dir={}", profile.display()),
        ];
        let capabilities = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": args}, "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let answer = browser.send("POST", "/session", Some(&capabilities));
        let session = answer["sessionId"].as_str().unwrap_or_else(|| panic!("no session: {answer}"));
        session.clone_into(&mut browser.session);
        browser
    }

    pub(crate) fn open(&self, url: &str) {
        self.call("url", &json!({"url": url}));
    }

    /// Runs a function's body in the page.
    pub(crate) fn script(&self, body: &str) -> Value {
        self.call("execute/sync", &json!({"script": body, "args": []}))
    }

    /// Until a function's body gives true.
    pub(crate) fn until(&self, body: &str) {
        let deadline = Instant::now() + LONGEST;
        while self.script(body) != json!(true) {
            assert!(Instant::now() < deadline, "waited in vain for {body}: {}", self.html());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// As on a screen of that width, for who likes it light or dark, with scripts or without.
    pub(crate) fn emulate(&self, width: u64, scheme: &str, scripts: bool) {
        let metrics = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": false});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": scheme}]});
        self.devtools("Emulation.setEmulatedMedia", &media);
        self.devtools("Emulation.setScriptExecutionDisabled", &json!({"value": !scripts}));
    }

    /// How wide what is shown is, in CSS pixels.
    pub(crate) fn content_width(&self) -> u64 {
        let metrics = self.devtools("Page.getLayoutMetrics", &json!({}));
        let width = &metrics["cssContentSize"]["width"];
        width.as_u64().unwrap_or_else(|| panic!("no width in whole pixels: {metrics}"))
    }

    /// The document as it is now, which needs no scripts.
    pub(crate) fn html(&self) -> String {
        let document = self.devtools("DOM.getDocument", &json!({"depth": 0}));
        let node = json!({"nodeId": document["root"]["nodeId"]});
        let html = self.devtools("DOM.getOuterHTML", &node);
        html["outerHTML"].as_str().unwrap_or_default().to_owned()
    }

    /// Leaves a picture of the whole page, where somebody wants one.
    pub(crate) fn picture(&self, name: &str) {
        let Some(folder) = std::env::var_os(PICTURES).filter(|folder| !folder.is_empty()) else { return };
        let whole = json!({"format": "png", "captureBeyondViewport": true});
        let picture = self.devtools("Page.captureScreenshot", &whole);
        let bytes = BASE64_STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("base64");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(Path::new(&folder).join(format!("{name}.png")), bytes).expect("written");
    }

    pub(crate) fn press_tab(&self) {
        let key = |kind: &str| json!({"type": kind, "value": "\u{e004}"});
        let actions =
            json!({"actions": [{"type": "key", "id": "keys", "actions": [key("keyDown"), key("keyUp")]}]});
        self.call("actions", &actions);
    }

    /// What the browser wrote to its console: errors, and what a policy forbade.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let log = self.call("se/log", &json!({"type": "browser"}));
        log.as_array().into_iter().flatten().map(Value::to_string).collect()
    }

    fn devtools(&self, command: &str, params: &Value) -> Value {
        self.call("goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    fn call(&self, command: &str, body: &Value) -> Value {
        self.send("POST", &format!("/session/{}/{command}", self.session), Some(body))
    }

    fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("chromedriver listens");
        stream.set_read_timeout(Some(LONGEST)).expect("a timeout");
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        )
        .expect("sent");
        let mut answer = BufReader::new(stream);
        let (mut line, mut length) = (String::new(), 0);
        while answer.read_line(&mut line).expect("a header") > 2 {
            if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            line.clear();
        }
        let mut text = vec![0; length];
        answer.read_exact(&mut text).expect("a body");
        let mut answer: Value = serde_json::from_slice(&text).expect("JSON");
        let value = answer["value"].take();
        assert!(value.get("error").is_none(), "{path}: {value}\n{}", self.driver.last_lines());
        value
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() && !std::thread::panicking() {
            self.send("DELETE", &format!("/session/{}", self.session), None);
        }
        self.driver.stop();
    }
}

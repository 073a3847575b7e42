//! The HTML page in a browser: Chromium, where there is one, finds nothing to complain about and asks for nothing.

use crate::support::{root, run, status};
use std::{
    fs,
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

/// What a browser made of a page.
struct Seen {
    /// After scripts have run.
    dom: String,
    /// Lines that pages write to the console, and complaints about them.
    console: Vec<String>,
    /// Addresses asked for, but for those of the browser's own.
    asked: Vec<String>,
}

/// The browser, or `None`, said, where there is none; `CORONER_REQUIRE_TOOLS` makes its absence a failure.
fn browser() -> Option<&'static str> {
    let answers = |name: &&str| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    };
    let found = ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(answers);
    if found.is_none() {
        let is_required = std::env::var_os("CORONER_REQUIRE_TOOLS").is_some();
        assert!(!is_required, "no Chromium (Debian: chromium)");
        eprintln!("SKIPPED browser: no Chromium (CI installs it)");
    }
    found
}

/// Chromium without a window, which keeps its files in `directory` and reaches no network.
fn chromium(name: &str, directory: &Path) -> Command {
    let mut command = Command::new(name);
    command
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--hide-scrollbars",
            "--proxy-server=http://127.0.0.1:9",
            "--enable-logging=stderr",
            "--window-size=1280,1600",
        ])
        .arg(format!(
            "--user-data-dir={}",
            directory.join("profile").display()
        ))
        .env("HOME", directory)
        .stdin(Stdio::null());
    command
}

fn open(name: &str, directory: &Path, page: &Path) -> Seen {
    let log = directory.join("net.json");
    let output = chromium(name, directory)
        .arg(format!("--log-net-log={}", log.display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display()))
        .output()
        .expect("it starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    let log = fs::read_to_string(&log).expect("it writes what it asks for");
    let asked = log.match_indices("\"url\":\"").filter_map(|(at, key)| {
        let url = log[at + key.len()..].split('"').next()?;
        let host = url.split('/').nth(2)?.split(':').next()?;
        // Looking for updates, dictionaries and the time, which no switch of this browser stops.
        let own = [".google.com", ".googleapis.com", ".gvt1.com"];
        let is_own = own.iter().any(|own| host.ends_with(own));
        (!is_own && url.starts_with("http")).then(|| url.to_owned())
    });
    Seen {
        dom: String::from_utf8_lossy(&output.stdout).into_owned(),
        console: stderr
            .lines()
            .filter(|line| line.contains("CONSOLE"))
            .map(str::to_owned)
            .collect(),
        asked: asked.collect(),
    }
}

#[test]
fn a_browser_opens_the_page() {
    let Some(name) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    let arguments = ["report", "error.log", "-o", page.to_str().expect("UTF-8")];
    assert_eq!(
        status(&run(&root().join("samples/php-fpm-down"), &arguments)),
        0
    );

    let seen = open(name, directory.path(), &page);
    assert!(seen.console.is_empty(), "{:?}", seen.console);
    assert!(seen.asked.is_empty(), "{:?}", seen.asked);
    assert!(seen.dom.contains("<title>159 gateway failures"));
    for section in [
        "answer",
        "failures",
        "upstreams",
        "worst",
        "findings",
        "checklist",
        "sources",
        "notes",
    ] {
        assert!(
            seen.dom.contains(&format!("<section id=\"{section}\"")),
            "{section}"
        );
    }
    // The script ran: headings became buttons.
    assert!(seen.dom.contains("<button type=\"button\">Events</button>"));

    // What would be seen if the page did what it must not: a request, and a script that the policy stops.
    let control = fs::read_to_string(&page).expect("written");
    let stopped = control.replace(
        "<main",
        "<img src=\"http://example.invalid/a\"><script>1</script><main",
    );
    fs::write(&page, stopped).expect("written");
    let seen = open(name, directory.path(), &page);
    assert!(
        seen.console.len() >= 2,
        "the policy stops both: {:?}",
        seen.console
    );
    assert!(seen.asked.is_empty(), "{:?}", seen.asked);
    fs::write(&page, "<img src=\"http://example.invalid/a\">").expect("written");
    let seen = open(name, directory.path(), &page);
    assert!(
        seen.asked.iter().any(|url| url.contains("example.invalid")),
        "{:?}",
        seen.asked
    );
}

/// A category and a stretch of time limit what is shown, and say so; what tells of neither stays.
#[test]
fn rows_are_limited_to_what_is_asked_for() {
    let Some(name) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    let arguments = ["report", "error.log", "-o", page.to_str().expect("UTF-8")];
    assert!(status(&run(&root().join("samples/mixed-bad-day"), &arguments)) <= 1);
    let whole = fs::read_to_string(&page).expect("written");
    // A script of the test's own: its policy would stop that.
    let policy = whole.find("<meta http-equiv").expect("a policy");
    let end = policy + whole[policy..].find('>').expect("its end") + 1;
    let open_page = format!("{}{}", &whole[..policy], &whole[end..]);
    let with = |act: &str| {
        let acted = open_page.replace("</body>", &format!("<script>{act}</script></body>"));
        fs::write(&page, acted).expect("written");
        open(name, directory.path(), &page).dom
    };
    let hidden = |dom: &str| dom.matches("<tr hidden").count();
    let pick = |list: usize, option: &str| {
        format!(
            "{{const l=document.querySelectorAll('.filter select')[{list}];l.value={option};l.dispatchEvent(new Event('change'))}}"
        )
    };
    let all = with("");
    assert_eq!(hidden(&all), 0);
    let of_category = with(&pick(1, "'dns'"));
    assert!(hidden(&of_category) > 5 && of_category.contains("rows and findings are shown"));
    assert!(!of_category.contains("<tr hidden=\"\"><th scope=\"row\" class=\"name\"><span class=\"swatch\"><svg viewBox=\"0 0 12 12\" aria-hidden=\"true\"><rect class=\"k-dns\""));
    let of_time = with(&pick(2, "l.options[l.options.length-1].value"));
    assert!(hidden(&of_time) > 0 && of_time.contains("class=\"out\""));
    let click = "document.querySelector('#upstreams tbody th code').click()";
    assert!(hidden(&with(click)) > 0);
    // Twice is all again.
    assert_eq!(hidden(&with(&format!("{click};{click}"))), 0);
    // A cell of the heat map is an upstream and a time.
    let click = "document.querySelector('.heat.wide .cell').dispatchEvent(new MouseEvent('click',{bubbles:true}))";
    let values = "document.title=[...document.querySelectorAll('.filter select')].map(l=>l.selectedOptions[0].textContent).join(' / ')";
    let of_cell = with(&format!("{click};{values}"));
    let picked =
        "<title>10.0.3.11:8080 / all / 2026-03-14 09:00:00Z / 2026-03-14 09:30:00Z</title>";
    assert!(
        of_cell.contains(picked),
        "{:?}",
        of_cell.split("</title>").next()
    );
    assert!(hidden(&of_cell) > 5 && of_cell.contains("rows and findings are shown"));
    assert_eq!(hidden(&with(&format!("{click};{click}"))), 0);
}

#[test]
fn a_browser_draws_the_page() {
    let Some(name) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    let arguments = ["report", "error.log", "-o", page.to_str().expect("UTF-8")];
    assert_eq!(
        status(&run(&root().join("samples/php-fpm-down"), &arguments)),
        0
    );
    let share = |page: &Path| {
        let picture = directory.path().join("picture.png");
        let output = chromium(name, directory.path())
            .arg(format!("--screenshot={}", picture.display()))
            .arg(format!("file://{}", page.display()))
            .output()
            .expect("it starts");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        drawn(&fs::read(&picture).expect("a picture"))
    };
    let drawn_share = share(&page);
    fs::write(&page, "<!DOCTYPE html><title>blank</title>").expect("written");
    let blank_share = share(&page);
    assert!(
        drawn_share > 0.01 && blank_share < 0.001,
        "{drawn_share} {blank_share}"
    );
}

/// The share of bytes of a PNG that tell of a change from the pixel before or above, which in an even area are 0.
fn drawn(png: &[u8]) -> f64 {
    let mut data = Vec::new();
    let mut rest = &png[8..];
    while rest.len() >= 12 {
        let len = u32::from_be_bytes(rest[..4].try_into().expect("four bytes")) as usize;
        if &rest[4..8] == b"IDAT" {
            data.extend_from_slice(&rest[8..8 + len]);
        }
        rest = &rest[12 + len..];
    }
    let mut pixels = Vec::new();
    flate2::read::ZlibDecoder::new(data.as_slice())
        .read_to_end(&mut pixels)
        .expect("a PNG");
    let changes = pixels.windows(5).filter(|pair| pair[0] != pair[4]).count();
    changes as f64 / pixels.len() as f64
}

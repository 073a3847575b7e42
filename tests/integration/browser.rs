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
        "when",
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

/// `page` with a script of the test's own behind the page's: its policy would stop that, and is taken out.
fn acting(page: &str, act: &str) -> String {
    let policy = page.find("<meta http-equiv").expect("a policy");
    let end = policy + page[policy..].find('>').expect("its end") + 1;
    let (before, after) = (&page[..policy], &page[end..]);
    format!("{before}{after}").replace("</body>", &format!("<script>{act}</script></body>"))
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
    let with = |act: &str| {
        fs::write(&page, acting(&whole, act)).expect("written");
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

/// Bars and cells are reached, read and picked without a pointer.
#[test]
fn charts_are_grids_for_the_keyboard() {
    let Some(name) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let page = directory.path().join("page.html");
    let arguments = ["report", "error.log", "-o", page.to_str().expect("UTF-8")];
    assert!(status(&run(&root().join("samples/mixed-bad-day"), &arguments)) <= 1);
    let whole = fs::read_to_string(&page).expect("written");
    // Keys pressed at `chart`; then what has the focus, what the lists say, and what stands below the chart.
    let pressed = |chart: &str, keys: &[&str]| {
        let press = |key: &&str| {
            let (shift, key) = match key.strip_prefix("Shift+") {
                Some(key) => (true, key),
                None => (false, *key),
            };
            format!(
                "document.activeElement.dispatchEvent(new KeyboardEvent('keydown',{{key:'{key}',shiftKey:{shift},bubbles:true}}));"
            )
        };
        let keys: String = keys.iter().map(press).collect();
        let act = format!(
            "{{const chart=document.querySelector('{chart}');const stops=chart.querySelectorAll('[tabindex=\"0\"]');stops[0].focus();{keys}const said=[chart.getAttribute('role'),stops.length,document.activeElement.getAttribute('role'),document.activeElement.getAttribute('aria-label'),[...document.querySelectorAll('.filter select')].map(l=>l.selectedOptions[0].textContent).join(' / '),chart.closest('figure').querySelector('.readout').textContent];document.title=said.join(' | ')}}"
        );
        fs::write(&page, acting(&whole, &act)).expect("written");
        let dom = open(name, directory.path(), &page).dom;
        let (_, title) = dom.split_once("<title>").expect("a title");
        title.split_once("</title>").expect("its end").0.to_owned()
    };
    let cell =
        |label: &str, lists: &str| format!("grid | 1 | gridcell | {label} | {lists} | {label}");
    let none = "all / all / all / all";
    let first = "10.0.3.11:8080, 2026-03-14T09:00:00Z: 82 failed";
    let heat = |keys: &[&str]| pressed("#heat_map svg.wide", keys);
    assert_eq!(heat(&[]), cell(first, none));
    // Past the ends nothing moves; the next row is entered at the same time, or near it.
    assert_eq!(heat(&["ArrowLeft", "ArrowUp", "Home"]), cell(first, none));
    let below = "10.0.3.12:8080, 2026-03-14T17:00:00Z: 8 failed";
    assert_eq!(heat(&["ArrowRight", "ArrowDown"]), cell(below, none));
    assert_eq!(
        heat(&["ArrowRight", "ArrowDown", "ArrowRight", "Home"]),
        cell(below, none)
    );
    let picked = "10.0.3.11:8080 / all / 2026-03-14 09:00:00Z / 2026-03-14 09:30:00Z";
    assert_eq!(heat(&["Enter"]), cell(first, picked));
    assert_eq!(heat(&["Enter", "Enter"]), cell(first, none));
    assert_eq!(heat(&[" ", "Escape"]), cell(first, none));
    // A stretch of time, as by drawing over bars.
    let bars = pressed(
        "#when svg.wide",
        &["End", "Home", "Shift+ArrowRight", "Shift+ArrowRight"],
    );
    let [.., lists, _] = &bars.split(" | ").collect::<Vec<_>>()[..] else {
        panic!("{bars}");
    };
    let [_, _, from, until] = lists.split(" / ").collect::<Vec<_>>()[..] else {
        panic!("{bars}");
    };
    assert_eq!(from, "2026-03-14 00:00:00Z");
    assert!(
        until > "2026-03-14 08:45:00Z" && until < "2026-03-14 09:30:00Z",
        "{bars}"
    );
}

/// On a phone nothing stands out to the right, whatever is unfolded: what is broad scrolls by itself.
#[test]
fn no_page_is_broader_than_a_phone() {
    let Some(name) = browser() else { return };
    let directory = tempfile::tempdir().expect("a directory");
    let long = "x".repeat(300);
    let hostile: String = (0..40)
        .map(|n| format!("2026/11/20 11:{n:02}:46 [error] 7#7: *{n} connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.{n}, server: {long}.example, request: \"GET /{long} HTTP/1.1\", upstream: \"http://{long}.example:80/\", host: \"{long}\"\n"))
        .collect();
    fs::write(directory.path().join("hostile.log"), hostile).expect("written");
    fs::write(directory.path().join("empty.log"), "").expect("written");
    let all = ["error.log", "access.log", "nginx.conf"];
    let samples = root().join("samples");
    let mut frames = String::new();
    for (index, (from, logs)) in [
        (samples.join("mixed-bad-day"), &all[..]),
        (samples.join("php-fpm-down"), &all[..1]),
        (samples.join("slow-backend-504"), &all[1..2]),
        (samples.join("no-live-upstreams"), &all),
        (directory.path().to_owned(), &["hostile.log"]),
        (directory.path().to_owned(), &["empty.log"]),
    ]
    .into_iter()
    .enumerate()
    {
        let page = directory.path().join(format!("{index}.html"));
        let arguments = [&["report", "-o", page.to_str().expect("UTF-8")], logs].concat();
        assert!(status(&run(&from, &arguments)) <= 1, "{from:?}");
        let whole = fs::read_to_string(&page).expect("written");
        let act = format!(
            "document.querySelectorAll('details').forEach(d=>d.open=true);parent.postMessage('{index}: '+innerWidth+' '+document.scrollingElement.scrollWidth,'*')"
        );
        fs::write(&page, acting(&whole, &act)).expect("written");
        frames.push_str(&format!(
            "<iframe src=\"{index}.html\" style=\"border:0;width:400px;height:900px\"></iframe>"
        ));
    }
    let outer = directory.path().join("outer.html");
    let listen = "addEventListener('message',e=>{const p=document.createElement('p');p.textContent=e.data;document.body.prepend(p)})";
    fs::write(
        &outer,
        format!("<!DOCTYPE html><body><script>{listen}</script>{frames}"),
    )
    .expect("written");
    let seen = open(name, directory.path(), &outer);
    for index in 0..6 {
        let text = format!("<p>{index}: 400 400</p>");
        let said = seen.dom.split("<iframe").next();
        assert!(seen.dom.contains(&text), "page {index}: {said:?}");
    }
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

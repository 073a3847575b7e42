use super::*;

fn keyed() -> Redactor {
    Redactor::keyed(b"0123456789abcdef")
}

fn text(shown: Shown<'_>) -> String {
    shown.for_table().into_owned()
}

#[test]
fn without_a_key_all_is_shown() {
    let open = Redactor::open();
    assert_eq!(open.client(b"192.0.2.1").bytes(), b"192.0.2.1");
    assert_eq!(open.uri(b"/a?b=c").bytes(), b"/a?b=c");
    let line = open.line(b"x\ny", || Shown::word("else"));
    assert_eq!(line.bytes(), b"x\ny");
}

#[test]
fn every_spelling_of_an_address_has_one_pseudonym() {
    let client = |address: &str| text(keyed().client(address.as_bytes()));
    let v4 = client("192.0.2.1");
    assert!(v4.starts_with("client-") && v4.len() == 19, "{v4}");
    for same in [
        "192.0.2.1:4711",
        "::ffff:192.0.2.1",
        "[::ffff:192.0.2.1]:80",
    ] {
        assert_eq!(client(same), v4, "{same}");
    }
    assert_eq!(client("2001:DB8:0::1"), client("2001:db8::1"));
    assert_ne!(client("192.0.2.2"), v4);
    assert_eq!(client("192.0.2.1, 192.0.2.1"), format!("{v4}, {v4}"));
    assert_eq!(client("unix:"), "unix:");
    let other = Redactor::keyed(b"another key of 16");
    assert_ne!(text(other.client(b"192.0.2.1")), v4);
}

#[test]
fn of_uris_the_route_and_the_names_stay() {
    for (uri, want) in [
        (
            "/api/v1/users/4711?sort=up&x=1",
            "/api/v1/users/*?sort=*&x=*",
        ),
        ("/users/jane.doe@example.com/a", "/users/*/a"),
        ("/a;jsessionid=secret/b", "/a/b"),
        ("/files/jane-4711/a.4f5e6d7c.js", "/files/*/*"),
        ("/reports/4711.pdf", "/reports/*.pdf"),
        ("/reset/s3cr3tpath99", "/reset/*"),
        ("/a%20b/c", "/*/c"),
        ("/x?justatoken", "/x?*"),
        ("/x?jane@example.com=1&a[]=2", "/x?*&a[]=*"),
        ("/x#fragment", "/x"),
        (
            "https://jane:pw@shop.example/a?b=c",
            "https://shop.example/a?b=*",
        ),
        (
            "http://10.0.0.5:8080/items/4711?t=x",
            "http://10.0.0.5:8080/items/*?t=*",
        ),
        (
            "fastcgi://unix:/run/php/fpm.sock:",
            "fastcgi://unix:/run/php/fpm.sock:",
        ),
        (
            "http://unix:/run/app.sock:/a/4711",
            "http://unix:/run/app.sock:/a/*",
        ),
        ("javascript://x/secret", "*"),
        ("jane@example.com", "*"),
        ("*", "*"),
    ] {
        assert_eq!(text(keyed().uri(uri.as_bytes())), want, "{uri}");
    }
    let line = |line: &str| text(keyed().request_line(line.as_bytes()));
    assert_eq!(line("GET /a/4711?b=c HTTP/1.1"), "GET /a/*?b=* HTTP/1.1");
    assert_eq!(line("GET /a b/c"), "GET /*/c");
    assert_eq!(line("SECRET /a HTTP/1.1"), "* /a HTTP/1.1");
}

#[test]
fn of_messages_the_words_of_nginx_stay() {
    let said = |category: Category, is_known: bool, message: &str| {
        let saying = Saying {
            category,
            is_known,
            upstream: Some(b"10.0.0.5:8080"),
        };
        text(keyed().message(message.as_bytes(), saying))
    };
    let known = |message: &str| said(Category::ClientError, true, message);
    let same =
        "connect() to 10.0.0.5:8080 failed (111: Connection refused) while connecting to upstream";
    assert_eq!(known(same), same);
    assert_eq!(
        known(
            "open() \"/var/www/users/jane.doe@example.com/4711\" failed (2: No such file or directory)"
        ),
        "open() \"/var/www/users/*/*\" failed (2: No such file or directory)"
    );
    assert_eq!(
        known("user \"jane\": password mismatch"),
        "user \"*\": password mismatch"
    );
    let client = known("client 192.0.2.1 closed keepalive connection");
    assert!(
        client.starts_with("client client-") && client.ends_with(" closed keepalive connection")
    );
    let lua = said(
        Category::Other,
        false,
        "[lua] auth.lua:12: hunter2 of jane@example.com, pin 4711",
    );
    assert!(
        !lua.contains("hunter2") && !lua.contains("jane") && !lua.contains("4711"),
        "{lua}"
    );
    assert_eq!(
        said(
            Category::AppStderr,
            true,
            "FastCGI sent in stderr: \"PHP message: \"a\" failed 4111\" while reading response header from upstream"
        ),
        "FastCGI sent in stderr: \"…\" while reading response header from upstream"
    );
}

#[test]
fn paths_in_sentences_are_routes() {
    let said = |sentence: &str| text(keyed().sentence(sentence));
    assert_eq!(
        said("7 of 9 were on /users/jane-4711 (`/a?b=c`), at 10.0.0.5:80."),
        "7 of 9 were on /users/* (`/a?b=*`), at 10.0.0.5:80."
    );
}

#[test]
fn names_of_the_gateway_stay() {
    let own = |name: &str| text(keyed().host(name.as_bytes()));
    assert_eq!(own("shop.example:443"), "shop.example:443");
    assert_eq!(own("[::1]:80"), "[::1]:80");
    assert_eq!(own("jane@shop.example"), "*");
    assert_eq!(own("<script>"), "*");
    let upstream = |name: &str| text(keyed().upstream(name.as_bytes()));
    for same in [
        "10.0.0.5:8080",
        "unix:/run/a.sock",
        "(other)",
        "a, b : c",
        "[::1]:80",
    ] {
        assert_eq!(upstream(same), same);
    }
    assert_eq!(upstream("x?token=1"), "*");
}

//! Formats told from lines: of the labelled corpus, of every known format, and of what nobody can tell.

use crate::{
    access_cases::{Row, rows},
    access_records::{Clients, Dice, record},
};
use coroner::parse::access::{
    AccessLine, Field, FieldSet, Inference,
    builtin::{BUILTINS, Builtin, Recognised},
    infer::{Basis, infer, infer_with},
};
use std::collections::BTreeMap;

/// Labels that no inference can know: numbers without label in an order of someone's own.
const UNTOLD: &[(&str, &[Field])] = &[(
    "goaccess637",
    &[Field::UpstreamAddr, Field::UpstreamResponseTime],
)];

fn groups() -> BTreeMap<String, Vec<Row>> {
    let mut groups = BTreeMap::<_, Vec<Row>>::new();
    for row in rows() {
        let id = row.id.split(' ').next().expect("an id").to_owned();
        groups.entry(id).or_default().push(row);
    }
    groups
}

/// Reads `line` with the first of the formats that it fits.
fn read<'a>(inference: &Inference, line: &'a [u8]) -> Option<(FieldSet, AccessLine<'a>)> {
    let mut out = AccessLine::default();
    let formats = inference.formats.iter();
    let mut formats =
        formats.filter(|(format, _)| format.cutter(FieldSet::ALL).cut(line, &mut out).is_ok());
    let format = formats.next().map(|(format, _)| format.tells());
    format.map(|tells| (tells, out))
}

/// JSON has a reader of its own, where its format is not known.
fn is_json(row: &Row) -> bool {
    row.line.first() == Some(&b'{')
}

#[test]
fn labelled_lines_tell_their_format() {
    let mut wrong = Vec::new();
    for (id, rows) in groups().into_iter().filter(|(_, rows)| !is_json(&rows[0])) {
        let lines: Vec<&[u8]> = rows.iter().map(|row| &row.line[..]).collect();
        let inference = match infer(&lines, &[]) {
            Ok(inference) => inference,
            Err(refusal) => {
                wrong.push(format!("{id}: {refusal}"));
                continue;
            }
        };
        let is_untold = |field: &Field| {
            let mut untold = UNTOLD.iter();
            untold.any(|(untold, fields)| *untold == id && fields.contains(field))
        };
        for row in &rows {
            let (_, line) = read(&inference, &row.line).expect("it fits");
            for (field, label) in &row.labels {
                let found = line.get(*field);
                if label.is_some() && found != label.as_deref() && !is_untold(field) {
                    let found = found.map(String::from_utf8_lossy);
                    wrong.push(format!("{} {field:?}: {found:?}", row.id));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Without the table of known formats, less is told, but nothing else.
#[test]
fn labelled_lines_tell_nothing_wrong() {
    let mut n_derived = 0;
    for (id, rows) in groups() {
        let lines: Vec<&[u8]> = rows.iter().map(|row| &row.line[..]).collect();
        match infer_with(&lines, &[], &[]) {
            Ok(inference) => {
                n_derived += 1;
                assert!(
                    inference
                        .formats
                        .iter()
                        .all(|(_, basis)| *basis == Basis::Derived)
                );
                for row in &rows {
                    let (tells, line) = read(&inference, &row.line).expect("it fits");
                    for (field, label) in &row.labels {
                        if tells.has(*field) {
                            assert_eq!(line.get(*field), label.as_deref(), "{} {field:?}", row.id);
                        }
                    }
                    for field in [Field::Time, Field::Status] {
                        assert!(tells.has(field), "{id}: {field:?}");
                    }
                }
            }
            Err(refusal) => assert!(is_json(&rows[0]) || id == "aws-healthd", "{id}: {refusal}"),
        }
    }
    assert!(n_derived > 5);
}

/// Lines of a known format, at random, with what each field of them is.
fn lines_of(row: &Builtin, dice: &mut Dice, n: usize) -> Vec<Vec<u8>> {
    (0..n)
        .map(|_| record(dice, Clients::Usual, row.body, row.escape).0)
        .collect()
}

/// Compares what `inference` reads with what the format itself does. The number of values compared.
fn check_same(row: &Builtin, inference: &Inference, lines: &[&[u8]]) -> usize {
    let cutter = row.format().cutter(FieldSet::ALL);
    let mut n_same = 0;
    for line in lines {
        let mut want = AccessLine::default();
        let (Ok(()), Some((tells, found))) = (cutter.cut(line, &mut want), read(inference, line))
        else {
            continue;
        };
        for field in Field::ALL.into_iter().filter(|field| tells.has(*field)) {
            let is_same = found.get(field) == want.get(field);
            let formats: Vec<_> = inference
                .formats
                .iter()
                .map(|(format, _)| format.body().escape_ascii().to_string())
                .collect();
            // `$request` may be told where the format has its parts.
            let is_other = want.get(field).is_none() && field == Field::Request;
            assert!(
                is_same || is_other,
                "{field:?} of {}: {:?}\n{}\n{formats:#?}",
                row.name,
                found
                    .get(field)
                    .map(|value| value.escape_ascii().to_string()),
                line.escape_ascii()
            );
            n_same += usize::from(is_same);
        }
    }
    n_same
}

/// Lines of every known format, with and without the table: what is told is right.
#[test]
fn lines_of_known_formats_tell_nothing_wrong() {
    let dice = &mut Dice(0x1de5);
    let (mut n_refused, mut n_derived) = (0, 0);
    for row in BUILTINS {
        for n in [1, 3, 40] {
            let lines = lines_of(row, dice, n);
            let lines: Vec<&[u8]> = lines.iter().map(|line| &line[..]).collect();
            if row.recognised == Recognised::ByLines && n == 40 {
                match infer(&lines, &[]) {
                    Ok(inference) => {
                        assert!(check_same(row, &inference, &lines) > 0, "{}", row.name)
                    }
                    Err(refusal) => {
                        n_refused += 1;
                        println!("refused {} {refusal}", row.name);
                    }
                }
            }
            if let Ok(inference) = infer_with(&lines, &[], &[]) {
                n_derived += 1;
                check_same(row, &inference, &lines);
            }
        }
    }
    println!("{n_refused} {n_derived}");
}

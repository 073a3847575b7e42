//! Formats told from lines: of the labelled corpus, of every known format, and of what nobody can tell.

use crate::access_cases::{Row, rows};
use coroner::parse::access::{
    AccessLine, Field, FieldSet, Inference,
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

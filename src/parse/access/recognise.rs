//! Which readers the lines of a source need: those of formats, or one of JSON.

use super::{
    field::{Field, FieldSet},
    format::LogFormat,
    formats::{Formats, How, Reader},
    infer::{Basis, Inference, infer, infer_with},
    json::{JsonFormat, foreign_gateway},
};

/// What is known of the access lines of a source before they are read.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Formats that they may be in, the likeliest first.
    pub formats: Vec<LogFormat>,
    /// So many of them, the first, were given for whatever is read: its lines are meant to be requests.
    pub n_given: usize,
    /// The configuration says that it is an access log.
    pub is_access_log: bool,
    /// Which key of JSON lines tells a field.
    pub keys: Vec<(Field, String)>,
}

/// Readers of `lines`, each of which is a line without its end, that cut `wanted` out; or in words why there are none. Formats that
/// were given come before all others.
pub fn recognise(lines: &[&[u8]], known: &Known, wanted: FieldSet) -> Result<Formats, String> {
    let is_json = |line: &&&[u8]| line.trim_ascii_start().starts_with(b"{");
    if 2 * lines.iter().filter(is_json).count() <= lines.len() {
        return infer(lines, &known.formats)
            .map(|found| readers(&found, wanted))
            .map_err(|refusal| refusal.to_string());
    }
    if let Ok(found) = infer_with(lines, &known.formats, &[])
        && found
            .formats
            .iter()
            .all(|(_, basis)| *basis == Basis::Given)
    {
        return Ok(readers(&found, wanted));
    }
    match JsonFormat::learn(lines.iter().copied(), &known.keys) {
        Some(format) => Ok(Formats::new(vec![Reader {
            name: format.to_string(),
            escape: format.escape(),
            tells: format.tells(),
            how: How::Json(format.only(wanted)),
        }])),
        None => Err(match foreign_gateway(lines.iter().copied()) {
            Some(gateway) => format!("its JSON is that of {gateway}, not of nginx"),
            None => "no key of its JSON tells the status of a request".to_owned(),
        }),
    }
}

fn readers(found: &Inference, wanted: FieldSet) -> Formats {
    let reader = |(format, basis): &(LogFormat, Basis)| Reader {
        name: match basis {
            Basis::Given | Basis::Known => format.name().to_owned(),
            Basis::Derived => format!("inferred: {}", String::from_utf8_lossy(format.body())),
        },
        escape: format.escape(),
        tells: format.tells(),
        how: How::Text(format.cutter(wanted)),
    };
    Formats::new(found.formats.iter().map(reader).collect())
}

/// Whether `text` is a request in JSON: an object with the status of one.
pub fn tells_request(text: &[u8]) -> bool {
    text.starts_with(b"{") && JsonFormat::learn(std::iter::once(text), &[]).is_some()
}

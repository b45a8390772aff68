//! Values to XML-RPC text. No white space between elements: some clients' parsers do not skip it.

use xapi_schema::{Failure, Result, Value, Wire};

use crate::{
    Call,
    body::{self, Body, Pieces},
};

const OPEN: &str = "<?xml version=\"1.0\"?><methodResponse><params><param>";
const CLOSE: &str = "</param></params></methodResponse>";

/// The answer to a call. `bare` leaves out the struct with the status, as `system.listMethods` does.
pub fn write_response(outcome: &Result<Value>, bare: bool) -> Body {
    let mut out = Pieces::default();
    out.push(OPEN);
    match outcome {
        Ok(value) if bare => write_value(&mut out, value),
        Ok(value) => {
            out.push("<value><struct><member><name>Status</name><value>Success</value></member>");
            out.push("<member><name>Value</name>");
            write_value(&mut out, value);
            out.push("</member></struct></value>");
        }
        Err(failure) => write_failure(&mut out, failure),
    }
    out.push(CLOSE);
    out.finish()
}

fn write_failure(out: &mut Pieces, failure: &Failure) {
    out.push("<value><struct><member><name>Status</name><value>Failure</value></member>");
    out.push("<member><name>ErrorDescription</name>");
    let description = Value::set(failure.to_list().into_iter().map(Value::from));
    write_value(out, &description);
    out.push("</member></struct></value>");
}

/// The `<value>` element of a value, as results of tasks carry it.
pub fn value_text(value: &Value) -> String {
    let mut out = Pieces::default();
    write_value(&mut out, value);
    String::from_utf8_lossy(&out.finish().into_vec()).into_owned()
}

/// A call, for clients.
pub fn write_call(call: &Call) -> Vec<u8> {
    let mut out = Pieces::default();
    out.push("<?xml version=\"1.0\"?><methodCall><methodName>");
    escape(out.text(), &call.method);
    out.push("</methodName><params>");
    for arg in &call.args {
        out.push("<param>");
        write_value(&mut out, arg);
        out.push("</param>");
    }
    out.push("</params></methodCall>");
    out.finish().into_vec()
}

fn write_value(out: &mut Pieces, value: &Value) {
    out.push("<value>");
    match value {
        Value::Str(text) => escape(out.text(), text),
        Value::Int(number) => out.number(*number),
        Value::Count(number) => {
            out.push("<i4>");
            out.number(*number);
            out.push("</i4>");
        }
        Value::Float(number) => {
            out.push("<double>");
            out.push(&float_text(*number));
            out.push("</double>");
        }
        Value::Bool(truth) => out.push(if *truth { "<boolean>1</boolean>" } else { "<boolean>0</boolean>" }),
        Value::Time(time) => {
            out.push("<dateTime.iso8601>");
            out.push(&time.to_string());
            out.push("</dateTime.iso8601>");
        }
        Value::Set(items) => {
            out.push("<array><data>");
            items.iter().for_each(|item| write_value(out, item));
            out.push("</data></array>");
        }
        Value::Map(pairs) => {
            out.push("<struct>");
            pairs.iter().for_each(|(name, value)| write_member(out, name, value));
            out.push("</struct>");
        }
        Value::Record(record) => {
            let fragment = record.fragment(Wire::Xml, || {
                let mut inner = Pieces::for_record();
                inner.push("<struct>");
                for (name, value) in record.wire_members() {
                    // Names of fields hold nothing to escape.
                    inner.push("<member><name>");
                    inner.push(name);
                    inner.push("</name>");
                    write_value(&mut inner, value);
                    inner.push("</member>");
                }
                inner.push("</struct>");
                inner.finish().into_vec()
            });
            out.share(fragment);
        }
        Value::Nil => out.push("<nil/>"),
    }
    out.push("</value>");
}

fn write_member(out: &mut Pieces, name: &str, value: &Value) {
    out.push("<member><name>");
    escape(out.text(), name);
    out.push("</name>");
    write_value(out, value);
    out.push("</member>");
}

/// The four characters the original escapes; control characters XML can't carry are left out.
fn escape(out: &mut Vec<u8>, text: &str) {
    let special = |b: u8| matches!(b, b'<' | b'>' | b'&' | b'"') || b < 0x20;
    let bytes = text.as_bytes();
    if !body::any(text, special) {
        return out.extend_from_slice(bytes);
    }
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate().filter(|(_, b)| special(**b)) {
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        match byte {
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'&' => out.extend_from_slice(b"&amp;"),
            b'"' => out.extend_from_slice(b"&quot;"),
            b'\t' | b'\n' | b'\r' => out.push(*byte),
            _ => {}
        }
    }
    out.extend_from_slice(&bytes[from..]);
}

/// As C prints `%.16g`.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "nan".into();
    }
    if number.is_infinite() {
        return if number > 0.0 { "inf" } else { "-inf" }.into();
    }
    if number == 0.0 {
        return if number.is_sign_negative() { "-0" } else { "0" }.into();
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        return format!("{}", number as i64);
    }
    let scientific = format!("{number:.15e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..16).contains(&exponent) {
        let digits = trimmed(digits);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let decimals = usize::try_from(15 - exponent).unwrap_or(0);
    trimmed(&format!("{number:.decimals$}")).to_string()
}

fn trimmed(digits: &str) -> &str {
    if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { digits }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_in_c() {
        for (number, text) in [
            (1.0, "1"),
            (0.0, "0"),
            (0.1, "0.1"),
            (0.5, "0.5"),
            (1e16, "1e+16"),
            (123456789.125, "123456789.125"),
            (1e-5, "1e-05"),
            (-2.5, "-2.5"),
            (-7.0, "-7"),
            (-0.0, "-0"),
            (1.0 / 3.0, "0.3333333333333333"),
            (1e15, "1000000000000000"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn answers_as_recorded() {
        let ok = write_response(&Ok(Value::set([Value::str("OpaqueRef:1")])), false).into_vec();
        assert_eq!(
            String::from_utf8(ok).unwrap(),
            "<?xml version=\"1.0\"?><methodResponse><params><param><value><struct><member><name>Status</name>\
             <value>Success</value></member><member><name>Value</name><value><array><data><value>OpaqueRef:1</value>\
             </data></array></value></member></struct></value></param></params></methodResponse>"
        );
        let failed = write_response(&Err(Failure::new("E", ["<a>&\"'\u{1}"])), false).into_vec();
        let failed = String::from_utf8(failed).unwrap();
        assert!(failed.contains("<value>E</value><value>&lt;a&gt;&amp;&quot;'</value>"), "{failed}");
        assert_eq!(value_text(&Value::EMPTY), "<value></value>");
    }
}

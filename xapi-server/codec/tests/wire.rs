//! Round trips, odd shapes and bombs on both wires.

use proptest::prelude::*;
use xapi_codec::{Call, Limits, Malformed, json, xml};
use xapi_schema::{ArcStr, DateTime, Value};

fn call(params: &str) -> Result<Call, Malformed> {
    let text =
        format!("<?xml version='1.0'?>\n<methodCall>\n<methodName>m</methodName>{params}</methodCall>\n");
    xml::read_call(text.as_bytes(), &Limits::default())
}

fn value(inner: &str) -> Result<Value, Malformed> {
    call(&format!("<params><param>\n<value>{inner}</value></param></params>")).map(|c| c.args[0].clone())
}

#[test]
fn reads_every_shape_clients_send() {
    assert_eq!(value("text").unwrap(), Value::str("text"));
    assert_eq!(value("<string> lead</string>").unwrap(), Value::str(" lead"));
    assert_eq!(value(" <string>a</string>\n").unwrap(), Value::str("a"));
    assert_eq!(value("").unwrap(), Value::EMPTY);
    assert_eq!(value("<string/>").unwrap(), Value::EMPTY);
    assert_eq!(value("<i4>-5</i4>").unwrap(), Value::Int(-5));
    assert_eq!(value("<int>5</int>").unwrap(), Value::Int(5));
    assert_eq!(value("<i8>9223372036854775807</i8>").unwrap(), Value::Int(i64::MAX));
    assert_eq!(value("<double>1.5</double>").unwrap(), Value::Float(1.5));
    assert_eq!(value("<boolean>1</boolean>").unwrap(), Value::Bool(true));
    assert_eq!(value("<boolean>true</boolean>").unwrap(), Value::Bool(false));
    assert_eq!(value("<nil/>").unwrap(), Value::Nil);
    assert_eq!(value("<array/>").unwrap(), Value::set([]));
    assert_eq!(value("<array><data/></array>").unwrap(), Value::set([]));
    assert_eq!(value("<struct/>").unwrap(), Value::map::<ArcStr>([]));
    assert_eq!(value("a<![CDATA[<b>]]>&amp;&#x41;<!-- c -->").unwrap(), Value::str("a<b>&A"));
    let reversed = "<struct><member><value><i4>1</i4></value><name>k</name></member></struct>";
    assert_eq!(value(reversed).unwrap(), Value::map([("k", Value::Int(1))]));
    let date = value("<dateTime.iso8601>20260101T00:00:00Z</dateTime.iso8601>").unwrap();
    assert_eq!(date, Value::Time(DateTime::parse("20260101T00:00:00Z").unwrap()));
    assert_eq!(call("").unwrap().args, []);
    assert_eq!(call("<params/>").unwrap().args, []);
}

#[test]
fn refuses_what_is_no_call() {
    for text in [
        "",
        "<methodCall><methodName>x",
        "{\"method\": \"x\"}",
        "<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall><methodName>x</methodName></methodCall>",
        "<methodCall><methodName>&b;</methodName></methodCall>",
        "<methodCall><methodName>x</methodName></methodCall><a/>",
        "<a><methodName>x</methodName></a>",
    ] {
        assert!(xml::read_call(text.as_bytes(), &Limits::default()).is_err(), "{text}");
    }
    assert!(
        xml::read_call(b"<methodCall><methodName>\xff</methodName></methodCall>", &Limits::default())
            .is_err()
    );
    assert!(value("<int>x</int>").is_err());
    assert!(value("<huh>x</huh>").is_err());
}

#[test]
fn bombs_are_refused() {
    let deep = "<array><data><value>".repeat(2_000);
    assert_eq!(value(&deep).unwrap_err(), Malformed::TooBig("nesting"));
    let wide = format!("<array><data>{}</data></array>", "<value/>".repeat(30_000));
    let limits = Limits { max_nodes: 1_000, ..Limits::default() };
    let text = format!(
        "<methodCall><methodName>m</methodName><params><param><value>{wide}</value></param></params></methodCall>"
    );
    assert_eq!(xml::read_call(text.as_bytes(), &limits).unwrap_err(), Malformed::TooBig("values"));
    let huge = vec![b'x'; 400_000];
    assert_eq!(xml::read_call(&huge, &Limits::default()).unwrap_err(), Malformed::TooBig("bytes"));
    let deep = "[".repeat(100_000);
    assert_eq!(
        json::read_request(deep.as_bytes(), &Limits::default()).unwrap_err(),
        Malformed::TooBig("nesting")
    );
    let attributes =
        format!("<methodCall {}><methodName>m</methodName></methodCall>", "a='b' ".repeat(40_000));
    let _ = xml::read_call(attributes.as_bytes(), &Limits::default());
}

fn request(text: &str) -> Result<json::Request, Malformed> {
    json::read_request(text.as_bytes(), &Limits::default())
}

#[test]
fn json_requests_as_recorded() {
    let v2 = request(r#"{"jsonrpc": "2.0", "method": "m", "params": ["a", 1, null], "id": "x"}"#).unwrap();
    assert_eq!(v2.version, json::Version::V2);
    assert_eq!(v2.call.args, [Value::str("a"), Value::Int(1), Value::Nil]);
    assert_eq!(request(r#"{"jsonrpc": "2.0", "method": "m", "id": 1}"#).unwrap().call.args, []);
    assert_eq!(request(r#"{"method": "m", "params": [], "id": -1}"#).unwrap().version, json::Version::V1);
    for bad in [
        "",
        "[]",
        r#"[{"jsonrpc": "2.0", "method": "m", "params": [], "id": 1}]"#,
        r#"{"jsonrpc": "2.0", "method": "m", "params": []}"#,
        r#"{"jsonrpc": "2.0", "method": "m", "params": [], "id": 1.5}"#,
        r#"{"jsonrpc": "2.0", "method": "m", "params": [], "id": null}"#,
        r#"{"jsonrpc": "1.0", "method": "m", "params": [], "id": 1}"#,
        r#"{"jsonrpc": "2.0", "params": [], "id": 1}"#,
        r#"{"method": "m", "id": 1}"#,
        r#"{"method": "m", "params": ["\ud800"], "id": 1}"#,
    ] {
        assert!(request(bad).is_err(), "{bad}");
    }
}

#[test]
fn json_answers_as_recorded() {
    let ok: xapi_schema::Result<Value> =
        Ok(Value::set([Value::str("r"), Value::Float(1.0), Value::Float(0.5)]));
    let text = |version, outcome: &xapi_schema::Result<Value>| {
        String::from_utf8(json::write_response(version, &serde_json::json!(7), outcome).into_vec()).unwrap()
    };
    assert_eq!(text(json::Version::V1, &ok), r#"{"result":["r",1.0,0.5],"error":null,"id":7}"#);
    assert_eq!(text(json::Version::V2, &ok), r#"{"jsonrpc":"2.0","result":["r",1.0,0.5],"id":7}"#);
    let failed = Err(xapi_schema::Failure::new("E", ["p"]));
    assert_eq!(text(json::Version::V1, &failed), r#"{"result":null,"error":["E","p"],"id":7}"#);
    let v2 = r#"{"jsonrpc":"2.0","error":{"code":1,"message":"E","data":["p"]},"id":7}"#;
    assert_eq!(text(json::Version::V2, &failed), v2);
    assert_eq!(json::read_response(v2.as_bytes()).unwrap(), failed);
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[^\u{0}-\u{1f}]{0,12}".prop_map(Value::from),
        any::<bool>().prop_map(Value::Bool),
        any::<i32>().prop_map(|n| Value::Float(f64::from(n) / 8.0)),
        (0i64..4_000_000_000).prop_map(|s| Value::Time(DateTime::from_unix(s))),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::set),
            proptest::collection::btree_map("[a-z<&]{1,6}", inner, 0..6).prop_map(Value::map),
        ]
    })
}

proptest! {
    #[test]
    fn xml_round_trip(args in proptest::collection::vec(values(), 0..4)) {
        let call = Call { method: "VM.start".into(), args };
        prop_assert_eq!(xml::read_call(&xml::write_call(&call), &Limits::ANSWER).unwrap(), call);
    }

    #[test]
    fn answers_round_trip(value in values()) {
        let text = xml::write_response(&Ok(value.clone()), false).into_vec();
        prop_assert_eq!(xml::read_response(&text, &Limits::ANSWER).unwrap().unwrap(), value.clone());
        prop_assert_eq!(xml::read_value(&xml::value_text(&value)).unwrap(), value);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = xml::read_call(&bytes, &Limits::default());
        let _ = json::read_request(&bytes, &Limits::default());
    }

    #[test]
    fn any_text_survives_both_wires(text in "\\PC{0,30}") {
        let value = Value::from(text);
        prop_assert_eq!(xml::read_value(&xml::value_text(&value)).unwrap(), value.clone());
        let json = serde_json::from_str(&json::value_text(&value)).unwrap();
        prop_assert_eq!(json::from_json(json), value);
    }
}

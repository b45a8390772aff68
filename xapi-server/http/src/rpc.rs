//! A remote procedure call: body in, call, answer out.

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{HeaderMap, body::Incoming};
use xapi_codec::{
    Body, Limits, Malformed,
    compress::{Coding, compress},
    json, xml,
};

use crate::{
    Answer, Service,
    answer::page,
    request::{Headers, Origin, RpcRequest},
    route::Route,
};

/// Answers smaller than this are not worth compressing.
const WORTH_COMPRESSING: usize = 4_096;

/// Reads the body, calls, writes the answer. What is no call gets the page that was recorded for it.
pub async fn answer<S: Service>(
    service: &S,
    route: Route,
    origin: Origin,
    headers: HeaderMap,
    body: Incoming,
) -> Answer {
    let limits = Limits::default();
    let bytes = match read(&headers, body, limits.max_bytes).await {
        Ok(bytes) => bytes,
        Err(problem) => return page(500, &problem),
    };
    let sent = Headers::of(&headers);
    let answered = match route {
        Route::Json => json_call(service, origin, sent, &bytes, &limits).await,
        _ => xml_call(service, origin, sent, &bytes, &limits).await,
    };
    match answered {
        Ok((content_type, body)) => finish(&headers, content_type, body),
        Err(problem) => page(500, &problem.to_string()),
    }
}

async fn read(headers: &HeaderMap, body: Incoming, most: usize) -> Result<Bytes, String> {
    let announced =
        headers.get("content-length").and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<u64>().ok());
    if announced.is_none() && !headers.contains_key("transfer-encoding") {
        return Err("a content-length header is needed".into());
    }
    if announced.is_some_and(|length| length > most as u64) {
        return Err("the request exceeds the size limit".into());
    }
    match Limited::new(body, most).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err("the request exceeds the size limit".into()),
        Err(_) => Err("the request ended early".into()),
    }
}

async fn xml_call<S: Service>(
    service: &S,
    origin: Origin,
    headers: Headers,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(&'static str, Body), Malformed> {
    let call = xml::read_call(bytes, limits)?;
    let bare = call.method == "system.listMethods";
    let outcome = service.call(RpcRequest { origin, call, headers }).await;
    Ok(("text/xml", xml::write_response(&outcome, bare)))
}

async fn json_call<S: Service>(
    service: &S,
    origin: Origin,
    headers: Headers,
    bytes: &[u8],
    limits: &Limits,
) -> Result<(&'static str, Body), Malformed> {
    let json::Request { version, id, call } = json::read_request(bytes, limits)?;
    let outcome = service.call(RpcRequest { origin, call, headers }).await;
    Ok(("application/json", json::write_response(version, &id, &outcome)))
}

fn finish(headers: &HeaderMap, content_type: &str, body: Body) -> Answer {
    let accepted = headers.get("accept-encoding").and_then(|v| v.to_str().ok()).and_then(Coding::accepted);
    let coding = accepted.filter(|_| body.len() >= WORTH_COMPRESSING);
    let (body, coding) = match coding.map(|coding| (compress(&body, coding), coding)) {
        Some((Ok(small), coding)) => (small, Some(coding)),
        _ => (body, None),
    };
    let mut answer = Answer::pieces(content_type, body);
    if let Some(coding) = coding {
        answer.headers.push(("content-encoding", coding.name().to_string()));
    }
    answer.headers.push(("Access-Control-Allow-Origin", "*".into()));
    answer.headers.push(("Access-Control-Allow-Headers", "X-Requested-With".into()));
    answer
}

/// The answer to a browser that asks before it calls from another origin.
pub fn preflight(headers: &HeaderMap) -> Answer {
    let asked = headers.get("access-control-request-headers").and_then(|v| v.to_str().ok());
    let allowed = asked.map_or("X-Requested-With".to_string(), |asked| format!("{asked}, X-Requested-With"));
    let mut answer = Answer::text(200, "", Bytes::new());
    answer.length = Some(0);
    answer.headers = vec![
        ("Access-Control-Allow-Origin", "*".into()),
        ("Access-Control-Allow-Headers", allowed),
        ("Access-Control-Allow-Methods", "PUT".into()),
    ];
    answer
}

//! `/vncsnapshot`: what a guest's screen shows at the moment, as a JPEG. Whoever may look at a console may have it; nobody
//! who looks already notices.

use std::{io, sync::Arc, time::Duration};

use image::{ExtendedColorType, codecs::jpeg::JpegEncoder};
use xapi_console::rfb::{Picture, look};
use xapi_http::{Answer, HandlerRequest, page};
use xapi_ops::Xapi;

use super::{Consoles, Want, prepare};
use crate::handlers::transfer::Caller;

/// Longest a screen may take to show itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// Text stays readable at this.
const QUALITY: u8 = 90;

/// Answers with the picture.
pub async fn answer(
    xapi: &Arc<Xapi>,
    consoles: &Arc<Consoles>,
    caller: &Caller,
    request: &HandlerRequest,
) -> Answer {
    let session = match prepare(xapi, consoles, caller, request, Want::Picture).await {
        Ok(session) => session,
        Err(answer) => return answer,
    };
    let looked = async {
        let picture = tokio::time::timeout(PATIENCE, look(session.far.stream)).await??;
        tokio::task::spawn_blocking(move || jpeg(&picture)).await?
    };
    match looked.await {
        Ok(bytes) => Answer::text(200, "image/jpeg", bytes),
        Err(error) => {
            tracing::warn!(%error, "a screen could not be looked at");
            page(500, &format!("The screen could not be looked at: {error}"))
        }
    }
}

fn jpeg(picture: &Picture) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width.into(), picture.height.into());
    let mut encoder = JpegEncoder::new_with_quality(&mut bytes, QUALITY);
    encoder.encode(&picture.rgb, width, height, ExtendedColorType::Rgb8).map_err(io::Error::other)?;
    Ok(bytes)
}

//! SageMaker's contract for containers: `GET /ping` and `POST /invocations` ("Use Your Own Inference Code with Hosting
//! Services" in its documentation). The types of bodies are those of "Common Data Formats for Inference".

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::problem::Problem;
use super::{Server, limits};
use crate::manifest::Manifest;
use crate::rows::{Answer, Reader, answer_fields};
use crate::tensor::Tensor;

/// Whether requests may be sent here.
pub async fn ping(State(server): State<Server>) -> Result<StatusCode, Problem> {
    server.accepting().map(|()| StatusCode::OK)
}

/// A type of body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Json,
    JsonLines,
    Csv,
}

const KINDS: &str = "application/json, application/jsonlines or text/csv";

/// Answers rows in JSON, JSON lines or CSV; the `Accept` header chooses the type of the answer, JSON by default.
pub async fn invocations(State(server): State<Server>, headers: HeaderMap, body: Bytes) -> Result<Response, Problem> {
    let manifest = &server.ready()?.manifest;
    let sent = content_type(&headers)?;
    let wanted = accepted(&headers)?;
    let most = server.limits.max_request_rows;
    let reader = match sent {
        Kind::Json => read_json(manifest, &body, most)?,
        Kind::JsonLines => read_json_lines(manifest, &body, most)?,
        Kind::Csv => read_csv(manifest, &body, most)?,
    };
    let rows = reader.rows();
    limits::rows(&server, rows)?;
    let answers = limits::ask(&server, reader.finish()).await?;
    write(wanted, manifest, &answers, rows)
}

fn kind_of(mime: &str) -> Option<Kind> {
    let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match mime.as_str() {
        "application/json" => Some(Kind::Json),
        "application/jsonlines" | "application/x-jsonlines" | "application/x-ndjson" => Some(Kind::JsonLines),
        "text/csv" => Some(Kind::Csv),
        _ => None,
    }
}

fn content_type(headers: &HeaderMap) -> Result<Kind, Problem> {
    let Some(sent) = headers.get(header::CONTENT_TYPE) else {
        return Ok(Kind::Json);
    };
    let sent = sent.to_str().unwrap_or("something that is not text");
    kind_of(sent).ok_or_else(|| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("a body of the type {} is not read", crate::tensor::shortened(sent)),
            format!("Send {KINDS}, and say so in the Content-Type header"),
        )
    })
}

/// The first acceptable type that is known. Weights (`q=`) other than 0 are not compared: the order counts.
fn accepted(headers: &HeaderMap) -> Result<Kind, Problem> {
    let Some(accept) = headers.get(header::ACCEPT) else {
        return Ok(Kind::Json);
    };
    let accept = accept.to_str().unwrap_or_default();
    let known = accept
        .split(',')
        .filter(|wish| !wish.replace(' ', "").ends_with(";q=0"))
        .find_map(|wish| match wish.split(';').next().unwrap_or_default().trim() {
            "" | "*/*" | "application/*" => Some(Kind::Json),
            "text/*" => Some(Kind::Csv),
            mime => kind_of(mime),
        });
    known.ok_or_else(|| {
        Problem::new(
            StatusCode::NOT_ACCEPTABLE,
            format!(
                "an answer of the type {} cannot be given",
                crate::tensor::shortened(accept)
            ),
            format!("Accept {KINDS}"),
        )
    })
}

fn broken_json(error: &serde_json::Error) -> Problem {
    Problem::body(
        format!("the body is not JSON: {error}"),
        r#"Send {"instances": [ROW, …]}, where a row is a list or an object"#,
    )
}

fn bad_row(row: usize, reason: &str) -> Problem {
    Problem::body(
        format!("row {row}: {reason}"),
        "GET /v2/models/NAME says what the model takes",
    )
}

fn read_json<'m>(manifest: &'m Manifest, body: &[u8], most: usize) -> Result<Reader<'m>, Problem> {
    let body: Value = serde_json::from_slice(body).map_err(|error| broken_json(&error))?;
    let rows = match &body {
        Value::Object(fields) => fields.get("instances").and_then(Value::as_array).ok_or_else(|| {
            Problem::body(
                "the body has no list `instances`",
                r#"Send {"instances": [ROW, …]}, where a row is a list or an object"#,
            )
        })?,
        Value::Array(rows) => rows,
        _ => {
            return Err(Problem::body(
                "the body is no object",
                r#"Send {"instances": [ROW, …]}"#,
            ));
        }
    };
    let mut reader = Reader::new(manifest);
    // One row too many is enough to know.
    for (index, row) in rows.iter().take(most + 1).enumerate() {
        reader.push_json(row).map_err(|reason| bad_row(index, &reason))?;
    }
    Ok(reader)
}

fn read_json_lines<'m>(manifest: &'m Manifest, body: &[u8], most: usize) -> Result<Reader<'m>, Problem> {
    let mut reader = Reader::new(manifest);
    for row in serde_json::Deserializer::from_slice(body)
        .into_iter::<Value>()
        .take(most + 1)
    {
        let row = row.map_err(|error| broken_json(&error))?;
        let index = reader.rows();
        reader.push_json(&row).map_err(|reason| bad_row(index, &reason))?;
    }
    Ok(reader)
}

fn read_csv<'m>(manifest: &'m Manifest, body: &[u8], most: usize) -> Result<Reader<'m>, Problem> {
    let mut reader = Reader::new(manifest);
    let mut records = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(body);
    let mut first = true;
    for record in records.records() {
        let record = record.map_err(|error| {
            Problem::body(
                format!("the body is not CSV: {error}"),
                "Send UTF-8, one row a line, fields between commas",
            )
        })?;
        if std::mem::take(&mut first) && reader.header(&record) {
            continue;
        }
        let index = reader.rows();
        reader.push_csv(&record).map_err(|reason| bad_row(index, &reason))?;
        if reader.rows() > most {
            break;
        }
    }
    Ok(reader)
}

fn write(kind: Kind, manifest: &Manifest, answers: &[Tensor], rows: usize) -> Result<Response, Problem> {
    let typed = |mime: &'static str, body: String| ([(header::CONTENT_TYPE, mime)], body).into_response();
    match kind {
        Kind::Json => {
            let predictions = (0..rows).map(|row| Answer::new(manifest, answers, row)).collect();
            Ok(Json(Predictions { predictions }).into_response())
        }
        Kind::JsonLines => {
            let lines: String = (0..rows)
                .map(|row| format!("{}\n", Answer::new(manifest, answers, row)))
                .collect();
            Ok(typed("application/jsonlines", lines))
        }
        Kind::Csv => {
            let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
            for row in 0..rows {
                writer
                    .write_record(answer_fields(answers, row))
                    .map_err(|error| unwritable(&error))?;
            }
            let bytes = writer.into_inner().map_err(|error| unwritable(error.error()))?;
            Ok(typed(
                "text/csv; charset=utf-8",
                String::from_utf8_lossy(&bytes).into_owned(),
            ))
        }
    }
}

#[derive(Serialize)]
struct Predictions<'a> {
    predictions: Vec<Answer<'a>>,
}

fn unwritable(error: &dyn std::error::Error) -> Problem {
    Problem::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        format!("the answer cannot be written: {error}"),
        "Accept JSON",
    )
}

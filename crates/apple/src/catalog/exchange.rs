//! One request to a metadata service: sent, read within bounds, and told apart from a refusal.

use std::time::{Duration, Instant, SystemTime};

use reqwest::header::{ACCEPT, AUTHORIZATION, COOKIE, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode, Url};
use russet_domain::Secret;
use serde_json::Value;

use super::address::takes_tokens;
use super::wire::errors;
use super::{CatalogError, Inner};
use crate::exchange::causes;
use crate::retry_after;

/// Apple's code for a token or ids that it does not like, which comes now and then for good ones.
const TOKEN_REFUSED: &str = "40300";

/// What is asked.
pub(super) struct Call<'a> {
    pub(super) url: Url,
    /// The developer token.
    pub(super) bearer: Option<Secret>,
    /// The location's token.
    pub(super) token: Option<&'a Secret>,
}

/// A JSON body, and how long Apple wants to be left alone.
pub(super) struct Reply {
    pub(super) body: Value,
    pub(super) retry_after: Option<Duration>,
}

impl Inner {
    pub(super) async fn call(&self, call: Call<'_>) -> Result<Reply, CatalogError> {
        let host = call.url.host_str().unwrap_or_default().to_owned();
        let later = |why: String, retry_after| CatalogError::Later { host: host.clone(), why, retry_after };
        let secrets = Secrets { bearer: call.bearer.clone(), token: call.token.cloned() };
        let request = self.request(call)?;
        let began = Instant::now();
        let response = self.http.execute(request).await.map_err(|error| later(causes(error), None))?;
        let status = response.status();
        let retry_after = retry_after::read(response.headers(), SystemTime::now());
        let body = self.body(response).await;
        tracing::debug!(
            apple.host = host,
            http.status = status.as_u16(),
            duration_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            "a metadata service answered"
        );
        if status.is_success() {
            let body = body.map_err(|why| later(why, retry_after))?;
            return Ok(Reply { body, retry_after });
        }
        Err(refusal(status, &body.unwrap_or_default(), retry_after, &host, &secrets))
    }

    fn request(&self, call: Call<'_>) -> Result<Request, CatalogError> {
        let may_have_token = takes_tokens(&call.url, self.allow_http);
        let mut request = Request::new(Method::GET, call.url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if let Some(bearer) = &call.bearer {
            headers.insert(AUTHORIZATION, secret_header("Bearer ", bearer)?);
        }
        if let Some(token) = call.token.filter(|_| may_have_token) {
            headers.insert(COOKIE, secret_header("itvt=", token)?);
        }
        Ok(request)
    }

    async fn body(&self, mut response: Response) -> Result<Value, String> {
        let too_large = || format!("it is larger than apple.body_max_bytes ({})", self.body_max);
        if response.content_length().is_some_and(|length| length > self.body_max as u64) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() > self.body_max => return Err(too_large()),
                Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                Ok(None) => break,
                Err(error) => return Err(format!("it broke off ({})", causes(error))),
            }
        }
        // Says where, never what stood there.
        serde_json::from_slice(&bytes).map_err(|error| {
            format!("its answer is not JSON (line {}, column {})", error.line(), error.column())
        })
    }
}

fn secret_header(before: &str, secret: &Secret) -> Result<HeaderValue, CatalogError> {
    let text = secret.reveal().trim();
    let mut value = HeaderValue::try_from(format!("{before}{text}")).map_err(|_| CatalogError::Address {
        why: "the token has characters that are not base64; upload its file again".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// What must not come back in an error's text.
struct Secrets {
    bearer: Option<Secret>,
    token: Option<Secret>,
}

fn refusal(
    status: StatusCode,
    body: &Value,
    retry_after: Option<Duration>,
    host: &str,
    secrets: &Secrets,
) -> CatalogError {
    let http = status.as_u16();
    let (code, words) = errors::first(body);
    let said = presentable(&format!("{code} {words}"), secrets);
    match http {
        429 => CatalogError::TooFast { retry_after },
        401 => CatalogError::Key {
            why: format!(
                "Apple does not take the developer key (HTTP 401{}); check that apple.catalog_key_file, \
                 apple.catalog_key_id and apple.catalog_team_id belong together, that the key was not revoked, and \
                 the clock",
                if said.is_empty() { String::new() } else { format!(", “{said}”") }
            ),
        },
        403 if code == TOKEN_REFUSED => CatalogError::Token { http, said },
        403 => CatalogError::Key {
            why: format!(
                "Apple forbids it (HTTP 403, “{said}”); the developer account of apple.catalog_key_file may not be \
                 enabled for this service"
            ),
        },
        400 | 404 | 413 | 414 | 431 => CatalogError::Ids { http, said },
        300..=399 => {
            let why = format!("it answered {http} and wants to lead elsewhere, which is not followed");
            CatalogError::Later { host: host.to_owned(), why, retry_after }
        }
        _ => {
            let why = format!("it answered {http} {said}").trim_end().to_owned();
            CatalogError::Later { host: host.to_owned(), why, retry_after }
        }
    }
}

fn presentable(text: &str, secrets: &Secrets) -> String {
    let hidden = [&secrets.bearer, &secrets.token];
    let mut text = text.trim().to_owned();
    for secret in
        hidden.into_iter().flatten().map(|secret| secret.reveal().trim()).filter(|text| !text.is_empty())
    {
        text = text.replace(secret, "…");
    }
    text.chars().take(200).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(http: u16, body: &Value) -> CatalogError {
        let secrets =
            Secrets { bearer: Some(Secret::new("bearer-text")), token: Some(Secret::new("token-text")) };
        refusal(StatusCode::from_u16(http).unwrap(), body, None, "api.ent.apple.com", &secrets)
    }

    #[test]
    fn a_sporadic_403_is_about_the_token_and_any_other_about_the_key() {
        let sporadic = json!({ "errors": [{ "id": "x", "title": "Forbidden", "status": "403", "code": "40300",
            "detail": "Invalid Stoken or Empty/Null ids Request Parameter" }] });
        assert!(matches!(of(403, &sporadic), CatalogError::Token { http: 403, .. }));
        let number = json!({ "errors": [{ "code": 40300 }] });
        assert!(matches!(of(403, &number), CatalogError::Token { .. }));
        assert!(matches!(of(403, &json!({ "errors": [{ "code": "40301" }] })), CatalogError::Key { .. }));
        assert!(matches!(of(401, &Value::Null), CatalogError::Key { .. }));
    }

    #[test]
    fn every_status_has_its_consequence() {
        assert!(matches!(of(429, &Value::Null), CatalogError::TooFast { .. }));
        for http in [400, 404, 413, 414] {
            assert!(matches!(of(http, &Value::Null), CatalogError::Ids { .. }), "{http}");
        }
        for http in [301, 408, 500, 502, 503] {
            assert!(matches!(of(http, &Value::Null), CatalogError::Later { .. }), "{http}");
        }
    }

    #[test]
    fn what_apple_says_is_told_without_a_secret() {
        let body = json!({ "errors": [{ "code": "40000", "title": "Bad", "detail": "not token-text\nnor bearer-text" }] });
        let text = of(400, &body).to_string();
        assert!(text.contains("40000") && text.contains("Bad"), "{text}");
        assert!(
            !text.contains("token-text") && !text.contains("bearer-text") && !text.contains('\n'),
            "{text}"
        );
    }
}

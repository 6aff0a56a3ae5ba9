//! Reads Redis's answers.

use ::redis::{FromRedisValue, Value};

use crate::QueueError;

/// An answer of another shape than the command has.
pub(super) fn surprise(doing: &'static str) -> QueueError {
    QueueError::Refused {
        doing,
        why: "its answer has an unexpected shape; is it a Redis or Valkey?".to_owned(),
    }
}

/// Reads an answer as `T`.
pub(super) fn read<T: FromRedisValue>(doing: &'static str, value: Value) -> Result<T, QueueError> {
    ::redis::from_redis_value(value).map_err(|_| surprise(doing))
}

/// Reads an answer that is a list of numbers.
pub(super) fn numbers(doing: &'static str, value: Value) -> Result<Vec<i64>, QueueError> {
    read(doing, value)
}

/// Reads an answer that is text; text that is not UTF-8 is bent into shape, as the payload will say what is wrong.
pub(super) fn string(doing: &'static str, value: Value) -> Result<String, QueueError> {
    match value {
        Value::BulkString(bytes) => Ok(String::from_utf8(bytes)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())),
        Value::SimpleString(text) => Ok(text),
        _ => Err(surprise(doing)),
    }
}

/// Reads an answer that is a list.
pub(super) fn list(doing: &'static str, value: Value) -> Result<Vec<Value>, QueueError> {
    match value {
        Value::Array(values) => Ok(values),
        Value::Nil => Ok(Vec::new()),
        _ => Err(surprise(doing)),
    }
}

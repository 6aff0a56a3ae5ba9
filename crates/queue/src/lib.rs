//! Job payloads, the queue and the pace limiter, over Redis and in process.

//! The way to AWS and to webhooks: whom TLS trusts, which proxies are taken, how much of an answer is read.

mod answers;
mod proxies;
mod redirects;
mod tls;

# A static binary on an empty image: nothing to patch but matchwatch itself, and no shell for an intruder.
# musl is fine here: the program brings its own allocator, and Rust's own musl (1.2.5) resolves names over TCP too. Who
# wants the `command` notifier copies the binary onto an image that has the programs:
# COPY --from=matchwatch /usr/local/bin/matchwatch /usr/local/bin/

FROM rust:1-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends musl-tools \
 && rm -rf /var/lib/apt/lists/* \
 && rustup target add "$(uname -m)-unknown-linux-musl"
WORKDIR /src

# The dependencies, in a layer of their own that lasts until Cargo.toml or Cargo.lock changes. Benches and tests are not
# there, and Cargo would miss those that Cargo.toml names.
COPY Cargo.toml Cargo.lock ./
RUN sed -i '/^\[\[\(bench\|test\)\]\]/,/^$/d' Cargo.toml \
 && mkdir src && touch src/lib.rs && echo 'fn main() {}' > src/main.rs \
 && cargo build --release --locked --target "$(uname -m)-unknown-linux-musl"

# The program. Cargo goes by time of change: what was copied is older than what stood in for it.
COPY . .
RUN sed -i '/^\[\[\(bench\|test\)\]\]/,/^$/d' Cargo.toml \
 && touch src/lib.rs src/main.rs \
 && cargo build --release --locked --target "$(uname -m)-unknown-linux-musl" \
 && mkdir -p /out/lib/matchwatch \
 && cp "target/$(uname -m)-unknown-linux-musl/release/matchwatch" /out/matchwatch

FROM scratch
LABEL org.opencontainers.image.title="matchwatch" \
      org.opencontainers.image.description="Waits for AWS Entity Resolution jobs and tells every change of state" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
# Roots of trust; SSL_CERT_FILE points to others.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build --chown=65532:65532 /out/lib/ /var/lib/
COPY --from=build /out/matchwatch /usr/local/bin/matchwatch
COPY config/matchwatch.toml /etc/matchwatch/matchwatch.toml
# `serve`, `check` and `health` read the same file. The listener is for the health check inside;
# MATCHWATCH__HTTP__LISTEN=0.0.0.0:9464 opens it to probes and to Prometheus outside.
ENV MATCHWATCH_CONFIG=/etc/matchwatch/matchwatch.toml \
    MATCHWATCH__HTTP__LISTEN=127.0.0.1:9464
USER 65532:65532
# The only place that is written to: the root file system may be read-only.
VOLUME /var/lib/matchwatch
WORKDIR /var/lib/matchwatch
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=40s --retries=3 CMD ["/usr/local/bin/matchwatch", "health"]
ENTRYPOINT ["/usr/local/bin/matchwatch"]
CMD ["serve", "--config", "/etc/matchwatch/matchwatch.toml"]

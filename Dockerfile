# Any image with a C compiler and the Rust that Cargo.toml asks for (rust-version).
ARG BUILDER=rust:1-slim

FROM ${BUILDER} AS build
WORKDIR /src
COPY . .
# Naming the target keeps the flag away from what runs at build time: procedural macros cannot be static.
RUN target="$(rustc -vV | sed -n 's/^host: //p')" \
 && RUSTFLAGS='-C target-feature=+crt-static' \
    cargo build --release --locked --package pod-hardener --bin pod-hardener --target "$target" \
 && cp "target/$target/release/pod-hardener" /pod-hardener

FROM scratch
LABEL org.opencontainers.image.title="pod-hardener" \
      org.opencontainers.image.description="Gives every Kubernetes pod secure settings at deploy time, and leaves it running" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /pod-hardener /pod-hardener
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/pod-hardener"]
CMD ["serve"]

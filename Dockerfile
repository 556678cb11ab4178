# Any image with a C compiler and the Rust that Cargo.toml asks for (rust-version).
ARG BUILDER=rust:1-slim

# Always on the machine's own platform: another one's program is cross-compiled, which is quicker than emulation.
FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
ARG TARGETARCH
# Seconds since 1970 that every file in the image gets: the commit's, so that the same commit gives the same layers.
ARG SOURCE_DATE_EPOCH=0
WORKDIR /src
COPY . .
# Naming the target keeps the static linking away from what runs at build time: procedural macros cannot be static.
# The paths of this machine stay out of the program.
RUN set -eu; \
    host="$(rustc -vV | sed -n 's/^host: //p')"; \
    case "${TARGETARCH:-}" in \
      amd64) target=x86_64-unknown-linux-gnu ;; \
      arm64) target=aarch64-unknown-linux-gnu ;; \
      '') target="$host" ;; \
      *) echo "there is no image for ${TARGETARCH}" >&2; exit 1 ;; \
    esac; \
    if [ "$target" != "$host" ]; then \
      gnu="${target%%-*}-linux-gnu"; \
      command -v "$gnu-gcc" > /dev/null || { \
        apt-get update && apt-get install --yes --no-install-recommends \
          "gcc-$(echo "$gnu" | tr _ -)" "libc6-dev-${TARGETARCH}-cross"; }; \
      [ -d "$(rustc --print sysroot)/lib/rustlib/$target" ] || { \
        command -v rustup > /dev/null || { \
          echo "the builder has no Rust for $target: rustup target add $target" >&2; exit 1; }; \
        rustup target add "$target"; }; \
      name="$(echo "$target" | tr - _)"; \
      export "CC_$name=$gnu-gcc" "CARGO_TARGET_$(echo "$name" | tr a-z A-Z)_LINKER=$gnu-gcc"; \
    fi; \
    export RUSTFLAGS="-C target-feature=+crt-static --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"; \
    cargo build --release --locked --package pod-hardener --bin pod-hardener --target "$target"; \
    mkdir /image; \
    cp LICENSE "target/$target/release/pod-hardener" /image/; \
    touch --date="@${SOURCE_DATE_EPOCH}" /image/* /image

FROM scratch
ARG VERSION=unknown
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="pod-hardener" \
      org.opencontainers.image.description="Gives every Kubernetes pod secure settings at deploy time, and leaves it running" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}"
COPY --from=build /image/ /
# Long bodies are given back to the system when they were reviewed, and two heaps are enough for so few threads.
ENV GLIBC_TUNABLES=glibc.malloc.mmap_threshold=131072:glibc.malloc.trim_threshold=262144:glibc.malloc.arena_max=2
USER 65532:65532
EXPOSE 8443 9090
ENTRYPOINT ["/pod-hardener"]
CMD ["serve"]

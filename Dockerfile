# The reference model server: one static binary and a small model in an empty image. `inference/README.md` says how it
# is used.
#
#   docker build -t inference .
#   docker run --rm -p 8080:8080 inference
#
# BUILD_IMAGE needs Rust, a C compiler and /etc/ssl/certs/ca-certificates.crt; where a build must not change by itself,
# name it by its digest (rust@sha256:…). What is compiled is pinned by Cargo.lock. BINARY_IMAGE may be an image that holds
# the finished /inference and those certificates: then nothing is compiled (with BuildKit, which skips what is not
# needed), as where there is no way to the crates.
ARG BUILD_IMAGE=rust:1.95
ARG BINARY_IMAGE=compiled

FROM ${BUILD_IMAGE} AS compiled
WORKDIR /source
COPY . .
# Static, because the image has no C library. glibc holds its resolver for DNS and /etc/hosts itself since 2.34. It is
# relocated when it starts, so that its addresses cannot be foreseen; packed, the list of what to relocate is a fortieth.
RUN target=$(rustc -vV | sed -n 's/^host: //p') \
 && RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" \
    cargo build --release --locked --target "$target" --package mlinfra-inference --bin inference \
 && cp "target/$target/release/inference" /inference

FROM ${BINARY_IMAGE} AS binary

FROM scratch
# TLS to S3 is checked against these.
COPY --from=binary /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=binary /inference /inference
# A model to try it with. SageMaker mounts its own here; elsewhere INFERENCE_MODEL names one.
COPY inference/model/model.json inference/model/model.onnx inference/model/golden.json /opt/ml/model/
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/inference"]
CMD ["serve"]

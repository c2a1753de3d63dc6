# This file builds two images. `iris`, the default, contains the binary of the API, the worker and the setup. `minio`
# contains the object store, built from its Go module because it has no public image any more. The build needs BuildKit,
# the default since Docker 23.

FROM golang:1.26-bookworm AS go
ENV CGO_ENABLED=0

FROM go AS build-minio
# Pins the version of MinIO, for the local stack too.
COPY deploy/versions.env /versions.env
# mc creates the users of docker-compose.yml. This is the version in MinIO's go.mod.
ARG MC_VERSION=v0.0.0-20250313080218-cf909e1063a9
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    . /versions.env && export GOBIN=/out && \
    go install -trimpath -ldflags='-s -w' "github.com/minio/minio@$MINIO_VERSION" && \
    go install -trimpath -ldflags='-s -w' "github.com/minio/mc@$MC_VERSION"

FROM go AS build-iris
WORKDIR /src
COPY . .
ARG VERSION=devel
ARG COMMIT=unknown
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    go build -trimpath -buildvcs=false -o /out/iris \
      -ldflags="-s -w -X main.buildVersion=$VERSION -X main.buildCommit=$COMMIT" ./cmd/iris

FROM debian:bookworm-slim AS base
# The certificates are for TLS to an S3 or a Temporal on another host. The images run static binaries and, for health
# checks, bash.
COPY --from=go /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin app
WORKDIR /home/app

FROM base AS minio
COPY --from=build-minio /out/minio /out/mc /usr/local/bin/
# A new volume inherits the owner of the folder on which it is mounted.
RUN install -d -o app -g app /data
USER app
EXPOSE 9000 9001
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--console-address", ":9001"]

FROM base AS iris
COPY --from=build-iris /out/iris /usr/local/bin/iris
# A new volume inherits the owner of the folder on which it is mounted.
RUN install -d -o app -g app /home/app/cache
USER app
ENTRYPOINT ["iris"]
CMD ["apiserver"]

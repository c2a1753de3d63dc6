# Two images: `iris`, the one binary behind API, worker and setup (the default), and `minio`, the object store, which has
# no public image any more and is built from its Go module. Needs BuildKit, the default of Docker 23 and newer.

FROM golang:1.26-bookworm AS go
ENV CGO_ENABLED=0

FROM go AS build-minio
# The version that the local stack installs too.
COPY deploy/versions.env /versions.env
# mc makes the users of docker-compose.yml; this version is the one in MinIO's own go.mod.
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
    go build -trimpath -buildvcs=false -ldflags="-s -w -X main.buildVersion=$VERSION -X main.buildCommit=$COMMIT" -o /out/iris ./cmd/iris

FROM debian:bookworm-slim AS base
# For TLS to an S3 or a Temporal elsewhere. The rest of what runs here is two static binaries and, for the health
# checks, bash.
COPY --from=go /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
RUN useradd --uid 10001 --create-home --shell /usr/sbin/nologin app
WORKDIR /home/app

FROM base AS minio
COPY --from=build-minio /out/minio /out/mc /usr/local/bin/
# A new volume takes over the owner of the folder it is mounted on.
RUN install -d -o app -g app /data
USER app
EXPOSE 9000 9001
ENTRYPOINT ["minio"]
CMD ["server", "/data", "--console-address", ":9001"]

FROM base AS iris
COPY --from=build-iris /out/iris /usr/local/bin/iris
USER app
ENTRYPOINT ["iris"]
CMD ["apiserver"]

# syntax=docker/dockerfile:1

# The image holds one static binary, the system's certificate roots and the
# licence, nothing else. Both base images can be replaced:
#   docker build --build-arg BUILDER=... --build-arg BASE=... --build-arg VERSION=v1.2.3 .
ARG BUILDER=golang:1.26-bookworm
ARG BASE=scratch

FROM --platform=$BUILDPLATFORM ${BUILDER} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=unknown
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/gaugeway ./cmd/gaugeway

FROM ${BASE}
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /src/LICENSE /LICENSE
COPY --from=build /out/gaugeway /gaugeway
USER 65532:65532
ENTRYPOINT ["/gaugeway"]
CMD ["serve"]

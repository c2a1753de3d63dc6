// Package openinference answers the Open Inference Protocol V2, which the clients of Triton and KServe speak, over HTTP
// and gRPC. It does not read tensors, which package inference does, and it does not score rows, which package serving
// does.
package openinference

import (
	"net/http"
	"strings"
	"time"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/inferencepb"
)

const (
	prefix = "/v2"

	serverName = "iris"
	platform   = "onnx_onnxv1" // the format in which other programs get every version
)

// Options are what an API needs. All fields must be given.
type Options struct {
	Models  *serving.Models
	Handler *httpio.Handler // for the ids, the log and the errors of requests over gRPC
	Metrics *httpio.Metrics
	Version string // of Iris
}

// API answers the protocol.
type API struct {
	models    *serving.Models
	handler   *httpio.Handler
	grpcInfer *httpio.RouteMetrics // ModelInfer over gRPC, which no router finds
	version   string

	grpcTimeout time.Duration // of a request over gRPC, with the time in which its message arrives
}

// New returns an API.
func New(o Options) *API {
	return &API{
		models: o.Models, handler: o.Handler, version: o.Version, grpcTimeout: httpio.StallTimeout,
		grpcInfer: o.Metrics.Route(http.MethodPost, inferencepb.GRPCInferenceService_ModelInfer_FullMethodName),
	}
}

// Owns reports whether a path belongs to the protocol, whether or not it has a route.
func Owns(path string) bool { return path == prefix || strings.HasPrefix(path, prefix+"/") }

// InferenceError is the body of every error of the protocol.
type InferenceError struct {
	Error string `json:"error" doc:"what is wrong" example:"/inputs/0/shape: [2,3], want [-1,4]"`
}

// Fail sends a problem in the shape of the protocol.
func Fail(w http.ResponseWriter, p *problem.Problem, _ error) {
	status, text := p.Plain()
	_ = httpio.WriteJSON(w, status, InferenceError{Error: text})
}

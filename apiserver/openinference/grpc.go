package openinference

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // for requests and answers that are compressed
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/inferencepb"
)

// grpcStreams is how many requests of a connection run at the same time. More of them wait.
const grpcStreams = 64

// connectionTimeout is how long a connection may take to be set up.
const connectionTimeout = 10 * time.Second

// RunGRPC serves the protocol over gRPC on l until ctx ends, and then until linger returns. It lets the
// requests in progress finish for at most drain, and returns nil, or returns the first error. It closes l.
func (a *API) RunGRPC(
	ctx context.Context,
	l net.Listener,
	linger func(failed <-chan error) error,
	drain time.Duration,
) error {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(
			int(a.models.MaxBody),
		),
		grpc.MaxConcurrentStreams(grpcStreams),
		grpc.ConnectionTimeout(connectionTimeout),
		grpc.UnaryInterceptor(a.interceptGRPC),
		grpc.InTapHandle(a.limitTime),
	)
	inferencepb.RegisterGRPCInferenceServiceServer(server, inferenceService{API: a})
	healthpb.RegisterHealthServer(server, healthService{models: a.models})
	reflection.Register(server)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve gRPC on %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	if err := linger(failed); err != nil {
		return fmt.Errorf("serve gRPC on %s: %w", l.Addr(), err)
	}
	cut := time.AfterFunc(drain, func() {
		a.handler.Logger.Warn("requests were cut off at shutdown", "after", drain)
		server.Stop()
	})
	defer cut.Stop()
	server.GracefulStop()
	if err := <-failed; err != nil && !errors.Is(err, grpc.ErrServerStopped) {
		return fmt.Errorf("serve gRPC on %s: %w", l.Addr(), err)
	}
	return nil
}

// limitTime bounds a request as a whole, from its header on. A client that sends its message byte by byte would
// otherwise keep the memory of it for ever.
func (a *API) limitTime(ctx context.Context, _ *tap.Info) (context.Context, error) {
	bounded, cancel := context.WithTimeout(ctx, a.grpcTimeout)
	context.AfterFunc(bounded, cancel) // grpc ends ctx with the request
	return bounded, nil
}

// interceptGRPC does for every request over gRPC what httpio.Handler does over HTTP: it adds an id, translates errors
// and logs.
func (a *API) interceptGRPC(
	ctx context.Context,
	in any,
	info *grpc.UnaryServerInfo,
	handle grpc.UnaryHandler,
) (out any, err error) {
	sent, _ := metadata.FromIncomingContext(ctx)
	id := a.handler.RequestID(strings.Join(sent.Get(httpio.RequestIDHeader), ""))
	_ = grpc.SetHeader(ctx, metadata.Pairs(httpio.RequestIDHeader, id)) // fails only after the answer has begun
	log := a.handler.LogOf(id)
	defer func() {
		if v := recover(); v != nil {
			log.Error("a handler panicked", "method", info.FullMethod, "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
			out, err = nil, status.Error(codes.Internal, problem.InternalDetail)
		}
	}()
	if out, err = handle(ctx, in); err == nil {
		return out, nil
	}
	if gone := ctx.Err(); gone != nil {
		return nil, status.FromContextError(gone).Err()
	}
	p := a.handler.Translate(err)
	if p.Cause != nil {
		log.Error("a request failed", "method", info.FullMethod, "status", p.Status, "error", p.Cause)
	}
	return nil, status.Error(codeOf(p), p.Detail)
}

// codeOf returns the code of gRPC for a problem.
func codeOf(p *problem.Problem) codes.Code {
	switch p.Status {
	case http.StatusNotFound:
		return codes.NotFound
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusInternalServerError:
		return codes.Internal
	}
	return codes.InvalidArgument
}

// healthService answers gRPC's own health protocol, which Kubernetes and load balancers speak.
type healthService struct {
	healthpb.UnimplementedHealthServer
	models *serving.Models
}

// Check implements healthpb.HealthServer. It answers whether the default model can be asked.
func (h healthService) Check(
	_ context.Context,
	in *healthpb.HealthCheckRequest,
) (*healthpb.HealthCheckResponse, error) {
	if in.GetService() != "" && in.GetService() != inferencepb.GRPCInferenceService_ServiceDesc.ServiceName {
		return nil, problem.NotFound("there is no service %q", problem.Clip(in.GetService()))
	}
	state := healthpb.HealthCheckResponse_NOT_SERVING
	if h.models.Ready() == nil {
		state = healthpb.HealthCheckResponse_SERVING
	}
	return &healthpb.HealthCheckResponse{Status: state}, nil
}

package openinference

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/champions"
	"iris/internal/inferencepb"
)

// A client that opens a request and sends no message meets a limit. Another one is not affected.
func TestRunGRPC_messageThatDoesNotArrive(t *testing.T) {
	metrics := httpio.NewMetrics()
	a := New(Options{
		Models: serving.New(serving.Options{Cache: new(champions.Cache), MaxBody: 1 << 20}),
		Handler: httpio.NewHandler(httpio.Options{
			Logger: slog.New(slog.DiscardHandler), Metrics: metrics, Translate: problem.Internal,
		}),
		Metrics: metrics,
	})
	a.grpcTimeout = 100 * time.Millisecond
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	linger := func(<-chan error) error { return nil }
	go func() { ended <- a.RunGRPC(ctx, l, linger, time.Second) }()
	c, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	patience, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	stream, err := c.NewStream(patience, &grpc.StreamDesc{ClientStreams: true},
		inferencepb.GRPCInferenceService_ServerLive_FullMethodName)
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.RecvMsg(new(inferencepb.ServerLiveResponse)); err == nil || patience.Err() != nil {
		t.Errorf("got %v after %v, want the server to end the request", err, patience.Err())
	}
	if _, err := inferencepb.NewGRPCInferenceServiceClient(c).
		ServerLive(patience, new(inferencepb.ServerLiveRequest)); err != nil {
		t.Errorf("another request: %v", err)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// The log gets the cause of an internal error, the client does not.
func TestInterceptGRPC(t *testing.T) {
	var log bytes.Buffer
	metrics := httpio.NewMetrics()
	a := New(Options{
		Models: serving.New(serving.Options{Cache: new(champions.Cache)}),
		Handler: httpio.NewHandler(httpio.Options{
			Logger: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics, Translate: problem.Internal,
		}),
		Metrics: metrics,
	})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for name, test := range map[string]struct {
		ctx    context.Context
		handle grpc.UnaryHandler
		code   codes.Code
	}{
		"a panic": {t.Context(), func(context.Context, any) (any, error) { panic("secret") }, codes.Internal},
		"an unexpected error": {
			t.Context(), func(context.Context, any) (any, error) { return nil, errors.New("secret") }, codes.Internal,
		},
		"a client that hung up": {
			gone, func(context.Context, any) (any, error) { return nil, httpio.ErrHungUp }, codes.Canceled,
		},
	} {
		t.Run(name, func(t *testing.T) {
			log.Reset()
			_, err := a.interceptGRPC(test.ctx, nil, &grpc.UnaryServerInfo{FullMethod: "/x"}, test.handle)
			if status.Code(err) != test.code || strings.Contains(err.Error(), "secret") {
				t.Errorf("got %v, want code %s without the cause", err, test.code)
			}
			if internal := test.code == codes.Internal; internal != strings.Contains(log.String(), "secret") {
				t.Errorf("logged %q, want the cause: %v", log.String(), internal)
			} else if internal && !strings.Contains(err.Error(), "internal error") {
				t.Errorf("got %v, want an internal error", err)
			}
		})
	}
}

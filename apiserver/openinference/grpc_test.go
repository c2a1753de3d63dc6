package openinference

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"iris/apiserver/httpio"
	"iris/apiserver/problem"
	"iris/apiserver/serving"
	"iris/internal/champions"
)

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

package apiserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"iris/apiserver/httpio"
)

const (
	headerTimeout = 10 * time.Second // to send the header of a request
	idleTimeout   = 2 * time.Minute  // between the requests of a connection
	drainTimeout  = 15 * time.Second
	maxHeader     = 64 << 10 // bytes
)

// Run serves l until ctx ends, lets the requests under way finish and returns nil, or returns the first error. It
// closes l.
// Bodies and answers have no overall deadline, since an upload may be slow and large: each must only keep moving.
func (s *Server) Run(ctx context.Context, l net.Listener) error {
	server := s.httpServer()
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
	defer cancel()
	err := server.Shutdown(drain)
	if errors.Is(err, context.DeadlineExceeded) {
		s.Logger.Warn("requests were cut off at shutdown", "after", s.drain)
		err = server.Close()
	}
	if served := <-failed; err == nil && !errors.Is(served, http.ErrServerClosed) {
		err = served
	}
	return err
}

// RunGRPC serves the Open Inference Protocol over gRPC on l, as Run serves HTTP.
func (s *Server) RunGRPC(ctx context.Context, l net.Listener) error {
	return s.inference.RunGRPC(ctx, l, s.drain)
}

// httpServer is the server that Run runs. Its ReadTimeout is no bound of a whole body: while one arrives, exchange
// moves
// the deadline on. That it is set already when a request begins costs the many small ones nothing.
func (s *Server) httpServer() *http.Server {
	return &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       httpio.StallTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeader,
		ErrorLog:          slog.NewLogLogger(s.Logger.Handler(), slog.LevelWarn),
	}
}
